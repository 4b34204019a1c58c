import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import type { Closable } from '../../values/closable.ts'
import { identity } from '../kinds/index.ts'
import type { Entry } from '../model.ts'

/** An entry that drifts this often, each time within this time after the last, counts as repeatedly drifting. */
const RECURRING = 5
const MEMORY_MS = 300_000
/** How many entries have their history kept; drift of further entries is only counted. */
const MAX_HISTORIES = 4096
/** Changes come in bunches: they are gathered for this long. */
const GATHER_MS = 1000

interface History {
  readonly entry: Entry
  readonly changes: number
  /** When the first of them came, in epoch milliseconds. */
  readonly since: number
  /** When the last of them came, on the monotonic clock. */
  readonly last: number
}

/** Drift: changes that other programs made to owned entries in the kernel. */
export interface DriftSummary {
  /** How many times since the start; each is repaired. */
  readonly count: number
  /** The last time, in epoch milliseconds; null when there was none. */
  readonly last: number | null
  /** How many entries drift again and again. */
  readonly recurring: number
  /** The one of these that drifted most often. */
  readonly worst: { readonly entry: Entry; readonly changes: number; readonly since: number } | null
}

/** Counts and reports the drift of owned entries. */
export class Drift implements Closable {
  private readonly clock: Clock
  private readonly events: EventSink
  private count = 0
  private last: number | null = null
  /** By identity; the last drifted one at the end. */
  private readonly histories = new Map<string, History>()
  private unreported = 0
  private cancel: (() => void) | null = null

  constructor(clock: Clock, events: EventSink) {
    this.clock = clock
    this.events = events
  }

  /** Whether any entry has a history. */
  get hasHistories(): boolean {
    return this.histories.size > 0
  }

  /** The entry is unwanted now. */
  drop(entry: Entry): void {
    if (this.histories.size > 0) this.histories.delete(identity(entry))
  }

  /** The kernel reported that the entry is not as wanted. */
  notified(entry: Entry): void {
    this.found(entry)
    this.unreported++
    this.cancel ??= this.clock.after(GATHER_MS, () => this.report(entry))
  }

  /** A verification found that the entry is not as wanted. */
  found(entry: Entry): void {
    this.count++
    this.last = this.clock.epoch()
    const key = identity(entry)
    const before = this.histories.get(key)
    const now = this.clock.now()
    this.forget(now)
    if (before === undefined && this.histories.size >= MAX_HISTORIES) return
    this.histories.delete(key)
    const { changes, since } =
      before !== undefined && isRecent(before, now) ? before : { changes: 0, since: this.last }
    this.histories.set(key, { entry, changes: changes + 1, since, last: now })
  }

  summary(): DriftSummary {
    this.forget(this.clock.now())
    const recurring = [...this.histories.values()].filter(({ changes }) => changes >= RECURRING)
    const worst = recurring.reduce<History | null>(
      (most, one) => (most === null || one.changes > most.changes ? one : most),
      null,
    )
    const { count, last } = this
    return { count, last, recurring: recurring.length, worst }
  }

  close(): void {
    this.cancel?.()
  }

  private forget(now: number): void {
    for (const [key, history] of this.histories) {
      if (isRecent(history, now)) return
      this.histories.delete(key)
    }
  }

  private report(example: Entry): void {
    this.cancel = null
    const { unreported: count } = this
    this.unreported = 0
    const { recurring, worst } = this.summary()
    const entry = worst?.entry ?? example
    const { device } = entry
    this.events.emit({ type: 'entries-drifted', count, device, entry: identity(entry), recurring })
  }
}

function isRecent({ last }: History, now: number): boolean {
  return now - last < MEMORY_MS
}
