/** Work in small steps. */
export type Job = Iterator<unknown>

/** Steps that a job does before the next one gets its turn. */
const TURN = 100

/** The running jobs, each in its turn, so that none has to wait for the end of another. */
export class Jobs {
  private readonly queue = new Set<Job>()

  get size(): number {
    return this.queue.size
  }

  add(job: Job): void {
    this.queue.add(job)
  }

  /** Does up to `budget` steps; returns how many are left. */
  run(budget: number): number {
    let left = budget
    // a job that is queued again comes behind the others
    for (const job of this.queue) {
      if (left <= 0) break
      const turn = Math.min(left, TURN)
      const done = steps(job, turn)
      left -= Math.max(1, done)
      this.queue.delete(job)
      if (done === turn) this.queue.add(job)
    }
    return left
  }

  /** Returns whether all jobs running now have ended. */
  barrier(): () => boolean {
    const waiting = new Set(this.queue)
    return () => {
      for (const job of waiting) {
        if (this.queue.has(job)) return false
        waiting.delete(job)
      }
      return true
    }
  }
}

/** Does up to `limit` steps of a job; returns how many, fewer when it ended. */
function steps(job: Job, limit: number): number {
  for (let done = 0; done < limit; done++) if (job.next().done === true) return done
  return limit
}

/** Calls `done` when `isPassed` is true. */
export function* waitFor(isPassed: () => boolean, done: () => void): Generator<undefined, void> {
  while (!isPassed()) yield
  done()
}

/** Calls `visit` for each of `items` while it returns true, one a step; then `done`. */
export function* visitAll<T>(
  items: Iterable<T>,
  visit: (item: T) => boolean,
  done: () => void,
): Generator<undefined, void> {
  for (const item of items) {
    if (!visit(item)) break
    yield
  }
  done()
}
