import { randomInt } from 'node:crypto'
import { assert } from './assert.ts'

const FIRST_CAPACITY = 8
/** A map that is emptied keeps this capacity, so that one that fills and empties again and again does not grow anew each time. */
const KEPT_CAPACITY = 4096
const FREE = -1
const GONE = -1

/** Decides only where a key is stored; a random value prevents chosen keys from colliding. */
const SEED = randomInt(2 ** 32)

/**
 * A map of numbers of 0 to 2^53, such as MAC and IPv4 addresses, in the order of insertion: several times smaller and
 * faster to fill than `Map`, which makes an object of each such number. Iteration during changes yields every entry that stays throughout,
 * and may yield entries that come or go meanwhile.
 */
export class NumberMap<V> implements Iterable<[number, V]> {
  private count = 0
  /** Keys and values by position, in the order of insertion; a deleted key leaves `GONE` behind. */
  private keys = new Float64Array(FIRST_CAPACITY)
  private values: (V | undefined)[] = []
  private used = 0
  /** All positions before this one are of deleted keys. */
  private first = 0
  /** Positions by hash, open-addressed; twice as long as `keys`. */
  private slots = new Int32Array(2 * FIRST_CAPACITY).fill(FREE)

  get size(): number {
    return this.count
  }

  has(key: number): boolean {
    return this.slots[this.slotOf(key)] !== FREE
  }

  get(key: number): V | undefined {
    const position = this.slots[this.slotOf(key)] as number
    return position === FREE ? undefined : this.values[position]
  }

  /** Returns the value before. */
  set(key: number, value: V): V | undefined {
    let slot = this.slotOf(key)
    const position = this.slots[slot] as number
    if (position !== FREE) {
      const before = this.values[position]
      this.values[position] = value
      return before
    }
    if (this.used === this.keys.length) {
      this.rebuild(this.count * 2 > this.used ? this.used * 2 : this.used)
      slot = this.slotOf(key)
    }
    this.keys[this.used] = key
    this.values[this.used] = value
    this.slots[slot] = this.used
    this.used++
    this.count++
    return undefined
  }

  delete(key: number): boolean {
    const position = this.slots[this.slotOf(key)] as number
    if (position === FREE) return false
    this.deleteAt(position)
    return true
  }

  /** Deletes the key; returns its value. */
  take(key: number): V | undefined {
    const position = this.slots[this.slotOf(key)] as number
    if (position === FREE) return undefined
    const value = this.values[position]
    this.deleteAt(position)
    return value
  }

  /** Deletes up to `limit` entries, the first ones, and calls `visit` with each; returns how many. */
  takeFirst(limit: number, visit: (key: number, value: V) => void): number {
    const most = Math.min(limit, this.count)
    for (let taken = 0; taken < most; ) {
      const position = this.first++
      const key = this.keys[position] as number
      if (key === GONE) continue
      const value = this.values[position] as V
      this.deleteAt(position)
      taken++
      visit(key, value)
    }
    return most
  }

  clear(): void {
    this.count = 0
    if (this.keys.length > KEPT_CAPACITY) return this.rebuild(FIRST_CAPACITY)
    this.keys.fill(GONE, 0, this.used)
    this.values.fill(undefined)
    this.slots.fill(FREE)
    this.used = 0
    this.first = 0
  }

  *[Symbol.iterator](): Generator<[number, V], void> {
    const { keys, values, used, first } = this
    for (let position = first; position < used; position++) {
      const key = keys[position] as number
      if (key === GONE) continue
      // after a rebuild, iteration continues over the old arrays
      if (keys === this.keys) yield [key, values[position] as V]
      else if (this.has(key)) yield [key, this.get(key) as V]
    }
  }

  private deleteAt(position: number): void {
    this.keys[position] = GONE
    this.values[position] = undefined
    this.count--
    assert(this.count >= 0, 'a map has fewer keys than none', this.count)
    if (this.count === 0) this.clear()
  }

  /** The slot that holds the key's position, or the free one where it belongs. */
  private slotOf(key: number): number {
    const { keys, slots } = this
    const mask = slots.length - 1
    let slot = hash(key) & mask
    for (;;) {
      const position = slots[slot] as number
      if (position === FREE || keys[position] === key) return slot
      slot = (slot + 1) & mask
    }
  }

  private rebuild(capacity: number): void {
    const { keys, values, used, first } = this
    this.keys = new Float64Array(capacity)
    this.values = []
    this.slots = new Int32Array(2 * capacity).fill(FREE)
    this.used = 0
    this.first = 0
    for (let position = first; position < used && this.count > 0; position++) {
      const key = keys[position] as number
      if (key === GONE) continue
      this.slots[this.slotOf(key)] = this.used
      this.keys[this.used] = key
      this.values[this.used] = values[position] as V
      this.used++
    }
    assert(this.used === this.count, 'a map has lost count of its keys', this.used - this.count)
  }
}

function hash(key: number): number {
  let mixed = Math.imul((key ^ SEED) | 0, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ Math.floor(key / 2 ** 32), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
