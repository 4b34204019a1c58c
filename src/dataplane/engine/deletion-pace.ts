import type { Clock } from '../../clock.ts'
import { type Eventual, whenAnswered } from '../eventual.ts'
import { type LinkEntry, linkDefinition } from '../kinds/index.ts'

/** Target duration of one request that deletes links: an attachment that arrives meanwhile waits for it. */
const REQUEST_MS = 60
/** Deletions pause this long after each request, and after each attachment or detachment that begins. */
const REST_MS = 5
/** Attachments delay deletions this long at most. */
const PATIENCE_MS = 250
/** Links deleted by one request: at most, and by the first one. The kernel waits for its CPUs once per bridge, but once for all other links together. */
const MOST = 256
const FIRST = { bridge: 2, other: 64 }

/** Decides when links are deleted and how many at once, so that attachments go first and deletions still finish. */
export class DeletionPace {
  private readonly clock: Clock
  private readonly wake: () => void
  private readonly sizes = new Map<LinkEntry['kind'], number>()
  private quietAt = 0
  /** Since when deletions have been waiting. */
  private waitingSince: number | null = null
  private isWakeDue = false

  /** `wake` is called when it is time to ask again. */
  constructor(clock: Clock, wake: () => void) {
    this.clock = clock
    this.wake = wake
  }

  /** Records that an attachment or detachment has begun. */
  disturb(): void {
    this.quietAt = this.clock.now() + REST_MS
  }

  /** Whether it is time to delete; `isAwaited`: an attachment is being programmed. */
  isTime(isAwaited: boolean): boolean {
    const now = this.clock.now()
    this.waitingSince ??= now
    if (now >= this.waitingSince + PATIENCE_MS || (!isAwaited && now >= this.quietAt)) return true
    this.wakeLater()
    return false
  }

  /** How many links of a kind may be deleted at once. */
  sizeFor(kind: LinkEntry['kind']): number {
    return this.sizes.get(kind) ?? (linkDefinition(kind).isBridge ? FIRST.bridge : FIRST.other)
  }

  /** Deletes that many links, and adapts the next number to the time that took. */
  run<T>(kind: LinkEntry['kind'], count: number, deletion: () => Eventual<T>): Eventual<T> {
    const from = this.clock.now()
    return whenAnswered(deletion(), (result) => {
      const took = Math.max(1, this.clock.now() - from)
      const fitting = Math.round((count * REQUEST_MS) / took)
      this.sizes.set(kind, Math.max(1, Math.min(fitting, 2 * this.sizeFor(kind), MOST)))
      this.waitingSince = null
      this.disturb()
      return result
    })
  }

  private wakeLater(): void {
    if (this.isWakeDue) return
    this.isWakeDue = true
    this.clock.after(REST_MS, () => {
      this.isWakeDue = false
      this.wake()
    })
  }
}
