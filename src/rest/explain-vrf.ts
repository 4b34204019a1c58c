import type { ExplainedVrf } from '../api/explain.ts'
import { VPNV4, VPNV6 } from '../bgp/family.ts'
import type { Route } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { formatRouteTarget } from '../bgp/values/extended-community.ts'
import { labelOf } from '../bgp/values/label.ts'
import { formatRd } from '../bgp/values/rd.ts'
import {
  covers,
  explainVpnRoutes,
  gatewayPorts,
  isBehind,
  routeFor,
  type Subject,
  type VpnRouteOutcome,
} from '../ipvpn/explain.ts'
import { isVpnRoute, type VpnRoute } from '../ipvpn/select.ts'
import { formatIp, isIpv4 } from '../values/address.ts'
import { formatMac } from '../values/mac.ts'
import type { IpVpnInstance } from '../vpn/instance.ts'
import { chainsOf, type ExplainViews, explained, showOutcome, whyNotAdvertised } from './explained.ts'

/** The routes in the RIB that cover a prefix or address, by key, the best of each first. */
export function prefixChains(subject: Subject, speaker: Speaker): Promise<VpnRoute[][]> {
  const ip = 'ip' in subject ? subject.ip : subject.prefix.ip
  const isWanted = (route: Route): route is VpnRoute => isVpnRoute(route) && covers(route.nlri, subject)
  return chainsOf(isIpv4(ip) ? VPNV4 : VPNV6, isWanted, speaker)
}

/** Whether the VRF has an endpoint there, is the gateway of that address, or imports a route for it. */
export function hasPart(
  { vrf, attachments }: IpVpnInstance,
  chains: VpnRoute[][],
  subject: Subject,
): boolean {
  return (
    [...attachments].some((one) => isBehind(one, subject)) ||
    gatewayPorts(attachments, subject).size > 0 ||
    withVanished(vrf, chains, subject).some(([head]) => head !== undefined && vrf.imports.has(head))
  )
}

export async function explainVrf(
  { vrf, attachments, forwarding }: IpVpnInstance,
  chains: readonly VpnRoute[][],
  subject: Subject,
  views: ExplainViews,
): Promise<ExplainedVrf> {
  const local = [...attachments].filter((one) => isBehind(one, subject))
  return {
    id: vrf.config.id,
    name: vrf.config.name,
    type: 'ipvpn',
    rd: formatRd(vrf.config.rd),
    table: forwarding.state.table,
    import: [...vrf.imports.targets].map(formatRouteTarget),
    gateway_on: [...gatewayPorts(attachments, subject)],
    local: local.map(({ mac, ip, prefixLength, port, direction, label }) => ({
      mac: formatMac(mac),
      ip: ip === null ? null : `${formatIp(ip)}/${prefixLength}`,
      port,
      direction,
      not_advertised: whyNotAdvertised(direction, vrf.exportTargets),
      label,
    })),
    ...(await explained(
      explainVpnRoutes(vrf, withVanished(vrf, chains, subject), subject),
      showVpnOutcome,
      forwarding.addressEntries(routeFor(vrf, subject), 'ip' in subject ? subject.ip : null, local),
      views,
    )),
  }
}

/** The chains of the RIB, and the kept routes of vanished nodes. */
function withVanished(
  { imports }: IpVpnInstance['vrf'],
  chains: readonly VpnRoute[][],
  subject: Subject,
): readonly VpnRoute[][] {
  const kept = [...imports.vanishedRoutes()].filter((route) => covers(route.nlri, subject))
  return [...chains, ...kept.map((route) => [route])]
}

function showVpnOutcome(outcome: VpnRouteOutcome) {
  const { rd, label } = outcome.route.nlri
  return { ...showOutcome(outcome), rd: formatRd(rd), label: labelOf(label) }
}
