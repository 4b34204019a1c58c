import type { ExplainedEvpn } from '../api/explain.ts'
import { EVPN } from '../bgp/family.ts'
import { mobilityOf } from '../bgp/rib/best-path.ts'
import type { Route } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { formatRouteTarget } from '../bgp/values/extended-community.ts'
import {
  addressesOf,
  concerns,
  explainFloodRoutes,
  explainMacRoutes,
  floodTunnels,
  isAt,
  type MacOrIp,
  type MacRouteOutcome,
} from '../evpn/explain.ts'
import type { MacVrf } from '../evpn/mac-vrf.ts'
import { floodEnd, isMacRoute, isMulticastRoute, type MacRoute, type MulticastRoute } from '../evpn/select.ts'
import { formatIp } from '../values/address.ts'
import { formatMac, isGroupMac } from '../values/mac.ts'
import type { EvpnVpnInstance } from '../vpn/instance.ts'
import { chainsOf, type ExplainViews, explained, showOutcome, whyNotAdvertised } from './explained.ts'

/** The routes for an address in the RIB, by key, the best of each first. */
export function macChains(address: MacOrIp, speaker: Speaker): Promise<MacRoute[][]> {
  const isWanted = (route: Route): route is MacRoute => isMacRoute(route) && concerns(route, address)
  return chainsOf(EVPN, isWanted, speaker)
}

/** Whether an address stands for BUM traffic: a group, or the all-zero MAC of the kernel's flood list. */
export function isFlooded(address: MacOrIp): boolean {
  return 'mac' in address && (address.mac === 0 || isGroupMac(address.mac))
}

/** The multicast routes in the RIB, as `macChains`. */
export function floodChains(speaker: Speaker): Promise<MulticastRoute[][]> {
  return chainsOf(EVPN, isMulticastRoute, speaker)
}

/** Whether the instance has the address, or imports a route for it. */
export function isInvolved(
  { macVrf, attachments }: EvpnVpnInstance,
  chains: readonly (readonly Route[])[],
  address: MacOrIp,
): boolean {
  return (
    [...attachments].some((one) => isAt(one, address)) ||
    (isFlooded(address) ? keptFloods(macVrf) : keptOf(macVrf, address)).length > 0 ||
    chains.some(([head]) => head !== undefined && macVrf.imports.has(head))
  )
}

export async function explainEvpn(
  { macVrf, attachments, forwarding }: EvpnVpnInstance,
  chains: readonly MacRoute[][],
  address: MacOrIp,
  views: ExplainViews,
): Promise<ExplainedEvpn> {
  const local = [...attachments].filter((one) => isAt(one, address))
  const outcomes = explainMacRoutes(
    macVrf,
    [...chains, ...keptOf(macVrf, address)],
    address,
    local.length > 0,
  )
  const { macs, ips } = addressesOf(address, imported(outcomes))
  return {
    ...instanceFields(macVrf),
    local: local.map(({ mac, ip, port, direction }) => ({
      mac: formatMac(mac),
      ip: ip === null ? null : formatIp(ip),
      port,
      direction,
      not_advertised: whyNotAdvertised(direction, macVrf.exportTargets),
      sequence: macVrf.mobility.sequenceOf(mac),
      duplicate: macVrf.mobility.duplicateSince(mac) !== undefined,
    })),
    ...(await explained(outcomes, showMacOutcome, forwarding.addressEntries(macs, ips, local), views)),
  }
}

/** The flood list of an instance. */
export async function explainFloods(
  { macVrf, forwarding }: EvpnVpnInstance,
  chains: readonly MulticastRoute[][],
  views: ExplainViews,
): Promise<ExplainedEvpn> {
  const outcomes = explainFloodRoutes(macVrf, [...chains, ...keptFloods(macVrf)])
  const entries = forwarding.floodEntries(floodTunnels(macVrf, imported(outcomes)))
  return {
    ...instanceFields(macVrf),
    local: [],
    ...(await explained(outcomes, showFloodOutcome, entries, views)),
  }
}

function instanceFields({ config, imports }: MacVrf) {
  const { id, name, vni } = config
  return { id, name, type: 'evpn' as const, vni, import: [...imports.targets].map(formatRouteTarget) }
}

function imported<R extends Route>(outcomes: readonly MacRouteOutcome<R>[]): R[] {
  return outcomes.filter(({ state }) => state !== 'not imported').map(({ route }) => route)
}

function showFloodOutcome(outcome: MacRouteOutcome<MulticastRoute>) {
  const end = floodEnd(outcome.route.set)
  return {
    ...showOutcome(outcome),
    vni: outcome.route.set.attributes.pmsiTunnel?.label ?? null,
    tunnel_end: end === undefined ? null : formatIp(end),
  }
}

/** Kept routes of vanished nodes: no peer advertises them, and they are no longer in the RIB. */
function keptOf({ imports }: MacVrf, address: MacOrIp): readonly MacRoute[][] {
  const kept = [...imports.vanishedRoutes()].filter(isMacRoute).filter((route) => concerns(route, address))
  return kept.map((route) => [route])
}

/** As `keptOf`, of the flood list. */
function keptFloods({ imports }: MacVrf): readonly MulticastRoute[][] {
  return [...imports.vanishedRoutes()].filter(isMulticastRoute).map((route) => [route])
}

function showMacOutcome(outcome: MacRouteOutcome) {
  const { sticky, sequence } = mobilityOf(outcome.route.set)
  return { ...showOutcome(outcome), vni: outcome.route.nlri.label, mobility: { sequence, sticky } }
}
