import type { Clock } from '../../clock.ts'
import { type AskingSteps, answerTo, type Eventual } from '../eventual.ts'

/** Repeats a round of work, each an interval after the end of the last one. */
export class Rounds {
  isRunning = false
  private readonly clock: Clock
  private readonly intervalMs: number
  private readonly round: (done: () => void) => void
  private cancel = () => {}

  /** `round` calls `done` at its end, unless it was stopped before. */
  constructor(clock: Clock, intervalMs: number, round: (done: () => void) => void) {
    this.clock = clock
    this.intervalMs = intervalMs
    this.round = round
  }

  start(): void {
    this.isRunning = true
    this.cancel = this.clock.after(this.intervalMs, () => this.round(() => this.isRunning && this.start()))
  }

  stop(): void {
    this.isRunning = false
    this.cancel()
  }

  /** Nothing follows an answer after a stop. */
  *answerTo<T>(answer: Eventual<T>): AskingSteps<T> {
    const result = yield* answerTo(answer)
    if (!this.isRunning) throw new Error('stopped')
    return result
  }
}
