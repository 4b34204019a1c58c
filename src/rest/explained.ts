import type { ExplainedRoute } from '../api/explain.ts'
import type { Family } from '../bgp/family.ts'
import { isStale, type Route } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { formatRouteTarget, type RouteTarget } from '../bgp/values/extended-community.ts'
import type { Entry } from '../dataplane/model.ts'
import { formatIp } from '../values/address.ts'
import type { Attachment } from '../vpn/attachments.ts'
import type { DataplaneView } from './dataplane-view.ts'
import { nlriText } from './looking-glass/routes.ts'
import { whereAdvertised } from './receivers.ts'
import { showItem } from './status-entries.ts'

/** Maximum routes shown that an instance does not import. */
export const MAX_STRANGERS = 20

/** The selection result of a route, for EVPN and IP VPNs alike. */
interface RouteOutcome {
  readonly route: Route
  readonly state: ExplainedRoute['state']
  readonly reason: string | null
}

/** The matching routes of a family in the RIB, by key, the best of each first. */
export function chainsOf<R extends Route>(
  family: Family,
  isWanted: (route: Route) => route is R,
  { rib }: Speaker,
): Promise<R[][]> {
  const chains: R[][] = []
  const visit = (head: Route): boolean => {
    if (!isWanted(head)) return true
    const chain: R[] = []
    for (let route: Route | null = head; route !== null; route = route.next) chain.push(route as R)
    chains.push(chain)
    return true
  }
  return new Promise((resolve) => rib.walk(rib.best(family), visit, () => resolve(chains)))
}

/** What answers are made of, besides the instance. */
export interface ExplainViews {
  readonly speaker: Speaker
  readonly dataplane: DataplaneView
}

/** Why an instance has no route for an endpoint; null where it has one. */
export function whyNotAdvertised(
  direction: Attachment['direction'],
  exportTargets: readonly RouteTarget[],
): string | null {
  if (direction === 'from-port') return 'its port receives nothing (direction from-port)'
  return exportTargets.length === 0 ? 'the instance has no route target to export' : null
}

/** Routes with their selection results, those not imported last and limited, and kernel entries with their states. */
export async function explained<V extends RouteOutcome, Shown extends ExplainedRoute>(
  outcomes: readonly V[],
  show: (outcome: V) => Shown,
  entries: Iterable<Entry>,
  { speaker, dataplane }: ExplainViews,
) {
  const strangers = outcomes.filter(({ state }) => state === 'not imported')
  const imported = outcomes
    .filter(({ state }) => state !== 'not imported')
    .map((one) => (one.state === 'ours' ? { ...one, reason: whereAdvertised(one.route, speaker) } : one))
  const found = (await dataplane.find([...entries])).flatMap((one) => one ?? [])
  return {
    routes: [...imported, ...strangers.slice(0, MAX_STRANGERS)].map(show),
    not_shown: Math.max(0, strangers.length - MAX_STRANGERS),
    entries: found.map((item) => showItem(item, true, dataplane)),
  }
}

export function showOutcome({ route, state, reason }: RouteOutcome): ExplainedRoute {
  const { set, source } = route
  return {
    state,
    reason,
    next_hop: set.nextHop === null ? null : formatIp(set.nextHop),
    source: source.name,
    local_pref: set.attributes.localPref,
    route_targets: set.routeTargets.map(formatRouteTarget),
    stale: isStale(route),
    route: nlriText(route),
  }
}
