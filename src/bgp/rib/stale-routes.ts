import type { Clock } from '../../clock.ts'
import { type Family, ROUTE_TARGET, VPN_FAMILIES } from '../family.ts'
import type { Capabilities } from '../message/capability.ts'
import type { Rib } from './rib.ts'
import { markStale, originatorOf, type Source } from './route.ts'

/** Longest wait for End-of-RIB after a peer is back (RFC 4724 §4.2 leaves it open; FRR's stale-path time). */
const STALE_PATH_MS = 360_000

/** A peer that filters by our memberships may send End-of-RIB before it has read them: GoBGP does. */
export const MEMBERSHIP_SETTLE_MS = 10_000
/**
 * A reflector that has come up may have to hear from its other clients first: they try again within two minutes
 * (`MAX_BACK_OFF_SECONDS`), so for longer than that the absence of a route from what it advertises means nothing.
 */
export const HEADLESS_SETTLE_MS = 180_000
/** After that, how often to look whether another peer can be relied on. */
const HEADLESS_RECHECK_MS = 5000

/** What the routes of a lost peer depend on. */
export interface StaleContext {
  /** How long routes of a family stay that no other peer could know better of; 0: not at all. */
  headlessMs(family: Family): number
  /** Other peers whose routes of a family have been complete for long enough to be relied on. */
  settledPeers(family: Family): ReadonlySet<Source>
  /** A family was released. */
  released(): void
}

/**
 * Keeps the routes of a peer that restarts, and lets go of what it does not re-advertise (RFC 4724 §4.2); also those of the
 * last peer of a family, so that forwarding goes on while no peer can tell what has changed.
 */
export class StaleRoutes {
  private readonly clock: Clock
  private readonly rib: Rib
  private readonly source: Source
  private readonly context: StaleContext
  private readonly stale = new Set<Family>()
  /** Of `stale`, the families that are kept without the peer having asked for it. */
  private readonly headless = new Set<Family>()
  /** Since when anything is stale, in epoch milliseconds; null while nothing is. */
  since: number | null = null
  private isBack = false
  private isConstrained = false
  private readonly cancels = new Set<() => void>()
  /** Families that are about to be released, so that nothing starts a second wait. */
  private readonly settling = new Set<Family>()

  constructor(clock: Clock, rib: Rib, source: Source, context: StaleContext) {
    this.clock = clock
    this.rib = rib
    this.source = source
    this.context = context
  }

  /** Families whose routes are stale, as a live view. */
  get families(): ReadonlySet<Family> {
    return this.stale
  }

  /** Whether anything is kept only because there is no other peer to ask. */
  get isHeadless(): boolean {
    return this.headless.size > 0
  }

  /**
   * The session is gone. For `restartMs` the peer may be restarting and keeps the forwarding of what its capability names;
   * 0: it is not. `mayReturn` says whether the peer is still wanted.
   */
  lost(families: Iterable<Family>, capabilities: Capabilities, restartMs: number, mayReturn: boolean): void {
    this.isBack = false
    this.cancelTimers()
    const kept = new Set(
      restartMs > 0 ? capabilities.gracefulRestart?.families.map(({ family }) => family) : [],
    )
    let restarting = false
    for (const family of families) {
      // What is stale from an earlier loss does not survive another one, unless there is no other peer to ask.
      if (this.stale.has(family) && this.context.headlessMs(family) <= 0) this.sweep(family)
      markStale(this.source, family)
      if (!mayReturn) this.release(family)
      else if (kept.has(family)) {
        this.keep(family)
        restarting = true
      } else this.holdOrRelease(family)
      if (!this.stale.has(family)) continue
      this.rib.reselect(this.source, family)
      this.rib.sweepUnconfirmed(this.source, family, this.context.settledPeers(family))
    }
    if (restarting) this.after(restartMs, () => this.restartTimeOver())
  }

  /**
   * The peer is back. Families whose forwarding it did not keep are released at once, unless there is no other peer to ask: a
   * reflector forwards nothing, and GoBGP says so.
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

  /** The peer has advertised the whole family again. */
  endOfRib(family: Family): void {
    if (this.headless.has(family)) this.relieve(family)
    else if (this.stale.has(family) && this.isConstrained && VPN_FAMILIES.has(family)) {
      this.settle(family, MEMBERSHIP_SETTLE_MS, () => this.ended(family))
    } else if (this.stale.has(family)) this.ended(family)
  }

  /** The peer, or another one, has advertised the family: in a while it can be relied on. */
  relieve(family: Family, ms = HEADLESS_SETTLE_MS): void {
    if (!this.headless.has(family)) return
    this.settle(family, ms, () => {
      if (this.isBack || this.context.headlessMs(family) <= 0) this.release(family)
      else this.relieve(family, HEADLESS_RECHECK_MS)
    })
  }

  /** Lets go of everything, now. */
  releaseAll(): void {
    this.cancelTimers()
    for (const family of [...this.stale]) this.release(family)
  }

  /**
   * A peer that restarted has sent End-of-RIB: of its own routes the rest is gone (RFC 4724 §4.2). A reflector may send it before its
   * other clients are back, as FRR does: what it passed on stays a while where no other peer knows better.
   */
  private ended(family: Family): void {
    if (this.context.headlessMs(family) <= 0) return this.release(family)
    this.rib.sweepStale(this.source, family, (route) => originatorOf(route) === null)
    this.headless.add(family)
    this.relieve(family)
  }

  private restartTimeOver(): void {
    for (const family of [...this.stale]) this.holdOrRelease(family)
  }

  private holdOrRelease(family: Family): void {
    const ms = this.context.headlessMs(family)
    if (ms <= 0) return this.release(family)
    this.keep(family)
    this.headless.add(family)
    this.after(ms, () => this.release(family))
    this.relieve(family)
  }

  private keep(family: Family): void {
    this.stale.add(family)
    this.since ??= this.clock.epoch()
  }

  private release(family: Family): void {
    this.stale.delete(family)
    if (this.stale.size === 0) this.since = null
    this.headless.delete(family)
    this.sweep(family)
    this.context.released()
  }

  private sweep(family: Family): void {
    this.rib.sweep(this.source, family, this.source.freshFrom.get(family) ?? 0)
  }

  /** Does something about a family after a while. */
  private settle(family: Family, ms: number, task: () => void): void {
    if (this.settling.has(family)) return
    this.settling.add(family)
    this.after(ms, () => {
      this.settling.delete(family)
      task()
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
