import { setTimeout as delay } from 'node:timers/promises'

/** What a look at a condition found: the awaited value, or what stands there instead. */
export type Look<T> = { readonly value: T } | { readonly seen: string }

/** Thrown by a look that knows that waiting is in vain. */
export class Hopeless extends Error {}

const POLL_MS = 50

/** Looks until the awaited value is there; past the deadline it fails with what was awaited and what was seen last. */
export async function eventually<T>(
  awaited: string,
  look: () => Promise<Look<T>>,
  withinSeconds = 10,
): Promise<T> {
  const deadline = performance.now() + withinSeconds * 1000
  for (;;) {
    const found = await look().catch((error: Error) => {
      if (error instanceof Hopeless) throw error
      return { seen: error.message }
    })
    if ('value' in found) return found.value
    if (performance.now() > deadline) {
      throw new Error(`not met within ${withinSeconds} s: ${awaited}; last seen: ${found.seen}`)
    }
    await delay(POLL_MS)
  }
}
