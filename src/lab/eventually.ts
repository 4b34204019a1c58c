import { setTimeout as delay } from 'node:timers/promises'

/** The result of a check: the awaited value, or the present one instead. */
export type Look<T> = { readonly value: T } | { readonly seen: string }

/** Thrown by a check that knows that waiting is in vain. */
export class Hopeless extends Error {}

const POLL_MS = 50
/** Far more than a busy machine needs: only what fails takes so long. */
export const PATIENCE_SECONDS = 120

/** Checks until the awaited value is there; past the deadline it fails with the awaited and the last observed value. */
export async function eventually<T>(
  awaited: string,
  look: () => Promise<Look<T>>,
  withinSeconds = PATIENCE_SECONDS,
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
