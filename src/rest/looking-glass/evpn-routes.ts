import type { Route } from '../../bgp/rib/route.ts'
import { formatRd } from '../../bgp/values/rd.ts'
import { whyBeaten } from '../../evpn/explain.ts'
import type { EvpnInstance } from '../../evpn/instance.ts'
import {
  bestMacRoute,
  floodTunnel,
  isMacRoute,
  isMulticastRoute,
  type LocalFacts,
  type MacRoute,
  unusableIp,
  unusableMac,
} from '../../evpn/select.ts'
import { formatIp } from '../../values/address.ts'
import { formatMac } from '../../values/mac.ts'
import { ensure } from '../../values/map.ts'

/** An imported route, and why forwarding does not go by it. */
export interface Judged {
  readonly route: Route
  /** Null where it does. */
  readonly unused: string | null
}

/** Imported routes that are about the same. */
export type Group = readonly [subject: string, routes: readonly Judged[]]

/** What is undefined is work that has no routes to show. */
export function* judgeEvpnRoutes(evpn: EvpnInstance): Iterable<Group | undefined> {
  const { facts } = evpn.addresses
  for (const routes of evpn.addresses.learned()) {
    const best = bestMacRoute(routes.filter((route) => unusableMac(route, facts) === null))
    yield [subject(routes[0]), routes.map((route) => ({ route, unused: whyUnused(route, facts, best) }))]
  }
  const others = new Map<string, Judged[]>()
  for (const route of evpn.imports.routes()) {
    yield undefined
    if (!isMacRoute(route))
      ensure(others, subject(route), () => []).push({ route, unused: whyNoTunnel(route, facts) })
  }
  yield* others
}

function whyUnused(route: MacRoute, facts: LocalFacts, best: MacRoute | undefined): string | null {
  const unusable = unusableMac(route, facts)
  if (unusable !== null || best === undefined) return unusable
  return best.set.nextHop === route.set.nextHop ? unusableIp(route, facts) : whyBeaten(route, best)
}

function whyNoTunnel(route: Route, facts: LocalFacts): string | null {
  if (!isMulticastRoute(route)) return 'route type not used'
  const tunnel = floodTunnel(route, facts)
  return 'reason' in tunnel ? tunnel.reason : null
}

/** What bagpipe-bgp calls a tracked entry. */
function subject(route: Route): string {
  if (isMacRoute(route)) return `('MAC', ${formatMac(route.nlri.mac).toUpperCase()})`
  if (isMulticastRoute(route))
    return `('Multicast', (${formatIp(route.nlri.originator)},  rd ${formatRd(route.nlri.rd)}))`
  return 'other'
}
