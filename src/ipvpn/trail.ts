import {
  type ExtendedCommunity,
  isRouteTargetRecord,
  type RouteTarget,
  routeTargetRecord,
} from '../bgp/values/extended-community.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import { type VpnRoute, whyUnlabelled } from './select.ts'

/** A route that may be re-advertised, and the route targets of its earlier advertisements, as records. */
export interface Trail {
  readonly route: VpnRoute
  readonly record: readonly ExtendedCommunity[]
}

/** A longer record is dropped: it has to fit into one message. */
const MAX_RECORD = 128

/**
 * The route for a prefix that is re-advertised to these targets; null where none may be. Its record has none of the
 * targets, so that each advertisement lengthens the record and no loop arises (draft-ietf-bess-service-chaining).
 * The shortest record wins: as with AS paths, only that converges whatever the order of events.
 */
export function chooseTrail(
  routes: Iterable<VpnRoute>,
  to: readonly RouteTarget[],
  ends: Pick<TunnelEnds, 'whyNot'>,
): Trail | null {
  const crossed = to.map(routeTargetRecord)
  let best: Trail | null = null
  for (const route of routes) {
    if (!leadsElsewhere(route, ends)) continue
    const record = recordOf(route)
    if (record.length > MAX_RECORD || crossed.some((one) => record.includes(one))) continue
    if (best === null || isBefore({ route, record }, best)) best = { route, record }
  }
  return best
}

/**
 * Whether packets can follow a route: a route of a peer whose next hop has no tunnel, or without a label, would attract traffic
 * that is dropped, and one with our own address is our own advertisement coming back (RFC 4271 §6.3).
 */
function leadsElsewhere(route: VpnRoute, ends: Pick<TunnelEnds, 'whyNot'>): boolean {
  const { nextHop } = route.set
  if (nextHop === null || whyUnlabelled(route) !== null) return false
  return route.source.peer === null || ends.whyNot(nextHop) === null
}

function recordOf({ set }: VpnRoute): ExtendedCommunity[] {
  const before = (set.attributes.extendedCommunities ?? []).filter(isRouteTargetRecord)
  return [...new Set([...before, ...set.routeTargets.map(routeTargetRecord)])].sort()
}

function isBefore(a: Trail, b: Trail): boolean {
  if (a.record.length !== b.record.length) return a.record.length < b.record.length
  const [left, right] = [a.record.join(''), b.record.join('')]
  return left === right ? a.route.key < b.route.key : left < right
}
