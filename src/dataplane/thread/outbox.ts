import type { Clock } from '../../clock.ts'
import { identity } from '../kinds/index.ts'
import type { Entry } from '../model.ts'
import { CHANGES, type Change, type Order } from './messages.ts'
import { pack, packIdentities } from './packing.ts'

/** Maximum number of desired-state changes in one message to the thread. */
const BATCH = 1024

const UNWANT = CHANGES.indexOf('unwant')

/** A message with changes, each as a position in `CHANGES`. */
function batch(entries: readonly Entry[], changes: readonly number[]): Order {
  if (changes.every((change) => change === UNWANT)) return { do: 'unwant', entries: packIdentities(entries) }
  return { do: 'change', entries: pack(entries), changes: Uint8Array.from(changes) }
}

/** How many items of each kind are kept, and where. */
interface Bounds {
  /** Maximum number of batches that the thread has not acknowledged yet; later changes are kept here meanwhile. */
  readonly underway: number
  /** From this many kept changes on, those that later ones replace are dropped. That costs a string for each, so this is more than a large table has. */
  readonly kept: number
}

const BOUNDS: Bounds = { underway: 64, kept: 262_144 }

interface WaitingOrder {
  readonly order: Order
  /** It is sent after this many changes. */
  after: number
}

/**
 * Changes and orders to the thread, in their order. While the thread waits for the kernel it gets a bounded number of changes; only the last change of each
 * further entry is kept, so that memory is bounded by the number of entries, not by time. Such changes may overtake orders, never the reverse.
 */
export class Outbox {
  private readonly clock: Clock
  private readonly post: (order: Order) => void
  private readonly bounds: Bounds
  private changes: Entry[] = []
  /** Of each change, what becomes of the entry, as a position in `CHANGES`. */
  private kinds: number[] = []
  private orders: WaitingOrder[] = []
  private underway = 0
  /** Changes that were sent. */
  private sent = 0
  private limit: number

  constructor(clock: Clock, post: (order: Order) => void, bounds = BOUNDS) {
    this.clock = clock
    this.post = post
    this.bounds = bounds
    this.limit = bounds.kept
  }

  /** How many changes wait to be sent. */
  get size(): number {
    return this.changes.length
  }

  change(entry: Entry, change: Change): void {
    if (this.changes.length === 0) this.clock.soon(() => this.flush())
    this.changes.push(entry)
    this.kinds.push(CHANGES.indexOf(change))
    if (this.changes.length % BATCH === 0) this.flush()
    if (this.changes.length >= this.limit) this.compact()
  }

  /** Sent after all earlier changes of the desired state. */
  order(order: Order): void {
    this.orders.push({ order, after: this.sent + this.changes.length })
    this.flush()
  }

  /** The thread has acknowledged a batch. */
  taken(): void {
    this.underway--
    this.flush()
  }

  private flush(): void {
    let from = 0
    this.postOrders()
    while (from < this.changes.length && this.underway < this.bounds.underway) {
      const to = Math.min(from + BATCH, this.changes.length)
      this.underway++
      this.post(batch(this.changes.slice(from, to), this.kinds.slice(from, to)))
      this.sent += to - from
      from = to
      this.postOrders()
    }
    if (from === 0) return
    this.changes = this.changes.slice(from)
    this.kinds = this.kinds.slice(from)
    if (this.changes.length === 0) this.limit = this.bounds.kept
  }

  private postOrders(): void {
    while (this.orders.length > 0 && this.orders[0]!.after <= this.sent) this.post(this.orders.shift()!.order)
  }

  private compact(): void {
    const last = new Map<string, number>()
    for (const [i, entry] of this.changes.entries()) {
      const key = identity(entry)
      last.delete(key)
      last.set(key, i)
    }
    const kept = [...last.values()]
    this.changes = kept.map((i) => this.changes[i]!)
    this.kinds = kept.map((i) => this.kinds[i]!)
    const end = this.sent + kept.length
    for (const waiting of this.orders) waiting.after = end
    this.limit = Math.max(this.bounds.kept, 2 * kept.length)
  }
}
