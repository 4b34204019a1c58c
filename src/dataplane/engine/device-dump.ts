import type { Mac } from '../../values/mac.ts'
import type { Link, ObservedEntry } from '../driver.ts'
import type { TableEntry, TableKind } from '../kinds/index.ts'
import { remoteOf } from '../kinds/remote-mac.ts'
import type { Flood, LocalMac, RemoteMac } from '../model.ts'
import type { AnyTable, Device } from './device.ts'

/** A longer flood list does not leave and come back in one batch. */
const MOST_FLOODS_AT_ONCE = 128

/** A look at what the kernel holds for one device, in steps, so that nothing waits for a large one. */
export class DeviceDump {
  private readonly device: Device
  private readonly link: Link
  /** Interfaces that have meanwhile cost the device entries, maybe, which were seen or not. */
  readonly disrupted = new Set<string>()
  private readonly steps: Generator<readonly ObservedEntry[], void>
  private readonly found = new Map<TableKind, TableEntry[]>()
  /** The halves of remote MACs: the VXLAN device's own, and the MACs that its bridge has behind it. */
  private readonly remote = new Map<Mac, RemoteMac>()
  private readonly bridgeMacs = new Map<Mac, LocalMac>()
  /** What setting it does not change. */
  private readonly stuck: (LocalMac | RemoteMac)[] = []
  private unmarkedFloods = 0

  constructor(device: Device, link: Link, steps: Generator<readonly ObservedEntry[], void>) {
    this.device = device
    this.link = link
    this.steps = steps
  }

  /** Looks at the next chunk; true when there are no more. */
  step(): boolean {
    const { done, value } = this.steps.next()
    if (done) return true
    for (const observed of value) this.add(observed)
    return false
  }

  /** Hands what was found to the device's tables. */
  finish(): void {
    const isFirst = this.device.index === null
    for (const [table, entries] of this.result()) table.compare(entries, isFirst)
    for (const entry of [...this.stuck, ...this.restartedFloods()]) this.device.table(entry.kind).stick(entry)
  }

  /** What was found, for each table of the device. */
  *result(): Generator<[AnyTable, Iterable<TableEntry>], void> {
    const isVxlan = this.link.kind === 'vxlan'
    const kinds = new Set([...this.found.keys(), ...this.device.tables.keys()])
    if (isVxlan) kinds.add('remote-mac')
    for (const kind of kinds) {
      const found = isVxlan && kind === 'remote-mac' ? this.whole() : (this.found.get(kind) ?? [])
      const restarted = kind === 'flood' ? this.restartedFloods() : []
      yield [this.device.table(kind), restarted.length > 0 ? restarted : found]
    }
  }

  abandon(): void {
    this.steps.return()
  }

  /** Those of a list without our mark in which nothing but ours is left: it gets the mark when all leave it and come back. */
  private restartedFloods(): Flood[] {
    const floods = (this.found.get('flood') ?? []) as Flood[]
    const isOurs =
      floods.length === this.unmarkedFloods &&
      floods.length <= MOST_FLOODS_AT_ONCE &&
      floods.every((entry) => this.device.table('flood').holds(entry))
    return isOurs ? floods.map((entry) => ({ ...entry, drift: { ...entry.drift, flags: 0 } })) : []
  }

  private add({ entry, marked, external = false, inUnmarkedList = false }: ObservedEntry): void {
    if (inUnmarkedList) this.unmarkedFloods++
    switch (entry.kind) {
      case 'remote-mac':
        if (marked || this.device.table(entry.kind).wants(entry))
          this.remote.set(entry.mac, asFound(entry, marked))
        if (!marked || entry.drift) this.stuck.push(entry)
        return
      case 'local-mac':
        if (this.link.kind !== 'vxlan') {
          // any other the bridge may age or move
          if (marked || (external && this.device.table(entry.kind).holds(entry))) this.keep(entry)
          else if (this.device.table(entry.kind).wants(entry)) this.stuck.push(entry)
        } else if (marked) this.bridgeMacs.set(entry.mac, entry)
        else this.stuck.push(remoteOf(entry))
        return
      default: {
        const table = this.device.table(entry.kind)
        if (marked || (!table.isMarked && table.holds(entry))) this.keep(entry)
      }
    }
  }

  private keep(entry: TableEntry): void {
    const entries = this.found.get(entry.kind)
    if (entries === undefined) this.found.set(entry.kind, [entry])
    else entries.push(entry)
  }

  /** Remote MACs of which both halves are there; a half that nobody wants stands for a MAC that is nowhere, so that it counts as another one. */
  private *whole(): Generator<TableEntry, void> {
    const table = this.device.table('remote-mac')
    for (const entry of this.remote.values()) {
      if (this.link.master === null || this.bridgeMacs.has(entry.mac)) yield entry
      else if (!table.wants(entry)) yield remoteOf(entry)
    }
    for (const bridged of this.bridgeMacs.values()) {
      const half = remoteOf(bridged)
      if (!this.remote.has(half.mac) && !table.wants(half)) yield half
    }
  }
}

/** One without our mark is not as wanted, whatever else it says. */
function asFound(entry: RemoteMac, marked: boolean): RemoteMac {
  return marked || entry.drift ? entry : { ...entry, drift: {} }
}
