/** Time as the parts see it: handed in, so that tests and simulations own it. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number
  /** Milliseconds since 1970, for people to read. */
  epoch(): number
  /** Calls `task` once, `ms` from now, or at once where that is past; the returned function cancels it. */
  after(ms: number, task: () => void): () => void
  /** Calls `task` in a later turn of the event loop, behind the input that already waits. */
  soon(task: () => void): void
}

/** The longest wait that Node's timers know, 24 days; longer ones are several. */
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
