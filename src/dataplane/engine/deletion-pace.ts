import type { Clock } from '../../clock.ts'
import { type LinkEntry, linkDefinition } from '../kinds/index.ts'

/** Deletions pause this long after each request, and after each change of an attachment. */
const REST_MS = 5
/** Deletions pause this long after a question of an attachment, until its entries are wanted. */
const ASKING_MS = 50
/** Attachments delay deletions this long at most. */
const PATIENCE_MS = 50
/** So long after the last question of an attachment, another one is expected. */
const BUSY_MS = 1000
/**
 * Links deleted by one request, for which an attachment waits that arrives meanwhile. The kernel waits for its CPUs once per bridge, some 20 ms
 * with all links locked, and once more for all links of a request.
 */
const BRIDGES = { busy: 2, quiet: 5 }
const OTHERS = 64

/** Decides when links are deleted and how many at once, so that attachments go first and deletions still finish. */
export class DeletionPace {
  private readonly clock: Clock
  private readonly wake: () => void
  private quietAt = 0
  private askedAt = Number.NEGATIVE_INFINITY
  /** Since when deletions have been waiting. */
  private waitingSince: number | null = null
  private isWakeDue = false

  /** `wake` is called when it is time to ask again. */
  constructor(clock: Clock, wake: () => void) {
    this.clock = clock
    this.wake = wake
  }

  /** Records that an attachment has asked something: the next question or its entries follow at once. */
  asked(): void {
    this.askedAt = this.clock.now()
    this.quietAt = this.askedAt + ASKING_MS
  }

  /** Records that entries of an attachment are wanted, unwanted or programmed, or that links have been deleted. */
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
    if (!linkDefinition(kind).isBridge) return OTHERS
    return this.clock.now() < this.askedAt + BUSY_MS ? BRIDGES.busy : BRIDGES.quiet
  }

  /** Records that links have been deleted. */
  deleted(): void {
    this.waitingSince = null
    this.disturb()
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
