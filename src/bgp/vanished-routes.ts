import type { Clock } from '../clock.ts'
import type { Ip } from '../values/address.ts'
import { isStale, markGone, type Route } from './rib/route.ts'

/** Receives the withdrawn routes of a VPN instance. */
export interface VanishedListener<R extends Route> {
  /** The route is gone. */
  forget(route: R): void
  /** The route stays, as a stale one. */
  keep(route: R): void
  /** The present routes, including those just withdrawn. */
  routes(): Iterable<R>
}

export interface VanishedNode {
  readonly routes: number
  readonly leftMs: number
}

/** A node's withdraws come in several messages, at least one for each family, and arrive this far apart. */
const WITHDRAW_MS = 1000
/** The longest wait for the rest of a burst. */
const BURST_MS = 100
/** Routes forgotten before other work gets its turn. */
const SLICE = 1000

/**
 * Detects remote nodes that vanish: a node whose routes are withdrawn all at once has failed or restarts, and in
 * neither case does cutting its traffic off at once help. Many reflectors withdraw the routes of a restarting node.
 */
export class VanishedRoutes<R extends Route> {
  private readonly keepMs: () => number
  private readonly clock: Clock
  /** Whether notifications of routes are pending. */
  private readonly isBusy: () => boolean
  private readonly listener: VanishedListener<R>
  /** By next hop: how many routes peers advertise. */
  private readonly live = new Map<Ip | null, number>()
  /** Just withdrawn: it is not known yet whether they are the last of their node. */
  private readonly leaving = new Set<R>()
  private leavingSince = 0
  /** Withdrawn a moment ago, and until when they stay: their node has other routes, but may be vanishing. The earliest first. */
  private readonly held = new Map<R, number>()
  /** Kept, and until when; the earliest first. */
  private readonly kept = new Map<R, number>()
  private cancelExpiry = (): void => {}

  /** `keepMs`: how long routes are kept; 0: not at all. */
  constructor(keepMs: () => number, clock: Clock, isBusy: () => boolean, listener: VanishedListener<R>) {
    this.keepMs = keepMs
    this.clock = clock
    this.isBusy = isBusy
    this.listener = listener
  }

  /** Vanished nodes, how many of their routes are kept, and for how long at most. */
  nodes(): ReadonlyMap<Ip, VanishedNode> {
    const now = this.clock.now()
    const nodes = new Map<Ip, VanishedNode>()
    for (const [
      {
        set: { nextHop },
      },
      until,
    ] of this.kept)
      if (nextHop !== null)
        nodes.set(nextHop, { routes: (nodes.get(nextHop)?.routes ?? 0) + 1, leftMs: until - now })
    return nodes
  }

  /** The kept routes, as a live view. */
  routes(): Iterable<R> {
    return this.kept.keys()
  }

  /** A route arrived, in place of `before`. */
  arrived({ set }: R, before: R | undefined): void {
    if (before !== undefined) {
      if (before.set.nextHop === set.nextHop && !this.isTracking) return
      this.dropped(before)
    }
    this.live.set(set.nextHop, (this.live.get(set.nextHop) ?? 0) + 1)
  }

  /** A route was removed for another reason than a withdraw. */
  dropped(route: R): void {
    if (!this.leaving.delete(route) && !this.held.delete(route) && !this.kept.delete(route)) this.count(route)
  }

  /** A route was withdrawn: the listener learns whether it is kept. */
  withdrawn(route: R): void {
    if (this.isTracking && (this.leaving.has(route) || this.held.has(route) || this.kept.has(route))) return
    this.count(route)
    // Local routes are known for certain.
    if (this.keepMs() === 0 || route.source.peer === null) return this.listener.forget(route)
    this.leaving.add(route)
    if (this.leaving.size > 1) return
    this.leavingSince = this.clock.now()
    this.clock.soon(() => this.settle())
  }

  /** Whether any route was withdrawn and is not forgotten yet. */
  private get isTracking(): boolean {
    return this.leaving.size + this.held.size + this.kept.size > 0
  }

  private count({ set: { nextHop } }: R): void {
    const left = (this.live.get(nextHop) ?? 0) - 1
    if (left > 0) this.live.set(nextHop, left)
    else this.live.delete(nextHop)
  }

  private settle(): void {
    const now = this.clock.now()
    if (this.isBusy() && now - this.leavingSince < BURST_MS) return this.clock.soon(() => this.settle())
    const vanished = new Set<Ip | null>()
    const present = new Set<Ip | null>()
    for (const route of this.leaving) {
      const { nextHop } = route.set
      if (!vanished.has(nextHop) && !present.has(nextHop))
        (this.isPresent(route) ? present : vanished).add(nextHop)
      markGone(route)
      this.listener.keep(route)
      if (present.has(nextHop)) this.held.set(route, now + WITHDRAW_MS)
      else this.kept.set(route, now + this.keepMs())
    }
    this.leaving.clear()
    if (vanished.size > 0)
      for (const route of this.held.keys())
        if (vanished.has(route.set.nextHop)) {
          this.held.delete(route)
          this.kept.set(route, now + this.keepMs())
        }
    this.arm()
  }

  /** Whether the node of a removed route still has others: a stale one may be from before the node vanished, and proves nothing. */
  private isPresent({ set: { nextHop }, source, family }: R): boolean {
    if (!this.live.has(nextHop)) return false
    if (!source.freshFrom.has(family)) return true
    for (const route of this.listener.routes())
      if (route.set.nextHop === nextHop && !this.leaving.has(route) && !isStale(route)) return true
    return false
  }

  private arm(): void {
    this.cancelExpiry()
    const [firstHeld = Infinity] = this.held.values()
    const [firstKept = Infinity] = this.kept.values()
    const due = Math.min(firstHeld, firstKept)
    if (due === Infinity) return
    this.cancelExpiry = this.clock.after(Math.max(0, due - this.clock.now()), () => {
      this.expire(this.clock.now())
      this.arm()
    })
  }

  private expire(now: number): void {
    let left = SLICE
    for (const routes of [this.held, this.kept])
      for (const [route, until] of routes) {
        if (until > now || left === 0) break
        left--
        routes.delete(route)
        this.listener.forget(route)
      }
  }
}
