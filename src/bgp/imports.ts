import type { Route } from './rib/route.ts'
import type { Subscriber } from './rib/subscriptions.ts'
import type { Speaker } from './speaker.ts'
import { formatRouteTarget, type RouteTarget } from './values/extended-community.ts'

/** The route targets that a VPN instance imports. */
export class Imports {
  targets: ReadonlySet<RouteTarget> = new Set()
  private readonly speaker: Speaker
  private readonly subscriber: Subscriber

  constructor(speaker: Speaker, subscriber: Subscriber) {
    this.speaker = speaker
    this.subscriber = subscriber
  }

  /** Imports by these from now on; `beforehand` is called when there are new ones, ahead of their routes. Answers with whether some are given up: the subscriber forgets by itself what is not `brought` any more. */
  set(targets: ReadonlySet<RouteTarget>, beforehand: () => void = () => {}): boolean {
    const before = this.targets
    const given = [...targets].filter((target) => !before.has(target))
    const taken = [...before].filter((target) => !targets.has(target))
    this.targets = targets
    if (given.length > 0) beforehand()
    for (const target of given) this.speaker.subscribe(this.subscriber, target)
    for (const target of taken) this.speaker.unsubscribe(this.subscriber, target)
    return taken.length > 0
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
