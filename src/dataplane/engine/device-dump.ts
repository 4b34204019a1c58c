import type { DumpSteps, ObservedEntry } from '../driver.ts'
import { type Eventual, whenAnswered } from '../eventual.ts'
import { identity, type TableEntry, type TableKind, tableDefinition } from '../kinds/index.ts'
import type { AnyTable, Device } from './device.ts'
import { isUnmanaged } from './unmanaged.ts'

/** A longer list does not leave and come back in one batch. */
const MOST_AT_ONCE = 128

/** Reads in steps what the kernel holds for one device, so that a large dump holds up no other work. */
export class DeviceDump {
  private readonly device: Device
  /** Interfaces that changed during the dump and may have lost entries of the device, whether or not the dump has read them. */
  readonly disrupted = new Set<string>()
  /** Entries that were removed during the dump, whether or not the dump has read them before. */
  private readonly removed = new Set<string>()
  private readonly steps: DumpSteps
  private readonly found = new Map<TableKind, TableEntry[]>()
  /** Owned entries that the kernel holds in part. */
  private readonly partial = new Map<TableKind, TableEntry[]>()
  /** Entries in a form that setting them does not change. */
  private readonly stuck: TableEntry[] = []
  /** How many entries of lists without our mark. */
  private inUnmarkedList = 0
  isComplete = false
  private readonly unmanaged: TableEntry[] = []

  constructor(device: Device, steps: DumpSteps) {
    this.device = device
    this.steps = steps
  }

  /** Reads the next chunk; answers whether there are no more. */
  step(): Eventual<boolean> {
    const { done, value } = this.steps.next()
    this.isComplete = done === true
    return done ? true : whenAnswered(value, (chunk) => this.addAll(chunk))
  }

  private addAll(chunk: readonly ObservedEntry[]): false {
    for (const observed of chunk) this.add(observed)
    return false
  }

  /** Records the removal of an entry. */
  noteRemoved(entry: TableEntry): void {
    this.removed.add(identity(entry))
  }

  /** Records which entries other programs have on the device. */
  noteUnmanaged(): void {
    this.device.unmanaged.replace(this.unmanaged)
  }

  /** Hands the observed entries to the device's tables. */
  finish(): void {
    this.noteUnmanaged()
    const isFirst = this.device.index === null
    for (const [table, entries] of this.result()) table.compare(this.present(entries), isFirst)
    const restarted = [...this.found.keys()].flatMap((kind) => this.restarted(kind))
    for (const entry of [...this.stuck, ...restarted]) this.device.table(entry.kind).stick(entry)
  }

  /** The observed entries, for each table of the device. */
  *result(): Generator<[AnyTable, Iterable<TableEntry>], void> {
    for (const kind of new Set([
      ...this.found.keys(),
      ...this.partial.keys(),
      ...this.device.tables.keys(),
    ])) {
      const restarted = this.restarted(kind)
      yield [this.device.table(kind), restarted.length > 0 ? restarted : this.of(kind)]
    }
  }

  private *present(entries: Iterable<TableEntry>): Generator<TableEntry, void> {
    for (const entry of entries)
      if (this.removed.size === 0 || !this.removed.has(identity(entry))) yield entry
  }

  abandon(): void {
    this.steps.return()
  }

  /** Entries of an unmarked list that holds only owned entries: the list gets the mark when all leave it and come back. */
  private restarted(kind: TableKind): TableEntry[] {
    const { unmarked } = tableDefinition(kind)
    const entries = unmarked === undefined ? [] : (this.found.get(kind) ?? [])
    const areOwned =
      entries.length === this.inUnmarkedList &&
      entries.length <= MOST_AT_ONCE &&
      entries.every((entry) => this.device.table(kind).holds(entry))
    return unmarked !== undefined && areOwned ? entries.map(unmarked) : []
  }

  private add(observed: ObservedEntry): void {
    const { entry, marked, external = false, isPartial = false, isStuck = false } = observed
    const table = this.device.table(entry.kind)
    if (observed.inUnmarkedList) this.inUnmarkedList++
    if (isStuck) this.stuck.push(entry)
    if (isUnmanaged(observed) && !table.wants(entry)) this.unmanaged.push(observed.entry)
    if (isPartial) {
      if (marked) keep(this.partial, entry)
    } else if (marked || (isStuck && table.wants(entry))) keep(this.found, entry)
    // any other may age out or move
    else if ((external || !table.isMarked) && table.holds(entry)) keep(this.found, entry)
    else if (table.isBridged && table.wants(entry)) this.stuck.push(entry)
  }

  /** An unwanted part stays to be removed; a wanted part does not count. */
  private *of(kind: TableKind): Generator<TableEntry, void> {
    yield* this.found.get(kind) ?? []
    const table = this.device.table(kind)
    for (const entry of this.partial.get(kind) ?? []) if (!table.wants(entry)) yield entry
  }
}

function keep(entries: Map<TableKind, TableEntry[]>, entry: TableEntry): void {
  const known = entries.get(entry.kind)
  if (known === undefined) entries.set(entry.kind, [entry])
  else known.push(entry)
}
