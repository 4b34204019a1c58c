import type { Key } from '../kinds/definition.ts'
import { NumberMap } from './number-map.ts'

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

  delete(key: K): boolean {
    return typeof key === 'number' ? this.numbers.delete(key) : this.strings.delete(key)
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
