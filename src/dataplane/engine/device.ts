import type { Mac } from '../../values/mac.ts'
import type { Key } from '../kinds/definition.ts'
import {
  type DeviceEntry,
  isPortEntry,
  type LinkEntry,
  type PortEntry,
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

/** A table of any kind; only entries of its kind may be given to it. */
export type AnyTable = Table<TableEntry, Key, unknown>

/** Why nothing can be set on a device; times are in epoch milliseconds. */
export interface Failure {
  readonly refusal: Refusal
  readonly since: number
  /** When it is looked at again, if that is not left to its link's or port's own retries. */
  readonly nextTry: number | null
}

/** All that is wanted of one interface, and what is known of it. */
export class Device {
  readonly name: string
  link: LinkEntry | null = null
  port: PortEntry | null = null
  /** What was wanted and is to be undone when nothing else is left to do. */
  leavingLink: LinkEntry | null = null
  leavingPort: PortEntry | null = null
  /** Index, master and MAC address of the interface when it was last looked at. */
  observedIndex: number | null = null
  master: string | null = null
  mac: Mac | null = null
  /** Whether the interface was ours then; null before it was looked at. */
  owned: boolean | null = null
  /** Index of the interface that was last in its place as the port, whatever it is called by now. */
  enslaved: number | null = null
  /** Index of the interface whose entries are known; null before its first look. */
  index: number | null = null
  /** Whether its entries were known once since it is wanted. */
  adopted = false
  /** Whether its entries have to be looked at again, since notifications were lost. */
  unsure = false
  dump: DeviceDump | null = null
  /** Whether entries that are not wanted came, went or changed since the last look at its entries began. */
  disturbed = false
  /** Looks at its entries that failed, since one went well. */
  failedDumps = 0
  /** Why nothing can be set on it: the interface is missing or refused, or its port is not in place. */
  failure: Failure | null = null
  /** Of a port of others that passes no traffic. */
  outage: Outage | null = null
  /** Since when there is something of it to be removed, in epoch milliseconds; null while there is nothing. */
  leavingSince: number | null = null
  /** Since when there is work left to do for it, in epoch milliseconds; null while there is none. */
  waitingSince: number | null = null
  readonly unmanaged = new UnmanagedEntries()
  readonly tables = new Map<TableKind, AnyTable>()

  private readonly crossed: (device: Device) => void

  /** `crossed` is called when it comes to have entries that need other interfaces. */
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

  /** How many removals of entries are left to do now. */
  get removing(): number {
    if (this.index === null) return 0
    let removing = 0
    for (const [kind, table] of this.tables) if (!this.goesWithLink(kind)) removing += table.removing
    return removing
  }

  /** How much of it is still to be removed. */
  get leavingSize(): number {
    let size = Number(this.leavingLink !== null) + Number(this.leavingPort !== null)
    for (const table of this.tables.values()) size += table.leavingSize
    return size
  }

  /** Whether entries of that kind are left to the end of the link. */
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

  /** How much of it is wanted. */
  get size(): number {
    let size = Number(this.link !== null) + Number(this.port !== null)
    for (const table of this.tables.values()) size += table.size
    return size
  }

  /** Whether nothing of it is wanted. */
  get isUnwanted(): boolean {
    return this.size === 0
  }

  /** What its link, or its port, is wanted to be. */
  wanted(entry: DeviceEntry): DeviceEntry | null {
    return isPortEntry(entry) ? this.port : this.link
  }

  /** What of its link, or its port, is to be undone. */
  leaving(entry: DeviceEntry): DeviceEntry | null {
    return isPortEntry(entry) ? this.leavingPort : this.leavingLink
  }

  want(entry: DeviceEntry): void {
    if (isPortEntry(entry)) {
      this.port = entry
      this.leavingPort = null
    } else {
      this.link = entry
      this.leavingLink = null
    }
  }

  unwant(entry: DeviceEntry): void {
    if (isPortEntry(entry)) {
      this.leavingPort = this.port ?? this.leavingPort
      this.port = null
    } else {
      this.leavingLink = this.link ?? this.leavingLink
      this.link = null
    }
  }

  table(kind: TableKind): AnyTable {
    const known = this.tables.get(kind)
    if (known !== undefined) return known
    const table: AnyTable = new Table<TableEntry, Key, unknown>(this.name, tableDefinition(kind))
    this.tables.set(kind, table)
    if (table.crosses) this.crossed(this)
    return table
  }

  /** The interface is gone, and with it all that the kernel held for it. */
  lose(): void {
    this.observedIndex = null
    this.index = null
    this.owned = null
    this.unmanaged.replace([])
    this.dump?.abandon()
    this.dump = null
    for (const table of this.tables.values()) table.forget()
  }

  /** Has what needs this interface set again; true when there is something. */
  requeueDependents(name: string): boolean {
    let isRequeued = false
    for (const table of this.tables.values()) {
      const suffers = this.name === name && tableDefinition(table.kind).isLostSilently === true
      if (!this.disturbed && (suffers ? table.staleSize > 0 : table.staleNeeds(name))) this.disturbed = true
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
