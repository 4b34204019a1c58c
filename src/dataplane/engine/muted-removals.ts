import type { Clock } from '../../clock.ts'
import type { Closable } from '../../values/closable.ts'
import type { Device } from './device.ts'

/** From this many entries removed in one burst on, the kernel's notifications of removals are not read. */
const BULK = 1024
/** Only if at most this many times as many other entries have to be set again. */
const REMAINDER = 4
const MOST_DEVICES = 32
/** A burst is over when no entry was removed for so long. */
const CALM_MS = 100
/** Removals by other programs are found after this time at the latest, however long a burst is. */
const LONGEST_MS = 2000

interface Burst {
  /** Entries removed in it. */
  removed: number
  /** When the last entry was removed. */
  at: number
  /** When its removals were muted; null: they are read. */
  mutedAt: number | null
}

/**
 * The devices whose removals are not read, since most of them would be the echo of our own: those from which many entries are removed
 * in a burst. It may come in pieces, as a peer's withdrawals do.
 */
export class MutedRemovals implements Closable {
  private readonly clock: Clock
  private readonly missed: (device: string) => void
  /** By the name of the device. */
  private readonly bursts = new Map<string, Burst>()
  private cancel: (() => void) | null = null

  /** `missed` is called for a device when its removals are read again: some by other programs may have been missed. */
  constructor(clock: Clock, missed: (device: string) => void) {
    this.clock = clock
    this.missed = missed
  }

  /** The muted devices. */
  get names(): readonly string[] {
    return [...this.bursts].flatMap(([name, { mutedAt }]) => (mutedAt === null ? [] : [name]))
  }

  /** Decides on a device before some of its entries are removed. */
  expect({ name, removing, size }: Device): void {
    if (removing === 0) return
    const now = this.clock.now()
    const burst = this.bursts.get(name) ?? { removed: 0, at: now, mutedAt: null }
    this.bursts.set(name, burst)
    this.wait()
    const expected = burst.removed + removing
    if (burst.mutedAt !== null || expected <= BULK || size > REMAINDER * expected) return
    if (this.names.length < MOST_DEVICES) burst.mutedAt = now
  }

  /** Records that entries of a device are removed. */
  note({ name }: Device, entries: number): void {
    const burst = this.bursts.get(name)
    if (burst === undefined) return
    burst.removed += entries
    burst.at = this.clock.now()
  }

  close(): void {
    this.cancel?.()
    this.cancel = null
  }

  private wait(): void {
    this.cancel ??= this.clock.after(CALM_MS, () => {
      this.cancel = null
      this.endBursts()
      if (this.bursts.size > 0) this.wait()
    })
  }

  private endBursts(): void {
    const now = this.clock.now()
    for (const [name, { at, mutedAt }] of this.bursts) {
      if (now < at + CALM_MS && (mutedAt === null || now < mutedAt + LONGEST_MS)) continue
      this.bursts.delete(name)
      if (mutedAt !== null) this.missed(name)
    }
  }
}
