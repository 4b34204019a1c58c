import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { PATIENCE_SECONDS } from '../../src/lab/eventually.ts'

/** Turns of the event loop that are waited for before a pause: most conditions are met at once. */
const EAGER_TURNS = 50

/** Waits until `look` finds something; past the deadline it fails with what was awaited and what `seen` says then. */
export async function until<T>(
  awaited: string,
  look: () => T | false | null | undefined,
  { seen = () => '', withinSeconds = PATIENCE_SECONDS }: { seen?: () => string; withinSeconds?: number } = {},
): Promise<T> {
  const deadline = performance.now() + withinSeconds * 1000
  for (let turns = 0; ; turns++) {
    const found = look()
    if (found !== false && found !== null && found !== undefined) return found
    if (performance.now() > deadline)
      throw new Error(`not met within ${withinSeconds} s: ${awaited}${seen() && `; ${seen()}`}`)
    await (turns < EAGER_TURNS ? turn() : pause(1))
  }
}
