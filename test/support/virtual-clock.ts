import type { Clock } from '../../src/clock.ts'

interface Task {
  readonly at: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

/** So many tasks at one moment are a loop. */
const STANDSTILL = 200_000

/** Time that moves only on request: tasks run in the order of their time, then of their making. */
export class VirtualClock implements Clock {
  private time = 0
  private order = 0
  private readonly heap: Task[] = []
  private ranAtThisTime = 0

  now(): number {
    return this.time
  }

  epoch(): number {
    return 1_700_000_000_000 + this.time
  }

  /** Waits a millisecond or more if at all, as Node's timers do: less could be lost in rounding, and time would stand still. */
  after(ms: number, run: () => void): () => void {
    const task = this.add(ms > 0 ? Math.max(1, ms) : 0, run)
    return () => {
      task.cancelled = true
    }
  }

  soon(run: () => void): void {
    this.add(0, run)
  }

  /** Runs everything that is due within the next `ms`. */
  advance(ms: number): void {
    const until = this.time + ms
    for (let task = this.heap[0]; task !== undefined && task.at <= until; task = this.heap[0]) {
      this.pop()
      if (!task.cancelled) this.start(task)
    }
    this.time = until
  }

  /** As `advance`, and lets promises go on in between: time stands still until none is left that could. */
  async run(ms: number): Promise<void> {
    const until = this.time + ms
    for (;;) {
      await null
      if (this.heap[0] === undefined || this.heap[0].at > this.time) await this.calm()
      const task = this.heap[0]
      if (task === undefined || task.at > until) break
      this.pop()
      if (!task.cancelled) this.start(task)
    }
    this.time = until
  }

  /** Resolves when no promise is left that could go on. */
  private calm(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Runs what is due now, and lets real input and output go on, until the promise is settled. */
  async while<T>(promise: PromiseLike<T>): Promise<T> {
    let settled = false
    const watched = Promise.resolve(promise).finally(() => {
      settled = true
    })
    while (!settled) {
      this.settle()
      await new Promise((resolve) => setImmediate(resolve))
    }
    return watched
  }

  /** Runs what is due now. */
  settle(): void {
    this.advance(0)
  }

  private add(ms: number, run: () => void): Task {
    const task = { at: this.time + ms, order: this.order++, run, cancelled: false }
    this.push(task)
    return task
  }

  private start(task: Task): void {
    this.ranAtThisTime = task.at === this.time ? this.ranAtThisTime + 1 : 0
    if (this.ranAtThisTime > STANDSTILL) throw new Error(`time stands still at ${this.time} ms: ${task.run}`)
    this.time = task.at
    task.run()
  }

  private push(task: Task): void {
    const { heap } = this
    let at = heap.push(task) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(task, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = task
  }

  private pop(): void {
    const { heap } = this
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function before(a: Task, b: Task): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
