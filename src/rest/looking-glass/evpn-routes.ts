import type { Route } from '../../bgp/rib/route.ts'
import { formatRd } from '../../bgp/values/rd.ts'
import { whyBeaten } from '../../evpn/explain.ts'
import type { MacVrf } from '../../evpn/mac-vrf.ts'
import {
  bestMacRoute,
  floodTunnel,
  isMacRoute,
  isMulticastRoute,
  type MacRoute,
  type MacSelectionContext,
  unusableIp,
  unusableMac,
} from '../../evpn/select.ts'
import { formatIp } from '../../values/address.ts'
import { formatMac } from '../../values/mac.ts'
import { ensure } from '../../values/map.ts'

/** An imported route, and why forwarding does not use it. */
export interface EvpnRouteUse {
  readonly route: Route
  /** Null where it is used. */
  readonly unused: string | null
}

/** Imported routes for the same subject. */
export type RouteGroup = readonly [subject: string, routes: readonly EvpnRouteUse[]]

/** Undefined items are work without routes to show. */
export function* evpnRouteUses(macVrf: MacVrf): Iterable<RouteGroup | undefined> {
  const { addresses } = macVrf
  const { context } = addresses
  for (const routes of addresses.learned()) {
    const usable = routes.filter((route) => unusableMac(route, context) === null)
    const best = addresses.isLocal(routes[0].nlri.mac) ? null : bestMacRoute(usable)
    yield [subject(routes[0]), routes.map((route) => ({ route, unused: whyUnused(route, context, best) }))]
  }
  const others = new Map<string, EvpnRouteUse[]>()
  for (const route of macVrf.imports.routes()) {
    yield undefined
    if (!isMacRoute(route))
      ensure(others, subject(route), () => []).push({ route, unused: whyNoTunnel(route, context) })
  }
  yield* others
}

/** `best` is null where the MAC address is that of a local endpoint. */
function whyUnused(
  route: MacRoute,
  context: MacSelectionContext,
  best: MacRoute | null | undefined,
): string | null {
  const unusable = unusableMac(route, context)
  if (unusable !== null || best === undefined) return unusable
  if (best === null) return 'a local endpoint wins'
  return best.set.nextHop === route.set.nextHop ? unusableIp(route, context) : whyBeaten(route, best)
}

function whyNoTunnel(route: Route, context: MacSelectionContext): string | null {
  if (!isMulticastRoute(route)) return 'route type not used'
  const tunnel = floodTunnel(route, context)
  return 'reason' in tunnel ? tunnel.reason : null
}

/** The tracked entry, in bagpipe-bgp's words. */
function subject(route: Route): string {
  if (isMacRoute(route)) return `('MAC', ${formatMac(route.nlri.mac).toUpperCase()})`
  if (isMulticastRoute(route))
    return `('Multicast', (${formatIp(route.nlri.originator)},  rd ${formatRd(route.nlri.rd)}))`
  return 'other'
}
