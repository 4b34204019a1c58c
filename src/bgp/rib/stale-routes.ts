import type { Clock } from '../../clock.ts'
import { END_OF_RIB_WAIT_SECONDS } from '../constants.ts'
import { type Family, ROUTE_TARGET, VPN_FAMILIES } from '../family.ts'
import type { Capabilities } from '../message/capability.ts'
import type { Rib } from './rib.ts'
import { isOfPeerItself, markStale, type Source } from './route.ts'

/** A peer that filters by our memberships may send End-of-RIB before it has read them, as GoBGP does. */
export const MEMBERSHIP_SETTLE_MS = 10_000
/**
 * A restarted reflector may first have to receive its other clients' routes: they retry within two minutes
 * (`MAX_BACK_OFF_SECONDS`), so for longer than that the absence of a route from its advertisements means nothing.
 */
export const HEADLESS_SETTLE_MS = 180_000
/** After that, how often to check whether another peer can be relied on. */
const HEADLESS_RECHECK_MS = 5000

/** The conditions for keeping the routes of a lost peer. */
export interface StaleContext {
  /** How long routes of a family stay that no other peer can update; 0: not at all. */
  headlessMs(family: Family): number
  /** Other peers whose routes of a family have been complete for long enough to be relied on. */
  settledPeers(family: Family): ReadonlySet<Source>
  /** Called when the stale routes of a family are no longer kept. */
  released(): void
}

/**
 * Keeps the routes of a peer that restarts, and removes those that it does not re-advertise (RFC 4724 §4.2); also keeps those of the
 * last peer of a family, so that forwarding continues while no peer can report changes.
 */
export class StaleRoutes {
  private readonly clock: Clock
  private readonly rib: Rib
  private readonly source: Source
  private readonly context: StaleContext
  private readonly stale = new Set<Family>()
  /** Of `stale`, the families that are kept although the peer did not ask for it. */
  private readonly headless = new Set<Family>()
  /** Since when any family has been stale, in epoch milliseconds; null when none is. */
  since: number | null = null
  /** When the peer, which is back, sent the End-of-RIB of a stale family, on the monotonic clock. */
  private readonly endedAt = new Map<Family, number>()
  private isConstrained = false
  private readonly cancels = new Set<() => void>()
  /** Families about to be released, so that no second wait starts. */
  private readonly settling = new Set<Family>()

  constructor(clock: Clock, rib: Rib, source: Source, context: StaleContext) {
    this.clock = clock
    this.rib = rib
    this.source = source
    this.context = context
  }

  /** Families with stale routes, as a live view. */
  get families(): ReadonlySet<Family> {
    return this.stale
  }

  /** Whether any routes are kept only because there is no other peer. */
  get isHeadless(): boolean {
    return this.headless.size > 0
  }

  /**
   * The session is gone. For `restartMs` the peer may be restarting and keeps the forwarding of the families in its capability;
   * 0: it is not restarting. `mayReturn` says whether the peer is still configured.
   */
  lost(families: Iterable<Family>, capabilities: Capabilities, restartMs: number, mayReturn: boolean): void {
    this.endedAt.clear()
    this.cancelTimers()
    const kept = new Set(
      restartMs > 0 ? capabilities.gracefulRestart?.families.map(({ family }) => family) : [],
    )
    let restarting = false
    for (const family of families) {
      // Routes that are stale since an earlier loss do not survive another one, unless there is no other peer.
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
   * The peer is back. Families whose forwarding it did not keep are released at once, unless there is no other peer: a
   * reflector forwards nothing, and GoBGP reports that.
   */
  back(families: ReadonlySet<Family>, capabilities: Capabilities): void {
    this.isConstrained = families.has(ROUTE_TARGET)
    this.cancelTimers()
    const kept = capabilities.gracefulRestart?.families.filter(({ forwarding }) => forwarding) ?? []
    const forwarding = new Set(kept.map(({ family }) => family))
    for (const family of [...this.stale]) {
      if (!families.has(family)) this.release(family)
      else if (!forwarding.has(family) && !this.headless.has(family)) this.holdOrRelease(family)
    }
    if (this.stale.size > 0) this.after(1000 * END_OF_RIB_WAIT_SECONDS, () => this.releaseAll())
  }

  /** The peer has advertised the whole family again. */
  endOfRib(family: Family): void {
    if (!this.stale.has(family)) return
    if (!this.endedAt.has(family)) this.endedAt.set(family, this.clock.now())
    if (this.isConstrained && VPN_FAMILIES.has(family))
      this.settle(family, MEMBERSHIP_SETTLE_MS, () =>
        this.ended(family, HEADLESS_SETTLE_MS - MEMBERSHIP_SETTLE_MS),
      )
    else this.ended(family, HEADLESS_SETTLE_MS)
  }

  /** The peer, or another one, has advertised the family: after a delay it can be relied on. */
  relieve(family: Family, ms = HEADLESS_SETTLE_MS): void {
    if (!this.headless.has(family)) return
    this.settle(family, ms, () => {
      if (this.isSettled(family) || this.context.headlessMs(family) <= 0) this.release(family)
      else this.relieve(family, HEADLESS_RECHECK_MS)
    })
  }

  /** Whether the peer has advertised the whole family again, and has had time to receive it from others. */
  private isSettled(family: Family): boolean {
    const endedAt = this.endedAt.get(family)
    return endedAt !== undefined && this.clock.now() - endedAt >= HEADLESS_SETTLE_MS
  }

  /** Releases everything, now. */
  releaseAll(): void {
    this.cancelTimers()
    for (const family of [...this.stale]) this.release(family)
  }

  /**
   * A peer that is back has sent End-of-RIB: the rest of its own routes is removed (RFC 4724 §4.2). A reflector may send it before its
   * other clients are back, as FRR does: routes that it passed on stay a while where there is no other peer.
   */
  private ended(family: Family, settleMs: number): void {
    if (this.context.headlessMs(family) <= 0) return this.release(family)
    this.rib.sweepStale(this.source, family, isOfPeerItself)
    this.headless.add(family)
    this.relieve(family, settleMs)
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

  /** Handles a family after a delay. */
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
