import { Worker } from 'node:worker_threads'
import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import type { InterfaceAddress, Ip } from '../../values/address.ts'
import { identity, KINDS } from '../kinds/index.ts'
import type { Dataplane, Entry, EntryStatus, NextHop } from '../model.ts'
import type { PortQuestion } from '../survey.ts'
import type { DataplaneSummary, DataplaneView, Lists } from '../view.ts'
import { closeBell, makeBell, ring, ringLast } from './bell.ts'
import type { Call, Calls, Order, Report, Result, Slices, ThreadData, ThreadOptions } from './messages.ts'
import { Outbox } from './outbox.ts'
import { unpackStatuses } from './packing.ts'

/** How long to wait for a summary before the last one is used. */
const SUMMARY_MS = 1000
/** How long the thread has to end; a call of the kernel may take longer. */
const STOP_MS = 2000

/** The file that the thread runs: as source, or beside the bundle. */
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)

export interface ForwardingThreadOptions {
  readonly clock: Clock
  readonly events: EventSink
  readonly options: ThreadOptions
  /** The file that the thread runs. */
  readonly entry?: URL
  /** Called when the thread has ended without a request: nothing is forwarded any more. */
  readonly died: (reason: string) => void
}

interface PendingCall {
  readonly since: number
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** A forwarding loop in a thread of its own, in the network namespace of the creating thread. A slow kernel thus holds up no other work. */
export class ForwardingThread implements Dataplane, DataplaneView {
  readonly kinds = KINDS
  readonly describe = identity
  /** Ids of owned XDP programs that may be on bridges. */
  programs: readonly number[]
  private readonly clock: Clock
  private readonly events: EventSink
  private readonly bell = makeBell()
  private readonly worker: Worker
  private readonly asked = new Map<number, PendingCall>()
  private readonly followers = new Map<Ip, (nextHop: NextHop | null) => void>()
  private addressesChanged: (addresses: readonly InterfaceAddress[]) => void = () => {}
  private lastId = 0
  private readonly outbox: Outbox
  private lastSlice: Promise<unknown> = Promise.resolve()
  private lastSummary: DataplaneSummary | null = null
  private isStopping = false

  constructor({ clock, events, options, entry = ENTRY, died }: ForwardingThreadOptions) {
    this.clock = clock
    this.events = events
    this.programs = options.former.programs
    this.outbox = new Outbox(clock, (order) => this.post(order))
    this.worker = new Worker(entry, {
      workerData: { bell: this.bell, options } satisfies ThreadData,
      name: 'forwarding',
    })
    this.worker.on('message', (report: Report) => this.handle(report))
    const ended = (reason: string) => {
      // after the order to end, no caller waits for its answers
      if (this.isStopping) return
      for (const { reject } of this.asked.values()) reject(new Error(reason))
      this.asked.clear()
      died(reason)
    }
    this.worker.on('error', (error) => ended(`the forwarding thread failed: ${error.stack ?? error}`))
    const wakeLast = () => ringLast(this.bell)
    process.once('exit', wakeLast)
    this.worker.on('exit', () => {
      process.off('exit', wakeLast)
      closeBell(this.bell)
      ended('the forwarding thread has ended')
    })
  }

  want(entry: Entry): void {
    this.outbox.change(entry, 'want')
  }

  unwant(entry: Entry): void {
    this.outbox.change(entry, 'unwant')
  }

  release(entry: Entry): void {
    this.outbox.change(entry, 'release')
  }

  clear(entries: readonly Entry[]): void {
    this.outbox.order({ do: 'clear', entries })
  }

  start(): void {
    this.outbox.order({ do: 'start' })
  }

  /** Sent after all earlier answers, since the desired state may follow from them. */
  setResync(ms: number): void {
    this.outbox.order({ do: 'resync', ms })
  }

  complete(): void {
    const complete = () => this.outbox.order({ do: 'complete' })
    // the cheapest question
    this.call('find', []).then(complete, () => {})
  }

  watchNextHop(ip: Ip, changed: (nextHop: NextHop | null) => void): void {
    this.followers.set(ip, changed)
    this.outbox.order({ do: 'watchNextHop', ip })
  }

  unwatchNextHop(ip: Ip): void {
    this.followers.delete(ip)
    this.outbox.order({ do: 'unwatchNextHop', ip })
  }

  watchAddresses(changed: (addresses: readonly InterfaceAddress[]) => void): void {
    this.addressesChanged = changed
    this.outbox.order({ do: 'watchAddresses' })
  }

  settled(entries: readonly Entry[]): Promise<readonly EntryStatus[]> {
    return this.call('settled', entries)
  }

  gone(entries: readonly Entry[]): Promise<void> {
    return this.call('gone', entries)
  }

  rename(device: string, name: string) {
    return this.call('rename', device, name)
  }

  interfaceNamed(name: string) {
    return this.call('interfaceNamed', name)
  }

  vrfOf(alias: string) {
    return this.call('vrfOf', alias)
  }

  vrfLeftWith(port: string, bridge: string | null) {
    return this.call('vrfLeftWith', port, bridge)
  }

  survey(asked: PortQuestion) {
    return this.call('survey', asked)
  }

  staleDevices(entries: readonly Entry[]) {
    return this.call('staleDevices', entries)
  }

  vxlansOn(port: number) {
    return this.call('vxlansOn', port)
  }

  isVniTaken(vni: number, port: number) {
    return this.call('isVniTaken', vni, port)
  }

  isolationOf(bridge: string) {
    return this.call('isolationOf', bridge)
  }

  vxlanIn(bridge: string, vni: number) {
    return this.call('vxlanIn', bridge, vni)
  }

  isLabelTaken(label: number) {
    return this.call('isLabelTaken', label)
  }

  isTableTaken(table: number) {
    return this.call('isTableTaken', table)
  }

  verify() {
    return this.call('verify')
  }

  counts() {
    return this.call('counts')
  }

  find(entries: readonly Entry[]) {
    return this.call('find', entries)
  }

  async *entries(devices?: ReadonlySet<string>) {
    for await (const slice of this.walk('entries', devices)) yield unpackStatuses(slice)
  }

  failures() {
    return this.walk('failures')
  }

  settings() {
    return this.walk('settings')
  }

  /** The thread's own summary; while the kernel keeps the thread waiting, the last one, with the time since when it waits. */
  async summary(bridges: readonly string[]): Promise<DataplaneSummary> {
    const fresh = this.call('summary', bridges).then((summary) => {
      this.lastSummary = summary
      return summary
    })
    const last = this.lastSummary
    if (last === null) return fresh
    let cancel = () => {}
    const late = new Promise<null>((resolve) => {
      cancel = this.clock.after(SUMMARY_MS, () => resolve(null))
    })
    const summary = await Promise.race([fresh, late])
    cancel()
    if (summary !== null) return summary
    fresh.catch(() => {})
    return { ...last, silentSince: this.silentSince() }
  }

  /** Ends the loop, and every wait for it; the kernel stays as it is. */
  async stop(): Promise<void> {
    this.isStopping = true
    let cancel = () => {}
    const late = new Promise<void>((resolve) => {
      cancel = this.clock.after(STOP_MS, resolve)
    })
    await Promise.race([this.call('stop').catch(() => {}), late])
    cancel()
    this.worker.unref()
  }

  /** Since when the oldest answer of the thread has been due, in epoch milliseconds. */
  private silentSince(): number | null {
    const [first] = this.asked.values()
    return first === undefined ? null : Math.round(this.clock.epoch() - (this.clock.now() - first.since))
  }

  private post(order: Order): void {
    this.worker.postMessage(order)
    ring(this.bell)
  }

  private call<C extends Call>(call: C, ...args: Parameters<Calls[C]>): Promise<Result<C>> {
    return new Promise((resolve, reject) => {
      const id = ++this.lastId
      this.asked.set(id, { since: this.clock.now(), resolve: resolve as (result: unknown) => void, reject })
      this.outbox.order({ do: 'call', id, call, args })
    })
  }

  private async *walk<L extends keyof Lists>(
    list: L,
    devices?: ReadonlySet<string>,
  ): AsyncGenerator<Slices[L], void> {
    const walk = await this.call('walk', list, devices)
    try {
      for (;;) {
        const slice = await this.nextSlice(walk)
        if (slice === null) return
        yield slice as Slices[L]
      }
    } finally {
      if (!this.isStopping) void this.call('abandon', walk).catch(() => {})
    }
  }

  /** One slice is on its way at a time: reading those of many walks at once would hold up all others. */
  private nextSlice(walk: number): Promise<Result<'slice'>> {
    const slice = this.lastSlice.then(() => this.call('slice', walk))
    this.lastSlice = slice.catch(() => {})
    return slice
  }

  private handle(report: Report): void {
    switch (report.type) {
      case 'result':
        this.asked.get(report.id)?.resolve(report.result)
        this.asked.delete(report.id)
        return
      case 'failure':
        this.asked.get(report.id)?.reject(new Error(report.reason))
        this.asked.delete(report.id)
        return
      case 'next-hop':
        return this.followers.get(report.ip)?.(report.nextHop)
      case 'addresses':
        return this.addressesChanged(report.addresses)
      case 'taken':
        return this.outbox.taken()
      case 'programs':
        this.programs = report.programs
        return
      case 'events':
        for (const event of report.events) this.events.emit(event)
        return
      default:
        return report satisfies never
    }
  }
}
