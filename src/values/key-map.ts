import { type Ip, ipv4FromNumber, ipv4ToNumber, isIpv4 } from './address.ts'
import { NumberMap } from './number-map.ts'

/** What a table finds its entries by. */
export type Key = number | string

/** Addresses as keys: IPv4 ones are kept as numbers. */
export function addressKey(ip: Ip): Key {
  return isIpv4(ip) ? ipv4ToNumber(ip) : ip
}

export function addressOf(key: Key): Ip {
  return typeof key === 'number' ? ipv4FromNumber(key) : (key as Ip)
}

/** A map of numbers and strings, each stored in the cheapest form; numbers come first. */
export class KeyMap<K extends Key, V> implements Iterable<[K, V]> {
  private readonly numbers = new NumberMap<V>()
  private readonly strings = new Map<string, V>()

  get size(): number {
    return this.numbers.size + this.strings.size
  }

  has(key: K): boolean {
    return typeof key === 'number' ? this.numbers.has(key) : this.strings.has(key)
  }

  get(key: K): V | undefined {
    return typeof key === 'number' ? this.numbers.get(key) : this.strings.get(key)
  }

  /** Returns the value before. */
  set(key: K, value: V): V | undefined {
    if (typeof key === 'number') return this.numbers.set(key, value)
    const before = this.strings.get(key)
    this.strings.set(key, value)
    return before
  }

  /** As `set`, of a key that is not there. */
  append(key: K, value: V): void {
    if (typeof key === 'number') this.numbers.append(key, value)
    else this.strings.set(key, value)
  }

  delete(key: K): boolean {
    return typeof key === 'number' ? this.numbers.delete(key) : this.strings.delete(key)
  }

  /** Deletes the key; returns its value. */
  take(key: K): V | undefined {
    if (typeof key === 'number') return this.numbers.take(key)
    const value = this.strings.get(key)
    this.strings.delete(key)
    return value
  }

  /** Deletes up to `limit` entries, the first ones, and calls `visit` with each. */
  takeFirst(limit: number, visit: (key: K, value: V) => void): void {
    let left = limit - this.numbers.takeFirst(limit, visit as (key: number, value: V) => void)
    if (left === 0 || this.strings.size === 0) return
    for (const [key, value] of this.strings) {
      if (left-- === 0) return
      this.strings.delete(key)
      visit(key as K, value)
    }
  }

  clear(): void {
    this.numbers.clear()
    this.strings.clear()
  }

  *[Symbol.iterator](): Generator<[K, V], void> {
    yield* this.numbers as Iterable<[K, V]>
    yield* this.strings as Iterable<[K, V]>
  }
}
