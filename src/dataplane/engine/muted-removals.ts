import type { Clock } from '../../clock.ts'
import type { Closable } from '../../values/closable.ts'
import type { Driver } from '../driver.ts'
import { whenAnswered } from '../eventual.ts'
import type { Device } from './device.ts'
import { orUnknown } from './lost-answers.ts'

/** From this many entries removed in one burst on, the kernel's notifications of removals are not read, where the driver counts them. */
const COUNTED_BULK = 256
/** Where it does not, or not to any avail: from this many on, and only if at most this many times as many other entries have to be set again. */
const BULK = 1024
const REMAINDER = 4
/** For so long counting is to no avail once other programs have removed entries, too. */
const DISTRUST_MS = 60_000
const MOST_DEVICES = 32
/** A burst is over when no entry was removed for so long. */
const CALM_MS = 100
/** Where the driver does not count, removals by other programs are found after this time at the latest, however long a burst is. */
const LONGEST_MS = 2000

interface Burst {
  /** Entries removed in it. */
  removed: number
  /** When the last entry was removed. */
  at: number
  /** When its removals were muted; null: they are read. */
  mutedAt: number | null
}

export interface MutedRemovalsDependencies {
  readonly clock: Clock
  readonly driver: Pick<Driver, 'countsRemovals' | 'missedRemovals'>
  /** Called when there are fewer muted devices. */
  readonly unmuted: () => void
  /** Called for a device from which other programs may have removed entries meanwhile. */
  readonly missed: (device: string) => void
}

/**
 * The devices whose removals are not read, since most of them would be the echo of our own: those from which many entries are removed
 * in a burst. It may come in pieces, as a peer's withdrawals do.
 */
export class MutedRemovals implements Closable {
  private readonly clock: Clock
  private readonly driver: MutedRemovalsDependencies['driver']
  private readonly unmuted: () => void
  private readonly missed: (device: string) => void
  /** By the name of the device. */
  private readonly bursts = new Map<string, Burst>()
  /** When other programs' removals were last missed, by the name of the device. */
  private readonly missedAt = new Map<string, number>()
  private cancel: (() => void) | null = null
  private isClosed = false

  constructor({ clock, driver, unmuted, missed }: MutedRemovalsDependencies) {
    this.clock = clock
    this.driver = driver
    this.unmuted = unmuted
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
    if (burst.mutedAt !== null || !this.isWorthIt(name, burst.removed + removing, size)) return
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
    this.isClosed = true
    this.cancel?.()
    this.cancel = null
  }

  private isWorthIt(device: string, removals: number, size: number): boolean {
    if (removals > COUNTED_BULK && this.isCounted(device)) return true
    return removals > BULK && size <= REMAINDER * removals
  }

  private isCounted(device: string): boolean {
    const distrustedUntil = (this.missedAt.get(device) ?? -DISTRUST_MS) + DISTRUST_MS
    return this.driver.countsRemovals && this.clock.now() >= distrustedUntil
  }

  private wait(): void {
    this.cancel ??= this.clock.after(CALM_MS, () => {
      this.cancel = null
      this.check()
      if (this.bursts.size > 0) this.wait()
    })
  }

  private check(): void {
    const now = this.clock.now()
    const asked: string[] = []
    const { length } = this.names
    for (const [name, { at, mutedAt }] of this.bursts) {
      const isCounted = this.isCounted(name)
      const isLong = !isCounted && mutedAt !== null && now >= mutedAt + LONGEST_MS
      if (now >= at + CALM_MS || isLong) this.bursts.delete(name)
      if (mutedAt !== null && (isCounted || !this.bursts.has(name))) asked.push(name)
    }
    try {
      if (this.names.length < length) this.unmuted()
    } finally {
      for (const name of asked) this.ask(name)
    }
  }

  private ask(device: string): void {
    whenAnswered(orUnknown(this.driver.missedRemovals(device)), (isMissed) => {
      // after an answer that was lost, everything is checked anyway
      if (isMissed !== true || this.isClosed) return
      const now = this.clock.now()
      for (const [name, at] of this.missedAt) if (now >= at + DISTRUST_MS) this.missedAt.delete(name)
      this.missedAt.set(device, now)
      this.missed(device)
    })
  }
}
