import type { Key } from '../../values/key-map.ts'
import type { Mac } from '../../values/mac.ts'
import type { Link } from '../driver.ts'
import {
  type DeviceEntry,
  isPortEntry,
  type LinkEntry,
  type PortEntry,
  portDefinition,
  TABLE_KINDS,
  type TableEntry,
  type TableKind,
  tableDefinition,
} from '../kinds/index.ts'
import type { Entry, Outage } from '../model.ts'
import type { Refusal } from '../refusal.ts'
import type { DeviceDump } from './device-dump.ts'
import { Table } from './table.ts'
import { UnmanagedEntries } from './unmanaged.ts'

/** A table of any kind; pass it only entries of its kind. */
export type AnyTable = Table<TableEntry, Key, unknown>

/** Why nothing can be set on a device; times are in epoch milliseconds. */
export interface Failure {
  readonly refusal: Refusal
  readonly since: number
  /** When to check it again; null when the retries of its link or port decide. */
  readonly nextTry: number | null
}

/** Everything wanted of one interface, and its observed state. Only its own methods change it. */
export class Device {
  readonly name: string
  readonly link: LinkEntry | null = null
  readonly port: PortEntry | null = null
  /** Previously wanted state that is undone when nothing else is left to do. */
  readonly leavingLink: LinkEntry | null = null
  readonly leavingPort: PortEntry | null = null
  /** Index, master and MAC address of the interface when last observed. */
  readonly observedIndex: number | null = null
  readonly master: string | null = null
  readonly mac: Mac | null = null
  /** Whether the interface was owned when last observed; null before that. */
  readonly owned: boolean | null = null
  /** Whether its interface is to be recreated once the desired state is complete. */
  readonly outdated: boolean = false
  /** Whether everything wanted of it is known, and the rest may go. */
  readonly complete: boolean = false
  /** Index of the interface last observed as the port, whatever its name is now. */
  readonly enslaved: number | null = null
  /** Index of the interface whose entries are known; null before its first dump. */
  readonly index: number | null = null
  /** Whether its entries have been known at any time since it became wanted. */
  readonly adopted: boolean = false
  /** Whether its entries need another dump, since notifications were lost. */
  readonly unsure: boolean = false
  readonly dump: DeviceDump | null = null
  /** Whether unwanted entries came, went or changed since its last dump began. */
  readonly disturbed: boolean = false
  /** Dumps and queries that failed since the last complete dump. */
  readonly failedReads: number = 0
  /** Why nothing can be set on it: the interface is missing or refused, or its port is not programmed. */
  readonly failure: Failure | null = null
  /** Why an external port passes no traffic. */
  readonly outage: Outage | null = null
  /** Since when it has something to remove, in epoch milliseconds; null when it has nothing. */
  readonly leavingSince: number | null = null
  /** Since when it has work left, in epoch milliseconds; null when it has none. */
  readonly waitingSince: number | null = null
  readonly unmanaged = new UnmanagedEntries()
  readonly tables = new Map<TableKind, AnyTable>()

  private readonly crossed: (device: Device) => void

  /** `crossed` is called when the device first has entries that need other interfaces. */
  constructor(name: string, crossed: (device: Device) => void) {
    this.name = name
    this.crossed = crossed
  }

  /** Whether entries can be set now. */
  get accepting(): boolean {
    return this.index !== null && this.failure === null
  }

  get hasSets(): boolean {
    return this.accepting && [...this.tables.values()].some((table) => table.waiting > 0)
  }

  /** Whether a change of the entry by another program is to be undone: it is wanted, or is not and has our mark. */
  repairs(entry: TableEntry): boolean {
    const table = this.tables.get(entry.kind)
    if (table?.wants(entry)) return true
    return this.complete && this.index !== null && table?.remains(entry) !== true
  }

  /** How many entry removals are left. */
  get removing(): number {
    if (this.index === null) return 0
    let removing = 0
    for (const [kind, table] of this.tables) if (!this.goesWithLink(kind)) removing += table.removing
    return removing
  }

  /** How many removals of it are left. */
  get leavingSize(): number {
    let size = Number(this.leavingLink !== null) + Number(this.leavingPort !== null)
    for (const table of this.tables.values()) size += table.leavingSize
    return size
  }

  /** Whether entries of that kind are removed with the link. */
  goesWithLink(kind: TableKind): boolean {
    return this.leavingLink !== null && tableDefinition(kind).goesWithLink === true
  }

  /** Whether nothing of it is wanted, left to do or known to be stale. */
  get isIdle(): boolean {
    return (
      this.link === null &&
      this.port === null &&
      this.leavingLink === null &&
      this.leavingPort === null &&
      [...this.tables.values()].every((table) => table.isIdle)
    )
  }

  /** Whether it holds no owned entries, now that it has been enslaved as that link. */
  isEmptiedAs(link: Link): boolean {
    if (this.index !== null || this.dump !== null || this.port === null) return false
    return portDefinition(this.port.kind).isEmptied?.(link) ?? false
  }

  /** How many entries of it are wanted. */
  get size(): number {
    let size = Number(this.link !== null) + Number(this.port !== null)
    for (const table of this.tables.values()) size += table.size
    return size
  }

  /** Whether nothing of it is wanted. */
  get isUnwanted(): boolean {
    return this.size === 0
  }

  /** The desired state of its link or port. */
  wanted(entry: DeviceEntry): DeviceEntry | null {
    return isPortEntry(entry) ? this.port : this.link
  }

  /** The part of its link or port that is to be undone. */
  leaving(entry: DeviceEntry): DeviceEntry | null {
    return isPortEntry(entry) ? this.leavingPort : this.leavingLink
  }

  /** Records that it has work to do, since then at the latest; in epoch milliseconds, as `leave`. */
  wait(since: number): void {
    own(this).waitingSince ??= since
  }

  /** Records that something of it is to be removed, since then at the latest. */
  leave(since: number): void {
    own(this).leavingSince ??= since
  }

  /** Records that it has no work left. */
  rest(): void {
    own(this).waitingSince = null
  }

  /** Records a removal, perhaps the last one left. */
  settleLeaving(): void {
    if (this.leavingSize === 0) own(this).leavingSince = null
  }

  portRemoved(): void {
    own(this).leavingPort = null
  }

  linkRemoved(): void {
    own(this).leavingLink = null
  }

  /** Records its observed interface; undefined: there is none. */
  observed(link: Pick<Link, 'index' | 'mac' | 'outdated'> | undefined): void {
    own(this).observedIndex = link?.index ?? null
    own(this).outdated = link?.outdated ?? false
    own(this).mac = link?.mac ?? null
  }

  /** Records the MAC address of its interface; returns whether it had another one. */
  setMac(mac: Mac | null): boolean {
    const before = this.mac
    own(this).mac = mac
    return before !== null && before !== mac
  }

  /** Records whether its interface is owned; returns whether that changed. */
  setOwned(owned: boolean): boolean {
    const before = this.owned
    own(this).owned = owned
    return before !== null && before !== owned
  }

  moved(master: string | null): void {
    own(this).master = master
  }

  /** Records that the observed interface is the port. */
  setEnslaved(): void {
    own(this).enslaved = this.observedIndex
  }

  fail(failure: Failure | null): void {
    own(this).failure = failure
  }

  setOutage(outage: Outage | null): void {
    own(this).outage = outage
  }

  /** Records that notifications of its entries were lost. */
  doubt(): void {
    own(this).unsure = true
  }

  /** Records that unwanted entries came, went or changed. */
  disturb(): void {
    own(this).disturbed = true
  }

  /** Queues all wanted entries, since unwanted ones may have come, gone or changed as well. */
  refill(): void {
    this.disturb()
    for (const table of this.tables.values()) table.refill()
  }

  /** Records that everything wanted of it is known. */
  setComplete(): void {
    own(this).complete = true
  }

  /** Records that its entries are known. */
  adopt(): void {
    own(this).adopted = true
  }

  /** Records that it is newly created or newly enslaved, and holds nothing. */
  startEmpty(index: number): void {
    own(this).index = index
    own(this).unsure = false
    this.adopt()
  }

  beginDump(dump: DeviceDump): void {
    this.dump?.abandon()
    own(this).unsure = false
    own(this).disturbed = false
    own(this).dump = dump
  }

  /** The dump is complete: the entries of the interface are known. */
  endDump(): void {
    own(this).dump = null
    own(this).failedReads = 0
    own(this).index = this.observedIndex
  }

  /** It could not be read; returns how often since the last complete dump. */
  unread(): number {
    return ++own(this).failedReads
  }

  want(entry: DeviceEntry): void {
    if (isPortEntry(entry)) {
      own(this).port = entry
      own(this).leavingPort = null
    } else {
      own(this).link = entry
      own(this).leavingLink = null
    }
  }

  unwant(entry: DeviceEntry): void {
    if (isPortEntry(entry)) {
      own(this).leavingPort = this.port ?? this.leavingPort
      own(this).port = null
    } else {
      own(this).leavingLink = this.link ?? this.leavingLink
      own(this).link = null
    }
  }

  /** Drops the desired state of its link or port, and leaves that as it is. */
  release(entry: DeviceEntry): void {
    if (isPortEntry(entry)) own(this).port = null
    else own(this).link = null
  }

  table(kind: TableKind): AnyTable {
    const known = this.tables.get(kind)
    if (known !== undefined) return known
    const table: AnyTable = new Table<TableEntry, Key, unknown>(this.name, tableDefinition(kind))
    this.tables.set(kind, table)
    if (table.crosses) this.crossed(this)
    return table
  }

  /** The interface is gone, and with it everything the kernel held for it. */
  lose(): void {
    own(this).observedIndex = null
    own(this).index = null
    own(this).owned = null
    this.unmanaged.replace([])
    this.dump?.abandon()
    own(this).dump = null
    for (const table of this.tables.values()) table.forget()
  }

  /** Sets everything again that needs this interface; true when there is something. */
  requeueDependents(name: string): boolean {
    let isRequeued = false
    for (const table of this.tables.values()) {
      const suffers = this.name === name && tableDefinition(table.kind).isLostSilently === true
      if (!this.disturbed && (suffers ? table.staleSize > 0 : table.staleNeeds(name)))
        own(this).disturbed = true
      if (!suffers && !table.needsDevice(name)) continue
      for (const entry of suffers ? table.entries() : table.needing(name)) table.redo(entry)
      isRequeued = true
    }
    return isRequeued
  }

  *entries(): Generator<Entry, void> {
    if (this.link !== null) yield this.link
    if (this.port !== null) yield this.port
    for (const kind of TABLE_KINDS) yield* this.tables.get(kind)?.entries() ?? []
  }
}

/** The device, writable. */
function own(device: Device): { -readonly [K in keyof Device]: Device[K] } {
  return device
}
