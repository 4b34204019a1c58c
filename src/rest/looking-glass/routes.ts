import { formatAttributes } from '../../bgp/attribute/index.ts'
import { type Family, familyName, VPNV4, VPNV6 } from '../../bgp/family.ts'
import { nlriCodec } from '../../bgp/nlri/index.ts'
import type { Route } from '../../bgp/rib/route.ts'
import { formatRouteTarget } from '../../bgp/values/extended-community.ts'
import { formatIp } from '../../values/address.ts'
import { JsonText } from '../json-stream.ts'

export function nlriText({ family, nlri, set }: Route): string {
  const text = nlriCodec(family)!.format(nlri)
  const isVpn = family === VPNV4 || family === VPNV6
  return isVpn && set.nextHop !== null ? text.replace(' rd ', ` next-hop ${formatIp(set.nextHop)} rd `) : text
}

/** Shows a route; where forwarding does not use it, with the reason. */
export type ShowRoute = (route: Route, unused?: string | null) => JsonText

/**
 * Shows routes as bagpipe-bgp does: each under its own text; `base` is the address of the looking glass. Routes in sequence often have equal
 * fields, so the text of the last ones is kept.
 */
export function routeView(base: string): ShowRoute {
  let shown: Pick<Route, 'family' | 'set' | 'source'> | null = null
  let fields = ''
  return (route, unused = null) => {
    const { family, set, source } = route
    if (shown?.set !== set || shown.source !== source || shown.family !== family) {
      fields = JSON.stringify(fieldsOf(route, base)).slice(1, -1)
      shown = { family, set, source }
    }
    const reason = unused === null ? '' : `,"unused":${JSON.stringify(unused)}`
    return new JsonText(`{${JSON.stringify(nlriText(route))}:{${fields}${reason}}}`)
  }
}

function fieldsOf({ family, set, source }: Route, base: string): object {
  const targets = set.routeTargets.map((target) => `target:${formatRouteTarget(target)}`)
  return {
    'afi-safi': familyName(family),
    attributes: formatAttributes(set.attributes),
    next_hop: set.nextHop === null ? null : formatIp(set.nextHop),
    ...(targets.length === 0 ? {} : { route_targets: targets }),
    source: { id: source.name, href: `${base}/bgp/workers/${encodeURIComponent(source.name)}` },
  }
}

export function* showRoutes(routes: Iterable<Route>, base: string): Iterable<JsonText> {
  const show = routeView(base)
  for (const route of routes) yield show(route)
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
