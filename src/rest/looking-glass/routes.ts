import { formatAttributes } from '../../bgp/attribute/index.ts'
import { type Family, familyName, VPNV4, VPNV6 } from '../../bgp/family.ts'
import { nlriCodec } from '../../bgp/nlri/index.ts'
import type { Route } from '../../bgp/rib/route.ts'
import { formatRouteTarget } from '../../bgp/values/extended-community.ts'
import { formatIp } from '../../values/address.ts'

export function nlriText({ family, nlri, set }: Route): string {
  const text = nlriCodec(family)!.format(nlri)
  const isVpn = family === VPNV4 || family === VPNV6
  return isVpn && set.nextHop !== null ? text.replace(' rd ', ` next-hop ${formatIp(set.nextHop)} rd `) : text
}

/** A route as bagpipe-bgp shows it: under its own text; `base` is the address of the looking glass. */
export function showRoute(route: Route, base: string): Record<string, unknown> {
  const { family, set, source } = route
  const targets = set.routeTargets.map((target) => `target:${formatRouteTarget(target)}`)
  return {
    [nlriText(route)]: {
      'afi-safi': familyName(family),
      attributes: formatAttributes(set.attributes),
      next_hop: set.nextHop === null ? null : formatIp(set.nextHop),
      ...(targets.length === 0 ? {} : { route_targets: targets }),
      source: { id: source.name, href: `${base}/bgp/workers/${encodeURIComponent(source.name)}` },
    },
  }
}

export function* showRoutes(routes: Iterable<Route>, base: string): Iterable<unknown> {
  for (const route of routes) yield showRoute(route, base)
}

/** All routes of the chains that start with these, best ones before others. */
export function* chains(heads: Iterable<Route>): Iterable<Route> {
  for (const head of heads)
    for (let route: Route | null = head; route !== null; route = route.next) yield route
}

/** `match:l2vpn/evpn,target:64512:10` */
export function subscription(family: Family, target: string): string {
  return `match:${familyName(family)},${target}`
}
