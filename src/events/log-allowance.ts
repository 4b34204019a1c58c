import type { Clock } from '../clock.ts'

/** Lines that may be written at once, and the time after which each of them is allowed again. */
const BURST = 10
const REFILL_MS = 1000

/** Limits the log lines that a peer or the kernel can cause. */
export class LogAllowance {
  private readonly clock: Clock
  private left = BURST
  private refilledAt: number
  private suppressed = 0

  constructor(clock: Clock) {
    this.clock = clock
    this.refilledAt = clock.now()
  }

  /** How many lines were suppressed since the last one; null when this one is suppressed too. */
  take(): number | null {
    const earned = Math.floor((this.clock.now() - this.refilledAt) / REFILL_MS)
    this.left = Math.min(BURST, this.left + earned)
    this.refilledAt += earned * REFILL_MS
    if (this.left === 0) {
      this.suppressed++
      return null
    }
    this.left--
    const { suppressed } = this
    this.suppressed = 0
    return suppressed
  }
}
