import type { Ip } from '../values/address.ts'
import { OctetMap } from '../values/octet-map.ts'
import type { Route, Source } from './rib/route.ts'
import type { Subscriber } from './rib/subscriptions.ts'
import type { Speaker } from './speaker.ts'
import { formatRouteTarget, type RouteTarget } from './values/extended-community.ts'
import { type VanishedNode, VanishedRoutes } from './vanished-routes.ts'

/** Receives the imported routes. */
export interface Importer<R extends Route> {
  /** Whether the route's family is of use. */
  accepts(route: Route): route is R
  /** `before` is the earlier route of the same key: the same one when it is only notified again. */
  learn(route: R, before: R | undefined): void
  unlearn(route: R): void
}

/** The route targets that a VPN instance imports, and the received routes that carry them. */
export class Imports<R extends Route> implements Subscriber {
  targets: ReadonlySet<RouteTarget> = new Set()
  private readonly speaker: Speaker
  private readonly source: Source
  private readonly importer: Importer<R>
  private readonly byKey = new OctetMap<R>()
  private readonly vanished: VanishedRoutes<R>

  /** `source` is the instance itself. */
  constructor(speaker: Speaker, source: Source, importer: Importer<R>) {
    this.speaker = speaker
    this.source = source
    this.importer = importer
    const { rib, clock } = speaker
    this.vanished = new VanishedRoutes(
      () => speaker.config.vanishedSeconds * 1000,
      clock,
      () => rib.hasChanges,
      {
        forget: (route) => this.forget(route),
        keep: (route) => importer.learn(route, route),
        routes: () => this.byKey,
      },
    )
  }

  /** Imports by these from now on; `beforehand` is called before routes of new targets arrive. */
  set(targets: ReadonlySet<RouteTarget>, beforehand: () => void = () => {}): void {
    const before = this.targets
    const given = [...targets].filter((target) => !before.has(target))
    const taken = [...before].filter((target) => !targets.has(target))
    this.targets = targets
    if (given.length > 0) beforehand()
    for (const target of given) this.speaker.subscribe(this, target)
    for (const target of taken) this.speaker.unsubscribe(this, target)
    if (taken.length === 0) return
    for (const route of [...this.byKey]) if (!this.brings(route)) this.routeGone(route, false)
  }

  routeChanged(route: Route): void {
    if (!this.importer.accepts(route)) return
    if (route.source === this.source) return this.routeGone(route, false)
    const before = this.byKey.set(route)
    if (before !== route) this.vanished.arrived(route, before)
    this.importer.learn(route, before)
  }

  routeGone(gone: Route, isWithdrawn: boolean): void {
    const route = this.byKey.get(gone)
    if (route?.family !== gone.family) return
    if (isWithdrawn) return this.vanished.withdrawn(route)
    this.vanished.dropped(route)
    this.forget(route)
  }

  /** Remote nodes whose routes were withdrawn all at once and are kept for a while, by next hop. */
  vanishedNodes(): ReadonlyMap<Ip, VanishedNode> {
    return this.vanished.nodes()
  }

  /** Their routes, which no peer advertises any more. */
  vanishedRoutes(): Iterable<R> {
    return this.vanished.routes()
  }

  private forget(route: R): void {
    this.byKey.delete(route)
    this.importer.unlearn(route)
  }

  /** The imported routes, as a live view. */
  routes(): Iterable<R> {
    return this.byKey
  }

  /** Whether exactly this route is imported. */
  has(route: Route): boolean {
    return this.byKey.get(route) === route
  }

  brings({ set }: Route): boolean {
    return set.routeTargets.some((target) => this.targets.has(target))
  }

  /** Why the instance does not have a route. */
  whyNot(route: Route): string {
    if (this.brings(route)) return 'it is just arriving'
    return `no common route target: it carries ${listed(route.set.routeTargets)}, the instance imports ${listed(this.targets)}`
  }
}

function listed(targets: Iterable<RouteTarget>): string {
  return [...targets].map(formatRouteTarget).join(', ') || 'none'
}

export function sameTargets(a: readonly RouteTarget[], b: readonly RouteTarget[]): boolean {
  return a.length === b.length && a.every((target, i) => target === b[i])
}
