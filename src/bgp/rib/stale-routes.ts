import type { Clock } from '../../clock.ts'
import { WellKnownCommunity } from '../constants.ts'
import type { Family } from '../family.ts'
import type { Capabilities } from '../message/capability.ts'
import type { Rib } from './rib.ts'
import { age, type Route, type Source } from './route.ts'

/** Longest wait for End-of-RIB after a peer is back (RFC 4724 §4.2 leaves it open; FRR's stale-path time). */
const STALE_PATH_MS = 360_000

const forbidsLongLife = ({ set }: Route): boolean =>
  set.attributes.communities?.includes(WellKnownCommunity.NoLongLived) === true

/** Keeps the routes of a peer that restarts, and lets go of what it does not say again (RFC 4724 §4.2, RFC 9494 §4.2). */
export class StaleRoutes {
  private readonly clock: Clock
  private readonly rib: Rib
  private readonly source: Source
  private readonly onReleased: () => void
  private readonly stale = new Set<Family>()
  private capabilities: Capabilities | null = null
  private readonly cancels = new Set<() => void>()

  /** `onReleased` is called whenever a family is let go of. */
  constructor(clock: Clock, rib: Rib, source: Source, onReleased: () => void) {
    this.clock = clock
    this.rib = rib
    this.source = source
    this.onReleased = onReleased
  }

  /** Families whose routes are stale, as a live view. */
  get families(): ReadonlySet<Family> {
    return this.stale
  }

  /** The session is gone. `graceful` says whether what the peer promised about restarts applies. */
  lost(families: Iterable<Family>, capabilities: Capabilities, graceful: boolean): void {
    this.capabilities = capabilities
    this.cancelTimers()
    const kept = new Set(graceful ? capabilities.gracefulRestart?.families.map(({ family }) => family) : [])
    for (const family of families) {
      // What is stale from an earlier loss does not survive another one.
      if (this.stale.has(family)) this.rib.sweep(this.source, family)
      age(this.source, family)
      if (kept.has(family)) this.stale.add(family)
      else this.release(family)
    }
    if (this.stale.size === 0) return
    this.after((capabilities.gracefulRestart?.restartTimeSeconds ?? 0) * 1000, () => this.restartTimeOver())
  }

  /** The peer is back; families whose forwarding it did not keep are let go of at once. */
  back(families: ReadonlySet<Family>, capabilities: Capabilities): void {
    this.cancelTimers()
    const kept = capabilities.gracefulRestart?.families.filter(({ forwarding }) => forwarding) ?? []
    const forwarding = new Set(kept.map(({ family }) => family))
    for (const family of [...this.stale]) {
      if (!families.has(family) || !forwarding.has(family)) this.release(family)
    }
    if (this.stale.size > 0) this.after(STALE_PATH_MS, () => this.releaseAll())
  }

  /** The peer has said the whole family again. */
  endOfRib(family: Family): void {
    if (this.stale.has(family)) this.release(family)
  }

  /** Lets go of everything, now. */
  releaseAll(): void {
    this.cancelTimers()
    for (const family of [...this.stale]) this.release(family)
  }

  private restartTimeOver(): void {
    for (const family of [...this.stale]) {
      const longLived = this.capabilities?.longLivedGracefulRestart.find((one) => one.family === family)
      if (longLived === undefined || longLived.staleTimeSeconds === 0) {
        this.release(family)
        continue
      }
      this.source.longLived.add(family)
      this.rib.sweep(this.source, family, forbidsLongLife)
      this.rib.reweigh(this.source, family)
      this.after(longLived.staleTimeSeconds * 1000, () => this.release(family))
    }
  }

  private release(family: Family): void {
    this.stale.delete(family)
    this.rib.sweep(this.source, family)
    this.source.longLived.delete(family)
    this.onReleased()
  }

  private after(ms: number, task: () => void): void {
    const cancel = this.clock.after(ms, () => {
      this.cancels.delete(cancel)
      task()
    })
    this.cancels.add(cancel)
  }

  private cancelTimers(): void {
    for (const cancel of this.cancels) cancel()
    this.cancels.clear()
  }
}
