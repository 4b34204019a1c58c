import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Less than that is noise: code that was compiled, caches of the engine. */
const TOLERANCE_OCTETS = 12 * 2 ** 20

/** Octets in use after everything was let go of that could be. */
export function usedOctets(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Whether memory only ever grows: each third of the samples stands clearly above the one before, at its lowest. */
export class Growth {
  private readonly samples: number[] = []

  sample(): void {
    this.samples.push(usedOctets())
  }

  /** In words; null when it does not grow. */
  verdict(): string | null {
    const third = Math.floor(this.samples.length / 3)
    if (third < 2) return null
    const lowest = [0, 1, 2].map((i) => Math.min(...this.samples.slice(i * third, (i + 1) * third)))
    const [first = 0, second = 0, last = 0] = lowest
    const steady = second - first > TOLERANCE_OCTETS / 4 && last - second > TOLERANCE_OCTETS / 4
    if (!steady || last - first < TOLERANCE_OCTETS) return null
    return `the heap grows: ${lowest.map((octets) => `${(octets / 2 ** 20).toFixed(1)} MiB`).join(', then ')}`
  }
}
