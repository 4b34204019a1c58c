/** Runs tasks of one key one after the other, in the order of their calls, and those of different keys concurrently. */
export class Serial {
  private readonly tails = new Map<string, Promise<unknown>>()

  /** Resolves or rejects as the task does. It queues for all its keys at once, so that no two tasks wait for each other. */
  run<T>(keys: readonly string[], task: () => Promise<T>): Promise<T> {
    const before = Promise.all(keys.map((key) => this.tails.get(key)))
    const result = before.then(task)
    const tail = result.then(
      () => {},
      () => {},
    )
    for (const key of keys) this.tails.set(key, tail)
    void tail.then(() => {
      for (const key of keys) if (this.tails.get(key) === tail) this.tails.delete(key)
    })
    return result
  }
}
