/** How long a piece of work may take before other work gets its turn, in milliseconds. */
const SLICE_MS = 3
/** Items between two clock readings. */
const ITEMS = 8

interface WaitingRequest {
  readonly resolve: () => void
  readonly isGone: () => boolean
}

const waiting: WaitingRequest[] = []

/**
 * Resolves when the caller may work for a slice. Each round of the event loop runs one caller, however many wait: a
 * session or a small request waits for one slice, however many large answers are under way. A caller without a
 * reader, which has only to end, takes no round.
 */
export function turn(isGone = () => false): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push({ resolve, isGone }) === 1) setImmediate(next)
  })
}

/** Does the work once for all who ask before its turn: each gets a result obtained after it had asked. */
export function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let next: Promise<T> | null = null
  return () => {
    next ??= turn().then(() => {
      next = null
      return work()
    })
    return next
  }
}

function next(): void {
  for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
    one.resolve()
    if (!one.isGone()) break
  }
  if (waiting.length > 0) setImmediate(next)
}

/** A slice of time that has begun. */
export class TimeSlice {
  private readonly end = performance.now() + SLICE_MS
  private items = 0

  /** Whether it is over; check it after each item. */
  isOver(): boolean {
    return ++this.items % ITEMS === 0 && performance.now() > this.end
  }
}
