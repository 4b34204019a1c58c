import { randomFillSync } from 'node:crypto'
import { assert } from './assert.ts'
import type { Octets } from './bytes.ts'

const FIRST_CAPACITY = 8
/** From this many positions on, a map gives memory back when few of them are in use. */
const LARGE = 4096
/** In a large map, at least one in so many positions is in use. */
const SPARSE = 8
const FREE = -1

/** A value that is found by its key. */
export interface Keyed {
  readonly key: Octets
  /** `hashOctets` of the key. */
  readonly hash: number
}

/** A key that was written, and need not become a string to be looked up. */
export interface WrittenKey {
  /** `hashOctets` of it. */
  hash(): number
  equals(key: Octets): boolean
}

/**
 * A map of values by their keys of octets, in the order of insertion: a look-up touches less memory than that of `Map`, and needs no string. Iteration
 * ends however many values are added; one that stays throughout, or is replaced by another one of its key, is yielded.
 */
export class OctetMap<V extends Keyed> implements Iterable<V> {
  private count = 0
  /** By position, in the order of insertion; a deleted value leaves undefined behind. */
  private values: (V | undefined)[] = []
  private capacity = FIRST_CAPACITY
  /** Open-addressed, two slots a position; each has a position and the hash of the value there. */
  private slots = freeSlots(FIRST_CAPACITY)

  get size(): number {
    return this.count
  }

  /** The value of the same key as `keyed`. */
  get({ key, hash }: Keyed): V | undefined {
    return this.valueIn(this.slotOf(hash, key))
  }

  /** The value of a written key. */
  find(key: WrittenKey): V | undefined {
    const { slots, values } = this
    const mask = slots.length - 2
    const hash = key.hash()
    for (let slot = (2 * hash) & mask; ; slot = (slot + 2) & mask) {
      const position = slots[slot]!
      if (position === FREE) return undefined
      const value = slots[slot + 1] === hash ? values[position] : undefined
      if (value !== undefined && key.equals(value.key)) return value
    }
  }

  /** Adds a value; returns the one of the same key that it replaces. */
  set(value: V): V | undefined {
    const { key, hash } = value
    let slot = this.slotOf(hash, key)
    const before = this.valueIn(slot)
    if (before !== undefined) {
      this.values[this.slots[slot]!] = value
      return before
    }
    if (this.values.length === this.capacity) {
      this.rebuild(this.count * 2 > this.capacity ? this.capacity * 2 : this.capacity)
      slot = this.slotOf(hash, key)
    }
    this.place(slot, value)
    this.count++
    return undefined
  }

  /** Deletes the value of the same key; returns it. */
  delete({ key, hash }: Keyed): V | undefined {
    const slot = this.slotOf(hash, key)
    const value = this.valueIn(slot)
    if (value === undefined) return undefined
    this.values[this.slots[slot]!] = undefined
    this.count--
    assert(this.count >= 0, 'a map has fewer values than none', this.count)
    if (this.values.length > LARGE && this.count * SPARSE < this.values.length)
      this.rebuild(Math.max(FIRST_CAPACITY, 2 ** Math.ceil(Math.log2(this.count * 2))))
    return value
  }

  *[Symbol.iterator](): Generator<V, void> {
    const { values } = this
    for (let position = 0, end = values.length; position < end; position++) {
      const value = values[position]
      if (value === undefined) continue
      // after a rebuild, iteration continues over the old positions
      const current = values === this.values ? value : this.get(value)
      if (current !== undefined) yield current
    }
  }

  private valueIn(slot: number): V | undefined {
    const position = this.slots[slot]!
    return position === FREE ? undefined : this.values[position]
  }

  /** The slot of the value with the key, or the free one where it belongs. */
  private slotOf(hash: number, key: Octets): number {
    const { slots, values } = this
    const mask = slots.length - 2
    for (let slot = (2 * hash) & mask; ; slot = (slot + 2) & mask) {
      const position = slots[slot]!
      if (position === FREE) return slot
      const value = slots[slot + 1] === hash ? values[position] : undefined
      if (value !== undefined && value.key === key) return slot
    }
  }

  private place(slot: number, value: V): void {
    this.slots[slot] = this.values.length
    this.slots[slot + 1] = value.hash
    this.values.push(value)
  }

  private rebuild(capacity: number): void {
    const { values } = this
    this.values = []
    this.capacity = capacity
    this.slots = freeSlots(capacity)
    for (let position = 0; position < values.length; position++) {
      const value = values[position]
      if (value !== undefined) this.place(this.slotOf(value.hash, value.key), value)
    }
    assert(this.values.length === this.count, 'a map has lost count of its values', this.count)
  }
}

function freeSlots(capacity: number): Int32Array {
  return new Int32Array(4 * capacity).fill(FREE)
}

/** Bits of a hash that are left out: the lowest ones of the sum are not random enough. */
const WEAK_BITS = 8
/** One for each position in a key, of which FlowSpec rules are the longest. */
const FACTORS = randomFillSync(new Int32Array(8192))

/**
 * The hash of octets, of 30 bits: a sum of products with random factors, which makes collisions as rare for chosen keys as for any
 * (multilinear hashing; D. Lemire, O. Kaser, "Strongly universal string hashing is fast", 2013), mixed so that keys in a row are not in a row.
 */
export function hashOctets(octets: Uint8Array, length: number): number {
  let sum = 0
  // an octet counts as 1 to 256, so that one more zero makes a difference
  for (let i = 0; i < length; i++) sum = (sum + Math.imul(FACTORS[i]!, octets[i]! + 1)) | 0
  let mixed = sum >>> WEAK_BITS
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 2
}
