import { type Clock, systemClock } from '../../clock.ts'

interface Timer {
  readonly at: number
  readonly task: () => void
}

/** What the kernel tells is read so seldom at most: it comes in bunches, and each time costs as much as many of them. */
const LISTEN_MS = 20

/** Nothing that it is given throws. */
export interface LoopDependencies {
  /** Takes the next message, if there is one. */
  readonly takeMessage: () => boolean
  /** Reads what the kernel has to tell. */
  readonly poll: () => void
  /**
   * Sleeps until there is a message or, where it listens, something to read, which it then says; so many milliseconds at most,
   * or with -1 without end.
   */
  readonly sleep: (ms: number, listens: boolean) => boolean
}

/**
 * What a thread does that waits for messages, timers and netlink sockets at once, as Node's own loop cannot: it goes round as
 * long as there is something to do, and sleeps where there is nothing.
 */
export class Loop implements Clock {
  private tasks: (() => void)[] = []
  /** The first due last. */
  private readonly timers: Timer[] = []
  private isOver = false

  now(): number {
    return systemClock.now()
  }

  epoch(): number {
    return systemClock.epoch()
  }

  soon(task: () => void): void {
    this.tasks.push(task)
  }

  after(ms: number, task: () => void): () => void {
    const timer = { at: this.now() + ms, task }
    let index = this.timers.length
    while (index > 0 && this.timers[index - 1]!.at <= timer.at) index--
    this.timers.splice(index, 0, timer)
    return () => {
      const at = this.timers.indexOf(timer)
      if (at >= 0) this.timers.splice(at, 1)
    }
  }

  /** Goes round until `end`. Promises go on between two rounds. */
  run({ takeMessage, poll, sleep }: LoopDependencies): void {
    let polled = this.now()
    const round = (): void => {
      if (this.isOver) return
      let wasBusy = false
      while (takeMessage()) wasBusy = true
      for (const task of this.due()) {
        wasBusy = true
        task()
      }
      const listens = this.now() >= polled + LISTEN_MS
      const isRead =
        !wasBusy && !this.isOver && sleep(this.idleMs(listens ? null : polled + LISTEN_MS), listens)
      if (isRead || (wasBusy && listens)) {
        poll()
        polled = this.now()
      }
      setImmediate(round)
    }
    round()
  }

  end(): void {
    this.isOver = true
  }

  private due(): (() => void)[] {
    const { tasks } = this
    this.tasks = []
    const now = this.now()
    for (let timer = this.timers.at(-1); timer !== undefined && timer.at <= now; timer = this.timers.at(-1)) {
      this.timers.pop()
      tasks.push(timer.task)
    }
    return tasks
  }

  /** Until a timer is due, or it is that time; -1 for without end. */
  private idleMs(latest: number | null): number {
    if (this.tasks.length > 0) return 0
    const until = Math.min(
      this.timers.at(-1)?.at ?? Number.POSITIVE_INFINITY,
      latest ?? Number.POSITIVE_INFINITY,
    )
    return until === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.ceil(until - this.now()))
  }
}
