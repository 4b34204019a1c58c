import { type Clock, systemClock } from '../../clock.ts'

interface ScheduledTask {
  readonly at: number
  readonly task: () => void
}

/** Minimum interval between two reads of notifications: they come in bunches, and a read costs as much as many of them. */
const LISTEN_MS = 20

/** Its callbacks must not throw. */
export interface LoopDependencies {
  /** Takes the next message, if there is one. */
  readonly takeMessage: () => boolean
  /** Reads the kernel's notifications. */
  readonly poll: () => void
  /**
   * Sleeps until there is a message or, if it `listens`, something to read; returns whether there is. It sleeps `ms` milliseconds at most,
   * or with -1 without limit.
   */
  readonly sleep: (ms: number, listens: boolean) => boolean
}

/**
 * The loop of a thread that waits for messages, timers and netlink sockets at once, which Node's own loop cannot: it runs while
 * there is something to do, and sleeps otherwise.
 */
export class Loop implements Clock {
  private tasks: (() => void)[] = []
  /** The first due last. */
  private readonly timers: ScheduledTask[] = []
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

  /** Runs until `end`. Promises go on between two rounds. */
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

  /** Until a timer is due, or that time has come; -1 for no limit. */
  private idleMs(latest: number | null): number {
    if (this.tasks.length > 0) return 0
    const until = Math.min(
      this.timers.at(-1)?.at ?? Number.POSITIVE_INFINITY,
      latest ?? Number.POSITIVE_INFINITY,
    )
    return until === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.ceil(until - this.now()))
  }
}
