import type { Family } from '../family.ts'
import type { Membership } from '../nlri/route-target.ts'
import type { RouteTarget } from '../values/extended-community.ts'
import { exactTarget } from './interest.ts'
import type { Rib } from './rib.ts'
import type { Route } from './route.ts'

/**
 * Re-evaluates the routes affected by changed memberships of one session. However often they change, one walk at a time is under way
 * and at most one waits: the work that a peer can cause is bounded.
 */
export class Reconsideration {
  private readonly rib: Rib
  private readonly families: () => readonly Family[]
  private readonly candidates: (family: Family) => Iterable<Route>
  /** Targets for the next walk. */
  private readonly targets = new Set<RouteTarget>()
  /** The next walk covers all routes. */
  private everything = false
  private walking = false

  /** `families` are those with route targets, `candidates` the routes that may be advertised. */
  constructor(rib: Rib, families: () => readonly Family[], candidates: (family: Family) => Iterable<Route>) {
    this.rib = rib
    this.families = families
    this.candidates = candidates
  }

  /** A membership was added or removed; `visit` re-evaluates a route. */
  add(membership: Membership, visit: (route: Route) => boolean): void {
    const target = exactTarget(membership)
    if (target === undefined) return this.addAll(visit)
    // Routes that are not indexed yet will be evaluated anyway.
    if (!this.rib.subscriptions.hasRoutesWith(target)) return
    this.targets.add(target)
    if (!this.walking) this.walk(visit)
  }

  /** All routes have to be re-evaluated. */
  addAll(visit: (route: Route) => boolean): void {
    this.everything = true
    if (!this.walking) this.walk(visit)
  }

  private walk(visit: (route: Route) => boolean): void {
    this.walking = true
    this.rib.walk(this.due(), visit, () => {
      this.walking = false
      if (this.everything || this.targets.size > 0) this.walk(visit)
    })
  }

  /** The targets due when the walk starts. */
  private *due(): Iterable<Route> {
    const { everything } = this
    const targets = [...this.targets]
    this.everything = false
    this.targets.clear()
    if (everything) for (const family of this.families()) yield* this.candidates(family)
    else for (const target of targets) yield* this.rib.subscriptions.routesWith(target)
  }
}
