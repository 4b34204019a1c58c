/** Runs tasks of one key one after the other, and those of different keys concurrently. */
export class Serial {
  private readonly tails = new Map<string, Promise<unknown>>()

  /** As `run`, for a task that excludes tasks of several keys. */
  runAlone<T>(keys: Iterable<string>, task: () => Promise<T>): Promise<T> {
    // in one order, so that no two wait for each other
    const ordered = [...new Set(keys)].sort()
    return ordered.reduceRight((inner, key) => () => this.run(key, inner), task)()
  }

  /** Resolves or rejects as the task does. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.tails.get(key) ?? Promise.resolve()
    const result = before.then(task)
    const tail = result.then(
      () => {},
      () => {},
    )
    this.tails.set(key, tail)
    void tail.then(() => {
      if (this.tails.get(key) === tail) this.tails.delete(key)
    })
    return result
  }
}
