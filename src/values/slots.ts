/** Items in no order, each in a slot of its own, by which it is removed: smaller and faster than a set. */
export class Slots<T> implements Iterable<T> {
  private items: (T | undefined)[] = []
  private free: number[] = []

  get size(): number {
    return this.items.length - this.free.length
  }

  /** Returns the item's slot. */
  add(item: T): number {
    const slot = this.free.pop() ?? this.items.length
    this.items[slot] = item
    return slot
  }

  /** Returns the item that was there. */
  remove(slot: number): T | undefined {
    const item = this.items[slot]
    if (item === undefined) return undefined
    this.items[slot] = undefined
    this.free.push(slot)
    if (this.size === 0) [this.items, this.free] = [[], []]
    return item
  }

  /** Yields each item that stays throughout; however many are added meanwhile, it ends. */
  *[Symbol.iterator](): Generator<T, void> {
    for (let slot = 0, end = this.items.length; slot < end; slot++) {
      const item = this.items[slot]
      if (item !== undefined) yield item
    }
  }
}
