import { assert } from '../../values/assert.ts'
import { ensure } from '../../values/map.ts'
import type { RouteTarget } from '../values/extended-community.ts'
import type { AttributeSet } from './attribute-pool.ts'
import { present } from './present.ts'
import type { BestListener, Rib } from './rib.ts'
import type { Route } from './route.ts'

/** Receives best routes by route target. Calls are idempotent: the same route may come twice, and an unknown one may be withdrawn. */
export interface Subscriber {
  routeChanged(route: Route): void
  /** The last notified route of this family and key is withdrawn, or no longer carries a target subscribed to. */
  routeGone(route: Route, isWithdrawn: boolean): void
}

const NONE: ReadonlySet<Subscriber> = new Set()

/** The subscribers by route target, and the best routes that they are notified of. */
export class Subscriptions implements BestListener {
  private readonly rib: Rib
  private readonly subscribers = new Map<RouteTarget, Set<Subscriber>>()
  /** The attributes that any such route has, by the targets in them. */
  private readonly byTarget = new Map<RouteTarget, Set<AttributeSet>>()

  constructor(rib: Rib) {
    this.rib = rib
  }

  /** Notifies of present and future best routes that carry the target. Returns whether there was no other subscriber. */
  add(subscriber: Subscriber, target: RouteTarget): boolean {
    const subscribers = ensure(this.subscribers, target, () => new Set())
    if (subscribers.has(subscriber)) return false
    subscribers.add(subscriber)
    if (this.hasRoutesWith(target)) this.replay(subscriber, target)
    return subscribers.size === 1
  }

  /** Ends the notifications of the target; the subscriber itself removes its routes. Returns whether there is no subscriber left. */
  remove(subscriber: Subscriber, target: RouteTarget): boolean {
    const subscribers = this.subscribers.get(target)
    if (subscribers?.delete(subscriber) !== true || subscribers.size > 0) return false
    return this.subscribers.delete(target)
  }

  bestChanged(previous: Route | null, current: Route | null): void {
    const gone = previous === null ? NONE : this.subscribersOf(previous)
    if (previous !== null) this.unindex(previous)
    if (current !== null) this.index(current)
    const notified = current === null ? NONE : this.subscribersOf(current)
    for (const subscriber of notified) subscriber.routeChanged(current!)
    for (const subscriber of gone)
      if (!notified.has(subscriber)) subscriber.routeGone(previous!, current === null)
  }

  /** Notifies again of an unchanged best route whose rank may have changed. */
  notifyAgain(route: Route): void {
    for (const target of route.set.routeTargets)
      for (const subscriber of this.subscribers.get(target) ?? []) subscriber.routeChanged(route)
  }

  /** The best routes that carry a target, as a live view that may omit routes added during iteration. */
  *routesWith(target: RouteTarget): Iterable<Route> {
    for (const { best } of present(this.byTarget.get(target))) yield* best
  }

  /** Whether a best route that was notified carries the target. */
  hasRoutesWith(target: RouteTarget): boolean {
    return this.byTarget.has(target)
  }

  /** The subscribers of a route, each once. */
  private subscribersOf({ set: { routeTargets } }: Route): ReadonlySet<Subscriber> {
    let all: ReadonlySet<Subscriber> = NONE
    for (const target of routeTargets) {
      const some = this.subscribers.get(target)
      if (some !== undefined) all = all === NONE ? some : new Set([...all, ...some])
    }
    return all
  }

  private replay(subscriber: Subscriber, target: RouteTarget): void {
    this.rib.walk(this.routesWith(target), (route) => {
      if (this.subscribers.get(target)?.has(subscriber) !== true) return false
      subscriber.routeChanged(route)
      return true
    })
  }

  private index(route: Route): void {
    const { set } = route
    if (set.best.size === 0)
      for (const target of set.constraintTargets) ensure(this.byTarget, target, () => new Set()).add(set)
    route.bestSlot = set.best.add(route)
  }

  private unindex(route: Route): void {
    const { set } = route
    assert(set.best.remove(route.bestSlot) === route, 'a best route is not among those notified', route.key)
    if (set.best.size > 0) return
    for (const target of set.constraintTargets) {
      const sets = this.byTarget.get(target)
      assert(sets?.delete(set) === true, 'attributes are not found by their target', route.key)
      if (sets.size === 0) this.byTarget.delete(target)
    }
  }
}
