import type { ExplainedEvpn } from '../api/explain.ts'
import { EVPN } from '../bgp/family.ts'
import type { Route } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { formatRouteTarget } from '../bgp/values/extended-community.ts'
import {
  type Address,
  concerns,
  entriesOf,
  floodEntries,
  isAt,
  judge,
  judgeFloods,
  type Verdict,
} from '../evpn/explain.ts'
import type { EvpnInstance } from '../evpn/instance.ts'
import {
  floodEnd,
  isMacRoute,
  isMulticastRoute,
  type MacRoute,
  type MulticastRoute,
  mobilityOf,
} from '../evpn/select.ts'
import { formatIp } from '../values/address.ts'
import { formatMac, isGroupMac } from '../values/mac.ts'
import type { EvpnNetwork } from '../vpn/instance.ts'
import type { DataplaneView } from './dataplane-view.ts'
import { chainsOf, explained, showVerdict } from './explained.ts'

/** The routes for an address in the RIB, by key, the best of each first. */
export function macChains(address: Address, speaker: Speaker): Promise<MacRoute[][]> {
  const isWanted = (route: Route): route is MacRoute => isMacRoute(route) && concerns(route, address)
  return chainsOf(EVPN, isWanted, speaker)
}

/** Whether an address stands for BUM traffic: a group, or the all-zero MAC that the kernel keeps its flood list under. */
export function isFlooded(address: Address): boolean {
  return 'mac' in address && (address.mac === 0 || isGroupMac(address.mac))
}

/** The multicast routes in the RIB, as `macChains`. */
export function floodChains(speaker: Speaker): Promise<MulticastRoute[][]> {
  return chainsOf(EVPN, isMulticastRoute, speaker)
}

/** Whether the instance has the address, or imports a route for it. */
export function isInvolved(
  { evpn, attachments }: EvpnNetwork,
  chains: readonly (readonly Route[])[],
  address: Address,
): boolean {
  return (
    [...attachments].some((one) => isAt(one, address)) ||
    keptOf(evpn, address).length > 0 ||
    chains.some(([head]) => head !== undefined && evpn.imports.has(head))
  )
}

export async function explainEvpn(
  { evpn, attachments }: EvpnNetwork,
  chains: readonly MacRoute[][],
  address: Address,
  dataplane: DataplaneView,
): Promise<ExplainedEvpn> {
  const local = [...attachments].filter((one) => isAt(one, address))
  const verdicts = judge(evpn, [...chains, ...keptOf(evpn, address)], address, local.length > 0)
  return {
    ...instanceFields(evpn),
    local: local.map(({ mac, ip, port, direction }) => ({
      mac: formatMac(mac),
      ip: ip === null ? null : formatIp(ip),
      port,
      direction,
      sequence: evpn.mobility.sequenceOf(mac),
      duplicate: evpn.mobility.duplicateSince(mac) !== undefined,
    })),
    ...(await explained(
      verdicts,
      showMacVerdict,
      entriesOf(evpn, address, imported(verdicts), local),
      dataplane,
    )),
  }
}

/** Where an instance replicates BUM traffic to. */
export async function explainFloods(
  { evpn }: EvpnNetwork,
  chains: readonly MulticastRoute[][],
  dataplane: DataplaneView,
): Promise<ExplainedEvpn> {
  const verdicts = judgeFloods(evpn, chains)
  return {
    ...instanceFields(evpn),
    local: [],
    ...(await explained(verdicts, showFloodVerdict, floodEntries(evpn, imported(verdicts)), dataplane)),
  }
}

function instanceFields({ config, imports }: EvpnInstance) {
  const { id, name, vni } = config
  return { id, name, type: 'evpn' as const, vni, import: [...imports.targets].map(formatRouteTarget) }
}

function imported<R extends Route>(verdicts: readonly Verdict<R>[]): R[] {
  return verdicts.filter(({ fate }) => fate !== 'not imported').map(({ route }) => route)
}

function showFloodVerdict(verdict: Verdict<MulticastRoute>) {
  const end = floodEnd(verdict.route.set)
  return {
    ...showVerdict(verdict),
    vni: verdict.route.set.attributes.pmsiTunnel?.label ?? null,
    tunnel_end: end === undefined ? null : formatIp(end),
  }
}

/** Routes that are kept of nodes that have vanished: no peer advertises them, and the RIB has them no more. */
function keptOf({ imports }: EvpnNetwork['evpn'], address: Address): readonly MacRoute[][] {
  const kept = [...imports.vanishedRoutes()].filter(isMacRoute).filter((route) => concerns(route, address))
  return kept.map((route) => [route])
}

function showMacVerdict(verdict: Verdict) {
  const { sticky, sequence } = mobilityOf(verdict.route.set)
  return { ...showVerdict(verdict), vni: verdict.route.nlri.label, mobility: { sequence, sticky } }
}
