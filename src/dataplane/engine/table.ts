import { assert } from '../../values/assert.ts'
import { type Key, KeyMap } from '../../values/key-map.ts'
import { type Mark, Queue } from '../../values/queue.ts'
import type { Layout, TableDefinition } from '../kinds/definition.ts'
import type { TableEntry } from '../kinds/index.ts'
import type { Fault } from '../model.ts'
import { diff, faults } from './diff.ts'
import { InFlight, type Op } from './in-flight.ts'
import { NeededInterfaces } from './needed-interfaces.ts'

/** The queued entries of a table that has none; most tables have none, and each is asked for every `/status`. */
const NONE = { size: 0, has: () => false }

/**
 * The entries of one kind on one device: the desired state, and the work left to reach it.
 * A wanted entry that is not queued counts as programmed, unless an exception says otherwise.
 */
export class Table<E extends TableEntry, K extends Key, V> {
  readonly kind: E['kind']
  /** Whether an entry without our mark is external, though it equals the wanted one. */
  readonly isMarked: boolean
  /** Whether a bridge has its MAC behind the device. */
  readonly isBridged: boolean
  private readonly device: string
  private readonly layout: Layout<E, K, V>
  private readonly wanted = new KeyMap<K, V>()
  private readonly sets = new Queue<E>()
  /** Whether a queued entry may be unwanted or different by now. */
  private outdated = false
  /** Entries to remove. */
  private readonly leaving = new KeyMap<K, V>()
  /** Entries that could not be removed. */
  private readonly unremoved = new KeyMap<K, V>()
  private stale = new KeyMap<K, V>()
  private epoch = 0
  private readonly inFlight = new InFlight<K>()
  /** How many were taken to be set before the last batch. */
  private takenBefore = 0
  /** Wanted entries that are in the kernel in a form that setting them does not change. */
  private readonly stuck = new Set<K>()
  private readonly needed: NeededInterfaces<E, K, V>

  constructor(device: string, { kind, isMarked, isBridged = false, layout }: TableDefinition<E, K, V>) {
    this.device = device
    this.kind = kind
    this.isMarked = isMarked
    this.isBridged = isBridged
    this.layout = layout()
    this.needed = new NeededInterfaces(this.layout)
  }

  /** How many entries are wanted. */
  get size(): number {
    return this.wanted.size
  }

  /** How many entries are stale. */
  get staleSize(): number {
    return this.stale.size
  }

  /** How many sets are left to do. */
  get waiting(): number {
    return this.sets.length
  }

  /** How many entries are to be removed, or could not be. */
  get leavingSize(): number {
    return this.leaving.size + this.unremoved.size + this.inFlight.of('remove').size
  }

  /** How many removals are left to do. */
  get removing(): number {
    return this.leaving.size
  }

  /** Whether nothing is wanted, left to remove, or stale. */
  get isIdle(): boolean {
    return this.wanted.size === 0 && this.leavingSize === 0 && this.stale.size === 0
  }

  /**
   * Adds a wanted entry; true when the kernel has to be changed, for which the entry has to be queued.
   * `trusted` tells whether stale entries are still as observed.
   */
  want(entry: E, trusted: boolean): boolean {
    const key = this.layout.key(entry)
    const value = this.layout.value(entry)
    const before = this.wanted.set(key, value)
    this.needed.add(value)
    if (before !== undefined) {
      this.needed.remove(before)
      if (this.layout.same(before, value)) return false
      this.outdated = true
    }
    if (this.leaving.size > 0) this.leaving.delete(key)
    if (this.unremoved.size > 0) this.unremoved.delete(key)
    this.inFlight.overtake(key)
    if (this.stale.size === 0) return true
    const held = this.stale.get(key)
    this.stale.delete(key)
    return !trusted || held === undefined || !this.layout.same(held, value)
  }

  /** Makes the entry unwanted, and queues its removal; false when it was not wanted. */
  unwant(entry: E): boolean {
    return this.unwantAll([this.layout.key(entry)], null)
  }

  /** As `unwant`, for the entries of these keys; calls `gone` with each that was wanted, and returns whether any was. */
  unwantAll(keys: ArrayLike<K>, gone: ((entry: E) => void) | null): boolean {
    let isAny = false
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      const value = this.drop(key)
      if (value === undefined) continue
      isAny = true
      // no wanted entry waits for its removal
      this.leaving.append(key, value)
      if (this.unremoved.size > 0) this.unremoved.delete(key)
      gone?.(this.layout.entry(this.device, key, value))
    }
    return isAny
  }

  /** Makes the entry unwanted, and leaves it in the kernel; false when it was not wanted. */
  release(entry: E): boolean {
    return this.drop(this.layout.key(entry)) !== undefined
  }

  /** Makes the entry of a key unwanted; returns its value if it was wanted. */
  private drop(key: K): V | undefined {
    const value = this.wanted.take(key)
    if (value === undefined) return undefined
    if (this.stuck.size > 0) this.stuck.delete(key)
    this.needed.remove(value)
    this.outdated = true
    return value
  }

  /** Whether an entry of this identity is wanted. */
  wants(entry: E): boolean {
    return this.wanted.has(this.layout.key(entry))
  }

  /** Whether an unwanted entry of this identity is in the kernel, as far as known. */
  remains(entry: E): boolean {
    const key = this.layout.key(entry)
    return this.stale.has(key) || this.isLeaving(key)
  }

  /** Records that entries taken from the queue were handed to the driver, which answers later. */
  send(op: Op, entries: readonly E[]): void {
    this.inFlight.send(op, new Set(entries.map((entry) => this.layout.key(entry))))
  }

  /** Records that the driver has answered. */
  land(): void {
    this.inFlight.land()
  }

  /** Whether the entry is to be set again whatever the driver answers or reports, since it was wanted anew meanwhile. */
  isOvertaken(entry: E): boolean {
    return this.inFlight.anyOvertaken && this.inFlight.isOvertaken(this.layout.key(entry))
  }

  /** Puts entries back that were taken from the queue, and that the driver did not take. */
  putBack(op: Op, entries: readonly E[]): void {
    if (op === 'set') this.requeue([...entries, ...this.sets.waiting()])
    else for (const entry of entries) if (!this.wants(entry)) this.redo(entry)
  }

  /** Records that an entry could not be removed. */
  noteUnremoved(entry: E): void {
    const key = this.layout.key(entry)
    if (!this.wanted.has(key)) this.unremoved.set(key, this.layout.value(entry))
  }

  /** Whether an entry equal in every field is wanted. */
  holds(entry: E): boolean {
    const value = this.wanted.get(this.layout.key(entry))
    return value !== undefined && this.layout.same(value, this.layout.value(entry))
  }

  /** The wanted entry of the identity of `entry`. */
  find(entry: E): E | undefined {
    const key = this.layout.key(entry)
    const value = this.wanted.get(key)
    return value === undefined ? undefined : this.layout.entry(this.device, key, value)
  }

  /** Whether its entries may need other interfaces. */
  get crosses(): boolean {
    return this.layout.uses !== undefined
  }

  /** Whether wanted entries need that interface. */
  needsDevice(name: string): boolean {
    return this.needed.has(name)
  }

  /** The wanted entries that need that interface. */
  *needing(name: string): Generator<E, void> {
    for (const [key, value] of this.wanted)
      if (this.needed.isNeededBy(value, name)) yield this.layout.entry(this.device, key, value)
  }

  /** Whether stale entries need that interface. */
  staleNeeds(name: string): boolean {
    for (const [, value] of this.stale) if (this.needed.isNeededBy(value, name)) return true
    return false
  }

  /** Queues an entry to be set, as `want` asked for. */
  push(entry: E): void {
    this.sets.push(entry)
  }

  /** Queues the wanted entry of the identity of `entry`; where there is none, its removal. */
  redo(entry: E): void {
    const key = this.layout.key(entry)
    if (!this.wanted.has(key)) return this.leave(key, this.layout.value(entry))
    this.outdated = true
    this.sets.push(entry)
  }

  /** Records that the kernel has the entry in a form that setting does not change: it has to be removed before it is set again. */
  stick(entry: E): void {
    this.stuck.add(this.layout.key(entry))
  }

  /** Moves entries to be set from the queue to `batch` until there are `limit`; those to be removed first are added to `stuck`, too. */
  takeSets(limit: number, batch: TableEntry[], stuck: TableEntry[]): void {
    this.takenBefore = this.sets.taken
    while (batch.length < limit) {
      const queued = this.sets.take()
      if (queued === undefined) break
      const entry = this.outdated ? this.find(queued) : queued
      if (entry === undefined) continue
      batch.push(entry)
      if (this.inFlight.anyOvertaken) this.inFlight.catchUp(this.layout.key(entry))
      if (this.stuck.size > 0 && this.stuck.delete(this.layout.key(entry))) stuck.push(entry)
    }
    if (this.sets.length === 0) this.outdated = false
  }

  /** Moves entries to be removed from the queue to `batch` until there are `limit`. */
  takeRemovals(limit: number, batch: TableEntry[]): void {
    this.leaving.takeFirst(limit - batch.length, (key, value) =>
      batch.push(this.layout.entry(this.device, key, value)),
    )
  }

  /** Queues all wanted entries. */
  refill(): void {
    this.requeue([...this.entries()])
  }

  /**
   * Queues the wanted entries that a dump did not show; unwanted ones that it showed become stale, except those already queued for removal. After the
   * first dump a queued removal stays only if the dump showed the entry: it may never have been there, and an external one of its identity may be.
   */
  compare(actual: Iterable<E>, isFirst: boolean): void {
    this.stuck.clear()
    const found = new KeyMap<K, V>()
    for (const entry of actual) found.set(this.layout.key(entry), this.layout.value(entry))
    const { missing, extra } = diff(this.wanted, found, this.layout.same)
    const sets = [...missing].map(([key, value]) => this.layout.entry(this.device, key, value))
    this.stale = extra
    for (const leaving of [this.leaving, this.unremoved])
      for (const [key] of [...leaving]) if (!this.stale.delete(key) && isFirst) leaving.delete(key)
    this.requeue(sets)
  }

  /** Observed entries that differ from the wanted ones, except those known to await removal; undefined once in a while, to pause at. */
  faults(actual: Iterable<E>): Generator<Fault | undefined, void> {
    const { wanted, device, layout } = this
    const isGoing = (key: K) => this.stale.has(key) || this.isLeaving(key)
    return faults(actual, { wanted, device, layout, isGoing })
  }

  /** Queues the removal of stale entries. */
  sweep(): void {
    for (const [key, value] of this.stale) {
      assert(!this.wanted.has(key), 'an entry is wanted and to be removed at once', this.device)
      this.leave(key, value)
    }
    this.stale = new KeyMap()
  }

  /** Forgets all work, since nothing of the device is left in the kernel. */
  forget(): void {
    this.requeue([])
    this.stuck.clear()
    this.leaving.clear()
    this.unremoved.clear()
    this.stale = new KeyMap()
  }

  /** The present end of the queue. */
  mark(): Mark {
    return { position: this.sets.taken + this.sets.length, epoch: this.epoch }
  }

  /** Whether everything before the mark was tried; undefined when the queue was rebuilt since, which makes the mark void. */
  passed(mark: Mark): boolean | undefined {
    const tried = this.inFlight.of('set').size > 0 ? this.takenBefore : this.sets.taken
    return mark.epoch === this.epoch ? tried >= mark.position : undefined
  }

  /** The wanted entries. */
  *entries(): Generator<E, void> {
    for (const [key, value] of this.wanted) yield this.layout.entry(this.device, key, value)
  }

  /** The stale entries. */
  *staleEntries(): Generator<E, void> {
    for (const [key, value] of this.stale) yield this.layout.entry(this.device, key, value)
  }

  /** The entries queued to be set or being set, for frequent lookups. */
  pending(): { readonly size: number; has(entry: E): boolean } {
    const sent = this.inFlight.of('set')
    if (this.sets.length === 0 && sent.size === 0) return NONE
    const keys = new Set<K>()
    for (const entry of this.sets.waiting()) if (this.wants(entry)) keys.add(this.layout.key(entry))
    for (const key of sent) if (this.wanted.has(key)) keys.add(key)
    return { size: keys.size, has: (entry) => keys.has(this.layout.key(entry)) }
  }

  /** Queues the removal of an entry that is not wanted. */
  private leave(key: K, value: V): void {
    this.leaving.set(key, value)
    if (this.unremoved.size > 0) this.unremoved.delete(key)
  }

  private isLeaving(key: K): boolean {
    return this.leaving.has(key) || this.unremoved.has(key) || this.inFlight.of('remove').has(key)
  }

  private requeue(entries: E[]): void {
    this.sets.replace(entries)
    this.inFlight.catchUpAll()
    this.epoch++
  }
}
