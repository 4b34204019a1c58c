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
import { formatMac, type Mac } from '../../values/mac.ts'
import { ensure } from '../../values/map.ts'

/** An imported route, what it is about, and why forwarding does not go by it. */
export interface Judged {
  readonly route: Route
  readonly subject: string
  /** Null where it does. */
  readonly unused: string | null
}

/** What is undefined is work that has no route to show. */
export function* judgeEvpnRoutes(evpn: EvpnInstance): Iterable<Judged | undefined> {
  const { facts } = evpn.addresses
  const byMac = new Map<Mac, MacRoute[]>()
  for (const route of evpn.imports.routes()) {
    if (isMacRoute(route) && unusableMac(route, facts) === null)
      ensure(byMac, route.nlri.mac, () => []).push(route)
    yield undefined
  }
  for (const route of evpn.imports.routes())
    yield { route, subject: subject(route), unused: whyUnused(route, facts, byMac) }
}

function whyUnused(
  route: Route,
  facts: LocalFacts,
  byMac: ReadonlyMap<Mac, readonly MacRoute[]>,
): string | null {
  if (isMulticastRoute(route)) {
    const tunnel = floodTunnel(route, facts)
    return 'reason' in tunnel ? tunnel.reason : null
  }
  if (!isMacRoute(route)) return 'route type not used'
  const unusable = unusableMac(route, facts)
  if (unusable !== null) return unusable
  const winner = bestMacRoute(byMac.get(route.nlri.mac) ?? [])
  if (winner === undefined) return null // it came while the others were shown
  return winner.set.nextHop === route.set.nextHop ? unusableIp(route, facts) : whyBeaten(route, winner)
}

/** What bagpipe-bgp calls a tracked entry. */
function subject(route: Route): string {
  if (isMacRoute(route)) return `('MAC', ${formatMac(route.nlri.mac).toUpperCase()})`
  if (isMulticastRoute(route))
    return `('Multicast', (${formatIp(route.nlri.originator)},  rd ${formatRd(route.nlri.rd)}))`
  return 'other'
}
