/** The time, passed to all parts, so that tests and simulations control it. */
export interface Clock {
  /** Milliseconds on a monotonic clock. */
  now(): number
  /** Milliseconds since 1970, for people to read. */
  epoch(): number
  /** Calls `task` once, `ms` from now, or at once where that is past; the returned function cancels it. */
  after(ms: number, task: () => void): () => void
  /** Calls `task` in a later turn of the event loop, after pending input. */
  soon(task: () => void): void
}

/** The longest delay of Node's timers, 24 days; longer ones are split. */
const MAX_WAIT_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  epoch: () => Date.now(),
  after(ms, task) {
    let timer: NodeJS.Timeout
    const wait = (left: number): void => {
      timer = setTimeout(
        left > MAX_WAIT_MS ? () => wait(left - MAX_WAIT_MS) : task,
        Math.min(left, MAX_WAIT_MS),
      )
    }
    wait(Math.max(0, ms))
    return () => clearTimeout(timer)
  },
  soon: (task) => void setImmediate(task),
}

const RETRY_MS = 1000

/** The failures of tasks. */
export interface TaskFaults {
  /** Since the start. */
  readonly count: number
  /** The first failure whose task has not succeeded since, `since` in epoch milliseconds; null when all have. */
  readonly open: { readonly reason: string; readonly since: number } | null
}

/** A clock whose tasks may throw, for want of file descriptors perhaps: it reports and counts failures, and retries each task every second until it succeeds. */
export class PersistentClock implements Clock {
  private readonly clock: Clock
  private readonly onFailure: (error: unknown) => void
  private readonly failing = new Set<() => void>()
  private count = 0
  private open: TaskFaults['open'] = null

  /** `onFailure` gets the first error of each task that fails repeatedly. */
  constructor(clock: Clock, onFailure: (error: unknown) => void) {
    this.clock = clock
    this.onFailure = onFailure
  }

  get faults(): TaskFaults {
    return { count: this.count, open: this.open }
  }

  now(): number {
    return this.clock.now()
  }

  epoch(): number {
    return this.clock.epoch()
  }

  after(ms: number, task: () => void): () => void {
    let cancel = this.clock.after(ms, () => this.run(task, again))
    const again = (): void => {
      cancel = this.clock.after(RETRY_MS, () => this.run(task, again))
    }
    return () => {
      cancel()
      this.settle(task)
    }
  }

  soon(task: () => void): void {
    this.clock.soon(() => this.attempt(task))
  }

  /** Runs the task now, unless it failed before and is to be retried. */
  attempt(task: () => void): void {
    if (this.failing.has(task)) return
    const again = (): void => void this.clock.after(RETRY_MS, () => this.run(task, again))
    this.run(task, again)
  }

  /** Counts and reports an error of a task that cannot be retried. */
  note(error: unknown): void {
    this.count++
    this.onFailure(error)
  }

  private run(task: () => void, again: () => void): void {
    try {
      task()
      this.settle(task)
    } catch (error) {
      if (this.failing.has(task)) this.count++
      else this.note(error)
      this.failing.add(task)
      const reason = error instanceof Error ? error.message : String(error)
      this.open ??= { reason, since: this.clock.epoch() }
      again()
    }
  }

  private settle(task: () => void): void {
    if (this.failing.delete(task) && this.failing.size === 0) this.open = null
  }
}
