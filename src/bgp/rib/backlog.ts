/** Work by key, in the order in which its keys arrived; a key that is queued already keeps its position. */
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
    const { size } = this.entries
    this.entries.set(key, value)
    this.added += this.entries.size - size
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

  /** Returns whether all work queued now has been taken. */
  barrier(): () => boolean {
    const { added } = this
    return () => this.taken >= added
  }
}
