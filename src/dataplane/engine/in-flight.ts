const NOTHING: ReadonlySet<never> = new Set()

export type Op = 'set' | 'remove'

/** The entries of one table that the driver has been asked to set or remove, and has not answered yet. */
export class InFlight<K> {
  private op: Op | null = null
  private keys: ReadonlySet<K> = NOTHING
  /** Those that were wanted anew meanwhile, until they are handed to the driver again. */
  private readonly overtaken = new Set<K>()

  send(op: Op, keys: ReadonlySet<K>): void {
    this.op = op
    this.keys = keys
  }

  /** The driver has answered. */
  land(): void {
    this.op = null
    this.keys = NOTHING
  }

  of(op: Op): ReadonlySet<K> {
    return this.op === op ? this.keys : NOTHING
  }

  /** The entry is wanted anew. */
  overtake(key: K): void {
    if (this.op !== null && this.keys.has(key)) this.overtaken.add(key)
  }

  get anyOvertaken(): boolean {
    return this.overtaken.size > 0
  }

  /** Whether the entry will be set again, whatever the driver answers or reports of it. */
  isOvertaken(key: K): boolean {
    return this.overtaken.has(key)
  }

  /** The entry is handed to the driver again. */
  catchUp(key: K): void {
    this.overtaken.delete(key)
  }

  /** No entry is queued any more for being overtaken. */
  catchUpAll(): void {
    this.overtaken.clear()
  }
}
