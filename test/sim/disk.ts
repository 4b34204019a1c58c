import type { Clock } from '../../src/clock.ts'
import type { Random } from './random.ts'

/** The disk with a node's state file, which outlives its daemons. */
export class Disk {
  text: string | null = null

  /** A daemon's way to have kept what is so: one write at a time, of what is so when it begins. */
  keeper(clock: Clock, random: Random, take: () => string): () => Promise<void> {
    let writing: Promise<void> | null = null
    let next: Promise<void> | null = null
    const write = (): Promise<void> => {
      const text = take()
      return new Promise((resolve) =>
        clock.after(random.between(0, 5), () => {
          this.text = text
          writing = null
          resolve()
        }),
      )
    }
    const keep = (): Promise<void> => {
      if (writing === null) {
        writing = write()
        return writing
      }
      next ??= writing.then(() => {
        next = null
        return keep()
      })
      return next
    }
    return keep
  }
}
