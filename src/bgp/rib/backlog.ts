/** Work by key, taken in the order in which its keys came; a key that waits keeps its place. */
export class Backlog<V> {
  private readonly entries = new Map<string, V>()
  private added = 0
  private taken = 0

  get size(): number {
    return this.entries.size
  }

  has(key: string): boolean {
    return this.entries.has(key)
  }

  set(key: string, value: V): void {
    if (!this.entries.has(key)) this.added++
    this.entries.set(key, value)
  }

  /** Takes up to `limit` entries. */
  *take(limit: number): Generator<readonly [string, V], void> {
    let left = limit
    for (const entry of this.entries) {
      if (left-- === 0) return
      this.entries.delete(entry[0])
      this.taken++
      yield entry
    }
  }

  /** Answers whether all that waits now has been taken. */
  barrier(): () => boolean {
    const { added } = this
    return () => this.taken >= added
  }
}
