import type { Clock } from '../../clock.ts'
import type { LinkEntry } from '../kinds/index.ts'

/** So long one request that deletes links is to take: whoever attaches meanwhile waits for it. */
const REQUEST_MS = 60
/** After each request, and after each attachment or detachment that begins, there is so long for the next of these to come. */
const REST_MS = 5
/** So long deletions wait for attachments at most. */
const PATIENCE_MS = 250
/** Links that are deleted by one request: at most, and by the first one. Each bridge costs the kernel a wait for its CPUs, others all together. */
const MOST = 256
const FIRST = { bridge: 2, other: 64 }

/** When links are deleted, and how many at once, so that attachments go first and deletions end all the same. */
export class DeletionPace {
  private readonly clock: Clock
  private readonly wake: () => void
  private readonly sizes = new Map<LinkEntry['kind'], number>()
  private quietAt = 0
  /** Since when there is something to delete that waits. */
  private waitingSince: number | null = null
  private isWakeDue = false

  /** `wake` is called when it is time to ask again. */
  constructor(clock: Clock, wake: () => void) {
    this.clock = clock
    this.wake = wake
  }

  /** Somebody attaches or detaches. */
  disturb(): void {
    this.quietAt = this.clock.now() + REST_MS
  }

  /** Whether it is time to delete; `isAwaited` tells whether an attachment is being put in place. */
  isTime(isAwaited: boolean): boolean {
    const now = this.clock.now()
    this.waitingSince ??= now
    if (now >= this.waitingSince + PATIENCE_MS || (!isAwaited && now >= this.quietAt)) return true
    this.wakeLater()
    return false
  }

  /** How many of a kind may go at once. */
  sizeFor(kind: LinkEntry['kind']): number {
    return this.sizes.get(kind) ?? (kind === 'bridge' ? FIRST.bridge : FIRST.other)
  }

  /** Carries out a deletion of so many links, and learns from it how many it may be next time. */
  run<T>(kind: LinkEntry['kind'], count: number, deletion: () => T): T {
    const from = this.clock.now()
    const result = deletion()
    const took = Math.max(1, this.clock.now() - from)
    const fitting = Math.round((count * REQUEST_MS) / took)
    this.sizes.set(kind, Math.max(1, Math.min(fitting, 2 * this.sizeFor(kind), MOST)))
    this.waitingSince = null
    this.disturb()
    return result
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
