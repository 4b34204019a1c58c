/** A position in a queue, to learn when everything before it was taken. */
export interface Mark {
  readonly position: number
  /** How often the queue had been rebuilt. */
  readonly epoch: number
}

/** Taken items are let go of when they are as many as this, and as those that wait. */
const TAKEN = 1024

/** First in, first out; taking costs the same at any length. */
export class Queue<T> {
  /** How many items were taken since the start. */
  taken = 0
  private items: T[] = []
  private head = 0

  get length(): number {
    return this.items.length - this.head
  }

  push(item: T): void {
    this.items.push(item)
  }

  take(): T | undefined {
    if (this.head === this.items.length) return undefined
    const item = this.items[this.head++]
    this.taken++
    if (this.head === this.items.length) this.replace([])
    else if (this.head >= TAKEN && this.head >= this.length) this.replace(this.waiting())
    return item
  }

  /** Replaces the queued items by `items`, which it then owns. */
  replace(items: T[]): void {
    this.items = items
    this.head = 0
  }

  waiting(): T[] {
    return this.items.slice(this.head)
  }
}
