import type { Clock } from '../clock.ts'

/** Lines that may be written at once, and how long each of them takes to be allowed again. */
const BURST = 10
const REFILL_MS = 1000

/** Keeps what a peer or the kernel can make us log within bounds. */
export class LogAllowance {
  private readonly clock: Clock
  private left = BURST
  private refilledAt: number
  private suppressed = 0

  constructor(clock: Clock) {
    this.clock = clock
    this.refilledAt = clock.now()
  }

  /** How many lines were not written since the last that was; null when this one is not to be either. */
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
