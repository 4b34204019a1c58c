import type { Clock } from '../../src/clock.ts'

interface Task {
  readonly at: number
  readonly run: () => void
  timer: NodeJS.Timeout
}

/** Real time, of which any stretch can be skipped: for timers of minutes on sockets of the kernel. */
export class SkippingClock implements Clock {
  private skipped = 0
  private readonly tasks = new Set<Task>()

  now(): number {
    return performance.now() + this.skipped
  }

  epoch(): number {
    return Date.now() + this.skipped
  }

  after(ms: number, run: () => void): () => void {
    const task: Task = { at: this.now() + ms, run, timer: setTimeout(() => this.start(task), ms) }
    this.tasks.add(task)
    return () => this.cancel(task)
  }

  soon(run: () => void): void {
    setImmediate(run)
  }

  /** Lets `ms` be over at once: what is due by then runs, in the order of its time. */
  skip(ms: number): void {
    const until = this.now() + ms
    for (let task = this.next(); task !== undefined && task.at <= until; task = this.next()) {
      this.skipped += Math.max(0, task.at - this.now())
      this.start(task)
    }
    this.skipped += Math.max(0, until - this.now())
    for (const task of this.tasks) {
      clearTimeout(task.timer)
      task.timer = setTimeout(() => this.start(task), task.at - this.now())
    }
  }

  private next(): Task | undefined {
    let next: Task | undefined
    for (const task of this.tasks) if (next === undefined || task.at < next.at) next = task
    return next
  }

  private start(task: Task): void {
    this.cancel(task)
    task.run()
  }

  private cancel(task: Task): void {
    clearTimeout(task.timer)
    this.tasks.delete(task)
  }
}
