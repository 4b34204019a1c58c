import type { Clock } from '../clock.ts'
import type { Ip } from '../values/address.ts'
import { isStale, markGone, type Route } from './rib/route.ts'

/** What is done with routes of a VPN instance that peers have withdrawn. */
export interface VanishedListener<R extends Route> {
  /** The route is gone. */
  forget(route: R): void
  /** The route stays, as a stale one. False where it was forgotten before and another has its place. */
  keep(route: R): boolean
  /** The routes that are there, those just withdrawn among them. */
  routes(): Iterable<R>
}

export interface VanishedNode {
  readonly routes: number
  readonly leftMs: number
}

/** A node's withdraws may come in several messages, and reach us that far apart. */
const WITHDRAW_MS = 1000
/** Longest wait for the rest of what arrives at once. */
const BURST_MS = 100

/**
 * Tells a route that is withdrawn from a remote node that vanishes: one whose routes go all at once has failed or restarts, and in
 * neither case is anything won by cutting its traffic off at once. Many reflectors withdraw what a restarting node has advertised.
 */
export class VanishedRoutes<R extends Route> {
  private readonly keepMs: number
  private readonly clock: Clock
  /** Whether changes of routes wait to be told. */
  private readonly isBusy: () => boolean
  private readonly listener: VanishedListener<R>
  /** By next hop: how many routes peers advertise. */
  private readonly live = new Map<Ip | null, number>()
  /** Just withdrawn: whether they are the last of their node is not known yet. */
  private readonly leaving = new Set<R>()
  private leavingSince = 0
  /** Forgotten of late, and when: their node may be vanishing. */
  private readonly forgotten = new Map<R, number>()
  /** Kept, and until when; the first to go is the first. */
  private readonly kept = new Map<R, number>()
  private isArmed = false

  /** `keepMs` 0: nothing is kept. */
  constructor(keepMs: number, clock: Clock, isBusy: () => boolean, listener: VanishedListener<R>) {
    this.keepMs = keepMs
    this.clock = clock
    this.isBusy = isBusy
    this.listener = listener
  }

  /** Nodes that have vanished, how many of their routes are kept, and for how long at most. */
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

  /** The routes that are kept, as a live view. */
  routes(): Iterable<R> {
    return this.kept.keys()
  }

  /** A route arrived, in the place of `before`. */
  arrived({ set }: R, before: R | undefined): void {
    if (before !== undefined) {
      if (before.set.nextHop === set.nextHop && this.leaving.size === 0 && this.kept.size === 0) return
      this.dropped(before)
    }
    this.live.set(set.nextHop, (this.live.get(set.nextHop) ?? 0) + 1)
  }

  /** A route goes for another reason than a withdraw. */
  dropped(route: R): void {
    if (!this.leaving.delete(route) && !this.kept.delete(route)) this.count(route)
  }

  /** A route was withdrawn: the listener learns what becomes of it. */
  withdrawn(route: R): void {
    if (this.leaving.has(route) || this.kept.has(route)) return
    this.count(route)
    // What goes on this machine is known for certain.
    if (this.keepMs === 0 || route.source.peer === null) return this.listener.forget(route)
    this.leaving.add(route)
    if (this.leaving.size > 1) return
    this.leavingSince = this.clock.now()
    this.clock.soon(() => this.settle())
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
      if (present.has(nextHop)) {
        this.forgotten.set(route, now)
        this.listener.forget(route)
      } else {
        this.keep(route, now)
      }
    }
    this.leaving.clear()
    for (const [route, at] of this.forgotten)
      if (vanished.has(route.set.nextHop) && now - at < WITHDRAW_MS) {
        this.forgotten.delete(route)
        this.keep(route, now)
      }
    this.arm()
  }

  /** Whether the node of a route that leaves still has others: a stale one may be from before the node vanished, and tells nothing. */
  private isPresent({ set: { nextHop }, source, family }: R): boolean {
    if (!this.live.has(nextHop)) return false
    if (!source.freshFrom.has(family)) return true
    for (const route of this.listener.routes())
      if (route.set.nextHop === nextHop && !this.leaving.has(route) && !isStale(route)) return true
    return false
  }

  private keep(route: R, now: number): void {
    markGone(route)
    if (this.listener.keep(route)) this.kept.set(route, now + this.keepMs)
  }

  private arm(): void {
    const [firstKept] = this.kept.values()
    const [firstForgotten] = this.forgotten.values()
    if (this.isArmed || (firstKept === undefined && firstForgotten === undefined)) return
    this.isArmed = true
    const due = Math.min(firstKept ?? Infinity, (firstForgotten ?? Infinity) + WITHDRAW_MS)
    this.clock.after(due - this.clock.now(), () => {
      this.isArmed = false
      this.expire(this.clock.now())
      this.arm()
    })
  }

  private expire(now: number): void {
    for (const [route, at] of this.forgotten) {
      if (at + WITHDRAW_MS > now) break
      this.forgotten.delete(route)
    }
    for (const [route, until] of this.kept) {
      if (until > now) break
      this.kept.delete(route)
      this.listener.forget(route)
    }
  }
}
