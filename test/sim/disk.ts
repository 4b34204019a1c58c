import assert from 'node:assert/strict'
import type { Clock } from '../../src/clock.ts'
import type { SavedState, StateChange } from '../../src/vpn/state.ts'
import { decodeState, Journal } from '../support/state.ts'
import type { Random } from './random.ts'

/** What a daemon has to have kept: what has changed, and what all of it comes to. */
export interface Kept {
  readonly changes: readonly StateChange[]
  readonly state: SavedState
}

/** The disk with a node's state file, which outlives its daemons. */
export class Disk {
  text: string | null = null
  /** What it held before, the oldest first. */
  private readonly backups: string[] = []

  /** An earlier content replaces the present one: `age` of 1 is the oldest. */
  restore(age: number): void {
    const { backups } = this
    if (backups.length > 0) this.text = backups[Math.floor((1 - age) * (backups.length - 1))]!
  }

  /** A daemon's way to have kept what is so: one write at a time, of what has changed when it begins, which has to come to what is so then. */
  keeper(clock: Clock, random: Random, take: () => Kept): () => Promise<void> {
    const journal = new Journal()
    let writing: Promise<void> | null = null
    let next: Promise<void> | null = null
    const write = (): Promise<void> => {
      const { changes, state } = take()
      journal.apply(changes)
      const text = journal.text()
      assert.deepEqual(inOrder(decodeState(text)), inOrder(state))
      return new Promise((resolve) =>
        clock.after(random.between(0, 5), () => {
          this.text = text
          this.backups.push(text)
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

/** The same state, whatever came first. */
function inOrder({ instances, ...rest }: SavedState): unknown {
  const by = <T>(all: readonly T[], key: (one: T) => string) =>
    all.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
  const each = instances.map(({ attachments, ...one }) => ({
    ...one,
    attachments: by(attachments, ({ mac, ip }) => `${mac} ${ip}`),
  }))
  return { ...rest, instances: by(each, ({ id }) => id) }
}
