import type { PersistentClock } from '../../clock.ts'
import { assert } from '../../values/assert.ts'
import type { Driver } from '../driver.ts'
import type { Reconciler } from '../engine/reconciler.ts'
import type { Eventual } from '../eventual.ts'
import type { Entry, EntryStatus } from '../model.ts'
import { answers, type Lists } from '../view.ts'
import { type Call, type Calls, CHANGES, type Order, type Report, type Slice } from './messages.ts'
import { type PackedIdentities, type PackedStatuses, packStatuses, unpack } from './packing.ts'

type Walk = Iterator<Eventual<Slice>>

export interface HostDependencies {
  /** Options of the loop. */
  readonly clock: Pick<PersistentClock, 'faults'>
  readonly reconciler: Reconciler
  readonly driver: Pick<Driver, 'programs' | 'close'>
  readonly report: (report: Report) => void
  /** Called when it has stopped. */
  readonly ended: () => void
}

/** The forwarding loop at the thread's end of the messages. */
export class ThreadHost {
  private readonly reconciler: Reconciler
  private readonly driver: HostDependencies['driver']
  private readonly report: (report: Report) => void
  private readonly ended: () => void
  private readonly lists: Lists
  private readonly calls: Calls
  private readonly walks = new Map<number, Walk>()
  private lastWalk = 0
  /** The program ids that were reported last. */
  private programs = ''

  constructor({ clock, reconciler, driver, report, ended }: HostDependencies) {
    this.reconciler = reconciler
    this.driver = driver
    this.report = report
    this.ended = ended
    const { lists, counts, find, summary } = answers(reconciler, clock)
    this.lists = lists
    this.calls = {
      interfaceNamed: (name) => reconciler.interfaceNamed(name),
      vrfOf: (alias) => reconciler.vrfOf(alias),
      vrfLeftWith: (port, bridge) => reconciler.vrfLeftWith(port, bridge),
      survey: (asked) => reconciler.survey(asked),
      staleDevices: (entries) => reconciler.staleDevices(entries),
      vxlansOn: (port) => reconciler.vxlansOn(port),
      isVniTaken: (vni, port) => reconciler.isVniTaken(vni, port),
      isolationOf: (bridge) => reconciler.isolationOf(bridge),
      vxlanIn: (bridge, vni) => reconciler.vxlanIn(bridge, vni),
      isLabelTaken: (label) => reconciler.isLabelTaken(label),
      isTableTaken: (table) => reconciler.isTableTaken(table),
      settled: (entries) => reconciler.settled(entries),
      rename: (device, name) => reconciler.rename(device, name),
      gone: (entries) => reconciler.gone(entries),
      verify: () => reconciler.verifier.verify(),
      counts,
      find,
      summary,
      walk: (list, devices) => this.walk(list, devices),
      slice: (walk) => this.slice(walk),
      abandon: (walk) => void this.walks.delete(walk),
      stop: async () => this.stop(),
    }
  }

  take(order: Order): void {
    const { reconciler } = this
    switch (order.do) {
      case 'change':
        this.report({ type: 'taken' })
        return this.change(unpack(order.entries), order.changes)
      case 'unwant':
        this.report({ type: 'taken' })
        return this.unwant(order.entries)
      case 'clear':
        return reconciler.clear(order.entries)
      case 'start':
        return reconciler.start()
      case 'resync':
        return reconciler.setResync(order.ms)
      case 'complete':
        return reconciler.complete()
      case 'watchAddresses':
        return reconciler.watchAddresses((addresses) => this.report({ type: 'addresses', addresses }))
      case 'watchNextHop':
        return reconciler.watchNextHop(order.ip, (nextHop) =>
          this.report({ type: 'next-hop', ip: order.ip, nextHop }),
        )
      case 'unwatchNextHop':
        return reconciler.unwatchNextHop(order.ip)
      case 'call':
        return void this.answer(order.id, order.call, order.args)
      default:
        return order satisfies never
    }
  }

  private change(entries: readonly Entry[], changes: Uint8Array): void {
    const { reconciler } = this
    assert(entries.length === changes.length, 'a message has other changes than entries', entries.length)
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!
      const change = CHANGES[changes[i]!]!
      if (change === 'want') reconciler.want(entry)
      else if (change === 'unwant') reconciler.unwant(entry)
      else reconciler.release(entry)
    }
  }

  private unwant({ tables, others }: PackedIdentities): void {
    const { reconciler } = this
    for (const { kind, device, keys } of tables) reconciler.unwantAll(kind, device, keys)
    for (const entry of others) reconciler.unwant(entry)
  }

  private async answer(id: number, call: Call, args: readonly unknown[]): Promise<void> {
    try {
      const run = this.calls[call] as (...args: readonly unknown[]) => unknown
      const result = run(...args)
      const settled = result instanceof Promise ? await result : result
      this.reportPrograms()
      this.report({ type: 'result', id, result: settled })
    } catch (error) {
      this.report({ type: 'failure', id, reason: error instanceof Error ? error.message : String(error) })
    }
  }

  /** Sent before the answers to which they belong, so that a caller can store them with its state. */
  private reportPrograms(): void {
    const { programs } = this.driver
    const text = programs.join()
    if (text === this.programs) return
    this.programs = text
    this.report({ type: 'programs', programs })
  }

  private walk(list: keyof Lists, devices?: ReadonlySet<string>): number {
    const slices = list === 'entries' ? packed(this.lists.entries(devices)) : this.lists[list]()
    this.walks.set(++this.lastWalk, slices[Symbol.iterator]())
    return this.lastWalk
  }

  private slice(walk: number): Eventual<Slice | null> {
    const next = this.walks.get(walk)?.next()
    if (next !== undefined && !next.done) return next.value
    this.walks.delete(walk)
    return null
  }

  private stop(): void {
    this.reconciler.stop()
    this.driver.close()
    this.ended()
  }
}

function* packed(slices: Iterable<readonly EntryStatus[]>): Generator<PackedStatuses, void> {
  for (const slice of slices) yield packStatuses(slice)
}
