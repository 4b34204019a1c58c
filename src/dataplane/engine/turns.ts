import type { Clock } from '../../clock.ts'
import { type Eventual, whenAnswered } from '../eventual.ts'

export interface TurnsDependencies {
  readonly clock: Clock
  readonly turn: () => Eventual<void>
  /** Called before an exception of a turn reaches the clock, which tries again. */
  readonly failed: () => void
}

/** Runs turns of the forwarding loop while there is work, one at a time: one that waits for an answer of the driver holds up the next one, and nothing else. */
export class Turns {
  private readonly clock: Clock
  private readonly turn: () => Eventual<void>
  private readonly failed: () => void
  private running = false
  private scheduled = false
  /** Whether there is something for the next turn. */
  private isDue = false

  constructor({ clock, turn, failed }: TurnsDependencies) {
    this.clock = clock
    this.turn = turn
    this.failed = failed
  }

  start(): void {
    this.running = true
  }

  stop(): void {
    this.running = false
  }

  /** There is work. */
  schedule(): void {
    this.isDue = true
    if (this.scheduled || !this.running) return
    this.scheduled = true
    this.clock.soon(() => this.run())
  }

  /** Goes on with a turn, unless the loop was stopped meanwhile. */
  next<T>(answer: Eventual<T>, step: (result: T) => Eventual<void>): Eventual<void> {
    return whenAnswered(answer, (result) => (this.running ? step(result) : undefined))
  }

  private run(): void {
    if (!this.running) return
    this.isDue = false
    let answer: Eventual<void>
    try {
      answer = this.turn()
    } catch (error) {
      this.failed()
      throw error
    }
    if (answer instanceof Promise)
      answer.then(
        () => this.end(),
        (error) => this.fail(error),
      )
    else this.end()
  }

  private end(): void {
    this.scheduled = false
    if (this.isDue) this.schedule()
  }

  /** An exception after a late answer reaches the clock as any other does. */
  private fail(error: unknown): void {
    let isRetry = false
    this.clock.soon(() => {
      if (isRetry) return this.end()
      isRetry = true
      this.failed()
      throw error
    })
  }
}
