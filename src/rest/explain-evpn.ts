import { EVPN } from '../bgp/family.ts'
import type { Route } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { formatRouteTarget } from '../bgp/values/extended-community.ts'
import { type Address, concerns, entriesOf, isAt, judge, type Verdict } from '../evpn/explain.ts'
import { isMacRoute, type MacRoute, mobilityOf } from '../evpn/select.ts'
import { formatIp } from '../values/address.ts'
import { formatMac } from '../values/mac.ts'
import type { EvpnNetwork } from '../vpn/instance.ts'
import type { DataplaneView } from './dataplane-view.ts'
import { chainsOf, explained, showVerdict } from './explained.ts'

/** The routes for an address in the RIB, by key, the best of each first. */
export function macChains(address: Address, speaker: Speaker): Promise<MacRoute[][]> {
  const isWanted = (route: Route): route is MacRoute => isMacRoute(route) && concerns(route, address)
  return chainsOf(EVPN, isWanted, speaker)
}

/** Whether the instance has the address, or imports a route for it. */
export function isInvolved(
  { evpn, attachments }: EvpnNetwork,
  chains: MacRoute[][],
  address: Address,
): boolean {
  return (
    [...attachments].some((one) => isAt(one, address)) ||
    withVanished(evpn, chains, address).some(([head]) => head !== undefined && evpn.imports.has(head))
  )
}

export function explainEvpn(
  { evpn, attachments }: EvpnNetwork,
  chains: readonly MacRoute[][],
  address: Address,
  dataplane: DataplaneView,
) {
  const local = [...attachments].filter((one) => isAt(one, address))
  const verdicts = judge(evpn, withVanished(evpn, chains, address), address, local.length > 0)
  const imported = verdicts.filter(({ fate }) => fate !== 'not imported').map(({ route }) => route)
  return {
    id: evpn.config.id,
    name: evpn.config.name,
    type: 'evpn',
    vni: evpn.config.vni,
    import: [...evpn.imports.targets].map(formatRouteTarget),
    local: local.map(({ mac, ip, port, direction }) => ({
      mac: formatMac(mac),
      ip: ip === null ? null : formatIp(ip),
      port,
      direction,
      sequence: evpn.mobility.sequenceOf(mac),
      duplicate: evpn.mobility.duplicateSince(mac) !== undefined,
    })),
    ...explained(verdicts, showMacVerdict, entriesOf(evpn, address, imported, local), dataplane),
  }
}

/** The chains of the RIB, and the routes that are kept of nodes that have vanished. */
function withVanished(
  { imports }: EvpnNetwork['evpn'],
  chains: readonly MacRoute[][],
  address: Address,
): readonly MacRoute[][] {
  const kept = [...imports.vanishedRoutes()].filter(isMacRoute).filter((route) => concerns(route, address))
  return [...chains, ...kept.map((route) => [route])]
}

function showMacVerdict(verdict: Verdict) {
  const { sticky, sequence } = mobilityOf(verdict.route.set)
  return { ...showVerdict(verdict), vni: verdict.route.nlri.label, mobility: { sequence, sticky } }
}
