import type { Family } from '../family.ts'
import type { Membership } from '../nlri/route-target.ts'
import type { RouteTarget } from '../values/extended-community.ts'
import { exactTarget } from './interest.ts'
import type { Rib } from './rib.ts'
import type { Route } from './route.ts'

/**
 * Looks again at the routes that changed memberships of one session concern. However often they change, one walk at a time is under way
 * and at most one waits: what a peer asks of us stays within bounds.
 */
export class Reconsideration {
  private readonly rib: Rib
  private readonly families: () => readonly Family[]
  private readonly candidates: (family: Family) => Iterable<Route>
  /** Targets to be looked at in the next walk. */
  private readonly targets = new Set<RouteTarget>()
  /** The next walk looks at everything. */
  private everything = false
  private walking = false

  /** `families` are those with route targets, `candidates` what may be told of them. */
  constructor(rib: Rib, families: () => readonly Family[], candidates: (family: Family) => Iterable<Route>) {
    this.rib = rib
    this.families = families
    this.candidates = candidates
  }

  /** A membership came or went; `visit` looks at a route. */
  add(membership: Membership, visit: (route: Route) => boolean): void {
    const target = exactTarget(membership)
    if (target === undefined) return this.addAll(visit)
    // Routes that are not indexed yet will be told as they are: there is no need to look at them again.
    if (!this.rib.subscriptions.hasRoutesWith(target)) return
    this.targets.add(target)
    if (!this.walking) this.walk(visit)
  }

  /** All routes have to be looked at. */
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

  /** What is due by the time the walk starts. */
  private *due(): Iterable<Route> {
    const { everything } = this
    const targets = [...this.targets]
    this.everything = false
    this.targets.clear()
    if (everything) for (const family of this.families()) yield* this.candidates(family)
    else for (const target of targets) yield* this.rib.subscriptions.routesWith(target)
  }
}
