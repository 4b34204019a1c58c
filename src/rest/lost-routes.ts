import type { BgpPeer } from '../bgp/bgp-peer.ts'
import { VPN_FAMILIES } from '../bgp/family.ts'
import { nlriCodec } from '../bgp/nlri/index.ts'
import type { DroppedRoute, RouteLoop } from '../bgp/rib/dropped-routes.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { RouteTarget } from '../bgp/values/extended-community.ts'
import { formatIp, type Ip } from '../values/address.ts'
import type { VpnService } from '../vpn/service.ts'

/**
 * Routes of other nodes that are dropped as if they were ours, and which no peer has brought otherwise. Our own ones, which a peer may send
 * back, have a next hop of our routes. Routes with our cluster are not counted: reflectors may share it.
 */
export function* lostRoutes(speaker: Speaker, vpns: Pick<VpnService, 'instances'>): Iterable<string> {
  const targets = new Set<RouteTarget>()
  for (const { routing } of vpns.instances.values())
    for (const target of routing.imports.targets) targets.add(target)
  if (targets.size === 0) return
  const own = nextHopsOf(speaker)
  const isLost = ({ family, nlri, set: { nextHop, routeTargets } }: DroppedRoute): boolean =>
    nextHop !== null &&
    !own.has(nextHop) &&
    routeTargets.some((target) => targets.has(target)) &&
    speaker.rib.find(family, nlri) === undefined
  for (const peer of speaker.peers.values())
    for (const [loop, action] of Object.entries(actionsOf(speaker)) as [RouteLoop, string][])
      yield* lostBy(peer, loop, action, isLost)
}

function actionsOf({ config }: Speaker): Partial<Record<RouteLoop, string>> {
  return {
    AS_PATH: `give each node its own my_as, or have the peer replace AS ${config.as} (as-override)`,
    ORIGINATOR_ID: `another node has the router_id ${formatIp(config.identifier)} too: give it its own`,
  }
}

function* lostBy(
  { sessions, routesIn }: BgpPeer,
  loop: RouteLoop,
  action: string,
  isLost: (route: DroppedRoute) => boolean,
): Iterable<string> {
  const lost = [...routesIn.dropped].filter((route) => route.loop === loop && isLost(route))
  const [first] = lost
  if (first === undefined) return
  const { family, nlri, set, reason } = first
  const example = `${nlriCodec(family)!.format(nlri)} by ${formatIp(set.nextHop!)}`
  yield `peer ${sessions.name}: ${lost.length} routes of other nodes are not used, such as ${example}: ${reason}; ${action}`
}

function nextHopsOf({ rib }: Speaker): ReadonlySet<Ip> {
  const found = new Set<Ip>()
  for (const family of VPN_FAMILIES)
    for (const { set } of rib.ownRoutes(family)) if (set.nextHop !== null) found.add(set.nextHop)
  return found
}
