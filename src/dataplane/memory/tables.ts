import { constants } from 'node:os'
import { isIpv4 } from '../../values/address.ts'
import type { Key } from '../../values/key-map.ts'
import { ensure } from '../../values/map.ts'
import type { ObservedEntry } from '../driver.ts'
import { TABLE_KINDS, type TableEntry, type TableKind, tableDefinition } from '../kinds/index.ts'
import type { Hop, LabelRoute, LocalMac, RemoteMac, VrfRoute } from '../model.ts'
import { kernelRefusal, missing, partly, type Refusal } from '../refusal.ts'

/** Entries of which no bridge has a part. */
export type OwnEntry = Exclude<TableEntry, LocalMac | RemoteMac>

/** Kinds that no kernel can mark as owned. */
const UNMARKED: ReadonlySet<string> = new Set<OwnEntry['kind']>(['mpls-interface', 'udp-port'])
/** Kinds whose removal the kernel does not notify. */
const SILENT: ReadonlySet<string> = new Set<OwnEntry['kind']>(['proxy-neighbour', 'udp-port'])

type EntryTable = Map<Key, ObservedEntry<OwnEntry>>

/** Entries as plain maps, with the effects that Linux gives an interface that goes down or is removed. A kind needs nothing here to be held. */
export class MemoryTables {
  /** Those of each device or routing table. */
  private readonly held = new Map<string, Map<TableKind, EntryTable>>()
  private readonly keys = new Map(TABLE_KINDS.map((kind) => [kind, tableDefinition(kind).layout().key]))
  private readonly isUp: (device: string) => boolean | undefined
  private readonly notify: (observed: ObservedEntry, present: boolean) => void

  /** `isUp` is undefined of an interface that does not exist. */
  constructor(
    isUp: (device: string) => boolean | undefined,
    notify: (observed: ObservedEntry, present: boolean) => void,
  ) {
    this.isUp = isUp
    this.notify = notify
  }

  get(entry: OwnEntry): OwnEntry | undefined {
    const held = this.find(entry)?.entry
    return held && ({ ...held, device: entry.device } as OwnEntry)
  }

  /** Returns why it was refused, if it was. */
  set(entry: OwnEntry, marked: boolean): Refusal | null {
    if (entry.kind !== 'route' && entry.kind !== 'mpls') return this.hold(entry, marked)
    const refusals = entry.hops.map((hop) => this.unusable(hop, entry))
    const refusal = refusals.find((each) => each !== null) ?? null
    if (refusal === null) return this.hold(entry, marked)
    const hops = entry.hops.filter((_, i) => refusals[i] === null)
    if (entry.kind === 'mpls' || hops.length === 0) return refusal
    this.hold({ ...entry, hops }, marked)
    return partly(refusal)
  }

  remove(entry: OwnEntry): void {
    this.drop(this.find(entry))
  }

  /** Removes what the interface had. */
  lose(device: string): void {
    this.goDown(device)
    for (const { entry } of this.allOf('mpls'))
      if ('hops' in entry && entry.hops.some((hop) => hop.device === device)) this.remove(entry)
    for (const observed of this.at(device)) this.drop(observed)
    this.held.delete(device)
  }

  rename(device: string, to: string): void {
    const all = this.at(device)
    this.held.delete(device)
    for (const { entry, marked } of all) this.keep({ entry: { ...entry, device: to } as OwnEntry, marked })
  }

  /** The interface went down: removes, without a notification, hops through it (with the last hop the route) and addresses that it answers for. */
  goDown(device: string): void {
    for (const { entry, marked } of this.allOf('route'))
      if (entry.kind === 'route') this.shrink(entry, marked, device)
    for (const [kind, table] of this.held.get(device) ?? [])
      if (tableDefinition(kind).isLostSilently) table.clear()
    for (const observed of this.at(device)) {
      const { entry } = observed
      if (entry.kind === 'fixed-neighbour' || (entry.kind === 'address' && !isIpv4(entry.ip)))
        this.drop(observed)
    }
  }

  /** Removes the owned entries of a routing table. */
  clear(table: number): void {
    for (const observed of this.at(ownerOfTable(table))) if (observed.marked) this.drop(observed)
  }

  /** The observed entries of a device; a VRF's routes are those of its routing table. */
  *of(device: string, table: number | null): Generator<ObservedEntry, void> {
    yield* this.at(device)
    for (const observed of table === null ? [] : this.at(ownerOfTable(table)))
      yield { ...observed, entry: { ...observed.entry, device } as OwnEntry }
  }

  private unusable({ device }: Hop, { kind }: VrfRoute | LabelRoute): Refusal | null {
    const up = this.isUp(device)
    if (up === undefined) return missing(device)
    return up || kind === 'mpls' ? null : kernelRefusal(constants.errno.ENETDOWN, 'Nexthop device is not up')
  }

  private hold(entry: OwnEntry, marked: boolean): null {
    const observed = { entry, marked: marked && !UNMARKED.has(entry.kind) }
    this.keep(observed)
    this.notify(observed, true)
    return null
  }

  private shrink(route: VrfRoute, marked: boolean, device: string): void {
    const hops = route.hops.filter((hop) => hop.device !== device)
    if (hops.length === route.hops.length) return
    if (hops.length === 0) this.tableOf(route)?.delete(this.keyOf(route))
    else this.keep({ entry: { ...route, hops }, marked })
  }

  private drop(observed: ObservedEntry<OwnEntry> | undefined): void {
    if (observed === undefined) return
    const { entry } = observed
    if (this.tableOf(entry)?.delete(this.keyOf(entry)) && !SILENT.has(entry.kind))
      this.notify(observed, false)
  }

  private keep(observed: ObservedEntry<OwnEntry>): void {
    const { entry } = observed
    const tables = ensure(this.held, ownerOf(entry), () => new Map<TableKind, EntryTable>())
    ensure(tables, entry.kind, (): EntryTable => new Map()).set(this.keyOf(entry), observed)
  }

  private find(entry: OwnEntry): ObservedEntry<OwnEntry> | undefined {
    return this.tableOf(entry)?.get(this.keyOf(entry))
  }

  private tableOf(entry: OwnEntry): EntryTable | undefined {
    return this.held.get(ownerOf(entry))?.get(entry.kind)
  }

  private keyOf(entry: OwnEntry): Key {
    return this.keys.get(entry.kind)!(entry)
  }

  private at(owner: string): ObservedEntry<OwnEntry>[] {
    return [...(this.held.get(owner)?.values() ?? [])].flatMap((table) => [...table.values()])
  }

  private allOf(kind: TableKind): ObservedEntry<OwnEntry>[] {
    return [...this.held.values()].flatMap((tables) => [...(tables.get(kind)?.values() ?? [])])
  }
}

/** Routes belong to their routing table, whichever VRF has it. */
function ownerOf(entry: OwnEntry): string {
  return 'table' in entry ? ownerOfTable(entry.table) : entry.device
}

function ownerOfTable(table: number): string {
  return `table ${table}`
}
