import { randomInt } from 'node:crypto'
import { assert } from './assert.ts'

const FIRST_CAPACITY = 8
/** A map that is emptied keeps this capacity, so that one that fills and empties again and again does not grow anew each time. */
const KEPT_CAPACITY = 4096
const FREE = -1
const GONE = -1
/** In place of the value of a deleted key; an array of numbers stays one with it. */
const NOTHING = 0

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
  private values: (V | typeof NOTHING)[] = []
  private used = 0
  /** All positions before this one are of deleted keys. */
  private first = 0
  /** Where a key was found last: most are looked up twice, and many go in the order in which they came. */
  private found = 0
  /** Positions by hash, open-addressed; twice as long as `keys`, once there is an index. */
  private slots = new Int32Array()
  /** The positions before this one are in `slots`; -1 where there is no index. */
  private indexed = -1

  get size(): number {
    return this.count
  }

  has(key: number): boolean {
    return this.positionOf(key) !== FREE
  }

  get(key: number): V | undefined {
    const position = this.positionOf(key)
    return position === FREE ? undefined : (this.values[position] as V)
  }

  /** Returns the value before. */
  set(key: number, value: V): V | undefined {
    let slot = this.slotOf(key)
    const position = this.slots[slot] as number
    if (position !== FREE) {
      const before = this.values[position] as V
      this.values[position] = value
      return before
    }
    if (this.used === this.keys.length) {
      this.rebuild()
      slot = this.slotOf(key)
    }
    this.slots[slot] = this.used
    this.push(key, value)
    this.indexed = this.used
    return undefined
  }

  /** As `set`, of a key that is not there. The next look-up adds it to the index: a map that is only emptied in order needs none. */
  append(key: number, value: V): void {
    if (this.used === this.keys.length) this.rebuild()
    this.push(key, value)
  }

  delete(key: number): boolean {
    const position = this.positionOf(key)
    if (position === FREE) return false
    this.deleteAt(position)
    return true
  }

  /** Deletes the key; returns its value. */
  take(key: number): V | undefined {
    const position = this.positionOf(key)
    if (position === FREE) return undefined
    const value = this.values[position] as V
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
    if (this.keys.length > KEPT_CAPACITY) {
      this.keys = new Float64Array(FIRST_CAPACITY)
      this.values = []
    } else {
      this.keys.fill(GONE, 0, this.used)
      this.values.fill(NOTHING)
    }
    this.count = 0
    this.used = 0
    this.first = 0
    this.found = 0
    this.indexed = -1
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

  private push(key: number, value: V): void {
    this.keys[this.used] = key
    this.values[this.used] = value
    this.used++
    this.count++
  }

  private deleteAt(position: number): void {
    this.keys[position] = GONE
    this.values[position] = NOTHING
    this.count--
    assert(this.count >= 0, 'a map has fewer keys than none', this.count)
    if (this.count === 0) this.clear()
  }

  /** The key's position, or `FREE`. */
  private positionOf(key: number): number {
    const guess = this.keys[this.found] === key ? this.found : this.found + 1
    if (guess < this.used && this.keys[guess] === key) {
      this.found = guess
      return guess
    }
    const slot = this.slotOf(key)
    const position = this.slots[slot] as number
    if (position !== FREE) this.found = position
    return position
  }

  /** The slot that holds the key's position, or the free one where it belongs. */
  private slotOf(key: number): number {
    if (this.indexed < this.used) this.index()
    return this.probe(key)
  }

  private probe(key: number): number {
    const { keys, slots } = this
    const mask = slots.length - 1
    let slot = hash(key) & mask
    for (;;) {
      const position = slots[slot] as number
      if (position === FREE || keys[position] === key) return slot
      slot = (slot + 1) & mask
    }
  }

  /** Adds to the index what is not in it. */
  private index(): void {
    const { keys, used } = this
    if (this.indexed < 0) {
      const length = 2 * keys.length
      if (this.slots.length === length) this.slots.fill(FREE)
      else this.slots = new Int32Array(length).fill(FREE)
      this.indexed = 0
    }
    for (; this.indexed < used; this.indexed++) {
      const key = keys[this.indexed] as number
      if (key !== GONE) this.slots[this.probe(key)] = this.indexed
    }
  }

  /** Drops what deleted keys left, and makes room for as many keys again where that is little. */
  private rebuild(): void {
    const { keys, values, used, first, count } = this
    this.keys = new Float64Array(count * 2 > used ? used * 2 : used)
    this.values = []
    this.count = 0
    this.used = 0
    this.first = 0
    this.found = 0
    this.indexed = -1
    for (let position = first; position < used; position++) {
      const key = keys[position] as number
      if (key !== GONE) this.push(key, values[position] as V)
    }
    assert(this.count === count, 'a map has lost count of its keys', this.count - count)
  }
}

function hash(key: number): number {
  let mixed = Math.imul((key ^ SEED) | 0, 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ Math.floor(key / 2 ** 32), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
