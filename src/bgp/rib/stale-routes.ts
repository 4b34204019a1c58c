import type { Clock } from '../../clock.ts'
import { WellKnownCommunity } from '../constants.ts'
import { type Family, ROUTE_TARGET, VPN_FAMILIES } from '../family.ts'
import type { Capabilities } from '../message/capability.ts'
import type { Rib } from './rib.ts'
import { age, type Route, type Source } from './route.ts'

/** Longest wait for End-of-RIB after a peer is back (RFC 4724 §4.2 leaves it open; FRR's stale-path time). */
const STALE_PATH_MS = 360_000

const forbidsLongLife = ({ set }: Route): boolean =>
  set.attributes.communities?.includes(WellKnownCommunity.NoLongLived) === true

/** A peer that filters by our memberships may say End-of-RIB before it has read them: GoBGP does. */
export const MEMBERSHIP_SETTLE_MS = 10_000
/**
 * After a peer that does not restart gracefully is back it may have to hear from others first: they try again within two
 * minutes (`MAX_BACK_OFF_SECONDS`), so for longer than that its silence on a route means nothing.
 */
const HEADLESS_SETTLE_MS = 180_000

/**
 * Keeps the routes of a peer that restarts, and lets go of what it does not say again (RFC 4724 §4.2, RFC 9494 §4.2);
 * also those of the last peer of a family, so that forwarding goes on while nobody can tell what has changed.
 */
export class StaleRoutes {
  private readonly clock: Clock
  private readonly rib: Rib
  private readonly source: Source
  private readonly headlessMs: (family: Family) => number
  private readonly onReleased: () => void
  private readonly stale = new Set<Family>()
  /** Of `stale`, the families that are kept without the peer having asked for it. */
  private readonly headless = new Set<Family>()
  /** Since when anything is stale, in epoch milliseconds; null while nothing is. */
  since: number | null = null
  private capabilities: Capabilities | null = null
  private isBack = false
  private isConstrained = false
  private readonly cancels = new Set<() => void>()
  /** Families that are about to be let go of, so that nothing said twice starts a second wait. */
  private readonly settling = new Set<Family>()

  /** `onReleased` is called whenever a family is let go of. */
  constructor(
    clock: Clock,
    rib: Rib,
    source: Source,
    headlessMs: (family: Family) => number,
    onReleased: () => void,
  ) {
    this.clock = clock
    this.rib = rib
    this.source = source
    this.headlessMs = headlessMs
    this.onReleased = onReleased
  }

  /** Families whose routes are stale, as a live view. */
  get families(): ReadonlySet<Family> {
    return this.stale
  }

  /** Whether anything is kept only because there is nobody else to ask. */
  get isHeadless(): boolean {
    return this.headless.size > 0
  }

  /**
   * The session is gone. `graceful` says whether what the peer promised about restarts applies, `mayReturn` whether the
   * peer is still wanted.
   */
  lost(families: Iterable<Family>, capabilities: Capabilities, graceful: boolean, mayReturn: boolean): void {
    this.capabilities = capabilities
    this.isBack = false
    this.cancelTimers()
    const kept = new Set(graceful ? capabilities.gracefulRestart?.families.map(({ family }) => family) : [])
    let restarting = false
    for (const family of families) {
      // What is stale from an earlier loss does not survive another one, unless there is nobody else to ask.
      if (this.stale.has(family) && this.headlessMs(family) <= 0) this.rib.sweep(this.source, family)
      age(this.source, family)
      if (!mayReturn) this.release(family)
      else if (kept.has(family)) {
        this.keep(family)
        restarting = true
      } else this.holdOrRelease(family)
    }
    if (!restarting) return
    this.after((capabilities.gracefulRestart?.restartTimeSeconds ?? 0) * 1000, () => this.restartTimeOver())
  }

  /**
   * The peer is back. Families whose forwarding it did not keep are let go of at once, unless there is nobody else to ask:
   * a reflector forwards nothing, and GoBGP says so.
   */
  back(families: ReadonlySet<Family>, capabilities: Capabilities): void {
    this.isBack = true
    this.isConstrained = families.has(ROUTE_TARGET)
    this.cancelTimers()
    const kept = capabilities.gracefulRestart?.families.filter(({ forwarding }) => forwarding) ?? []
    const forwarding = new Set(kept.map(({ family }) => family))
    for (const family of [...this.stale]) {
      if (!families.has(family)) this.release(family)
      else if (!forwarding.has(family) && !this.headless.has(family)) this.holdOrRelease(family)
    }
    if (this.stale.size > 0) this.after(STALE_PATH_MS, () => this.releaseAll())
  }

  /** The peer has said the whole family again. */
  endOfRib(family: Family): void {
    if (this.headless.has(family)) this.relieve(family)
    else if (this.stale.has(family) && this.isConstrained && VPN_FAMILIES.has(family)) {
      this.settle(family, MEMBERSHIP_SETTLE_MS, () => true)
    } else if (this.stale.has(family)) this.release(family)
  }

  /** Somebody knows the family again. */
  relieve(family: Family): void {
    if (!this.headless.has(family)) return
    this.settle(family, HEADLESS_SETTLE_MS, () => this.isBack || this.headlessMs(family) <= 0)
  }

  /** Lets go of everything, now. */
  releaseAll(): void {
    this.cancelTimers()
    for (const family of [...this.stale]) this.release(family)
  }

  private restartTimeOver(): void {
    for (const family of [...this.stale]) {
      if (this.headless.has(family)) continue
      const longLived = this.capabilities?.longLivedGracefulRestart.find((one) => one.family === family)
      if (longLived === undefined || longLived.staleTimeSeconds === 0) {
        this.holdOrRelease(family)
        continue
      }
      this.source.longLived.add(family)
      this.rib.sweepSome(this.source, family, forbidsLongLife)
      this.rib.reweigh(this.source, family)
      this.after(longLived.staleTimeSeconds * 1000, () => this.release(family))
    }
  }

  private holdOrRelease(family: Family): void {
    const ms = this.headlessMs(family)
    if (ms <= 0) return this.release(family)
    this.keep(family)
    this.headless.add(family)
    this.after(ms, () => this.release(family))
  }

  private keep(family: Family): void {
    this.stale.add(family)
    this.since ??= this.clock.epoch()
  }

  private release(family: Family): void {
    this.stale.delete(family)
    if (this.stale.size === 0) this.since = null
    this.headless.delete(family)
    this.rib.sweep(this.source, family)
    this.source.longLived.delete(family)
    this.onReleased()
  }

  /** Lets go of a family after a while, if `still` says so then. */
  private settle(family: Family, ms: number, still: () => boolean): void {
    if (this.settling.has(family)) return
    this.settling.add(family)
    this.after(ms, () => {
      this.settling.delete(family)
      if (still()) this.release(family)
    })
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
    this.settling.clear()
  }
}
