import { assert } from '../../values/assert.ts'
import type { Key } from '../../values/key-map.ts'
import type { Layout } from '../kinds/definition.ts'
import type { TableEntry } from '../kinds/index.ts'

/** The interfaces that the wanted entries of a table need besides their device. */
export class NeededInterfaces<E extends TableEntry, K extends Key, V> {
  /** How often each is needed, by name. */
  private readonly counts = new Map<string, number>()
  private readonly uses: Layout<E, K, V>['uses']

  constructor({ uses }: Layout<E, K, V>) {
    this.uses = uses
  }

  has(name: string): boolean {
    return this.counts.has(name)
  }

  add(value: V): void {
    this.count(value, 1)
  }

  remove(value: V): void {
    this.count(value, -1)
  }

  /** Whether an entry needs that interface. */
  isNeededBy(value: V, name: string): boolean {
    return this.uses?.(value).some(({ device }) => device === name) === true
  }

  private count(value: V, more: number): void {
    if (this.uses === undefined) return
    for (const { device } of this.uses(value)) {
      const count = (this.counts.get(device) ?? 0) + more
      assert(count >= 0, 'fewer entries than none need an interface', device)
      if (count === 0) this.counts.delete(device)
      else this.counts.set(device, count)
    }
  }
}
