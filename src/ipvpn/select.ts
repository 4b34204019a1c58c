import { isSrv6Service } from '../bgp/attribute/tlv-attributes.ts'
import { DEFAULT_LOCAL_PREF, TunnelType } from '../bgp/constants.ts'
import { VPNV4, VPNV6 } from '../bgp/family.ts'
import type { Prefix } from '../bgp/nlri/prefix.ts'
import type { VpnPrefix } from '../bgp/nlri/vpn.ts'
import type { AttributeSet } from '../bgp/rib/attribute-pool.ts'
import { localPrefOf } from '../bgp/rib/best-path.ts'
import { isLeastPreferred, type Route } from '../bgp/rib/route.ts'
import { encapsulationOf, formatTunnelType, hashSortOrderOf } from '../bgp/values/extended-community.ts'
import { FIRST_LABEL, labelOf } from '../bgp/values/label.ts'
import { formatIp, isIpv4 } from '../values/address.ts'
import { compareOctets } from '../values/bytes.ts'
import type { Addressed } from './advertise.ts'
import type { ProviderEdgeView } from './provider-edge.ts'

export type VpnRoute = Route & { readonly nlri: VpnPrefix }

export function isVpnRoute(route: Route): route is VpnRoute {
  return route.family === VPNV4 || route.family === VPNV6
}

/** Decides which routes are usable. */
export interface RouteSelectionContext extends ProviderEdgeView {
  /** Whether it is an address that this node has in the VRF. */
  isGateway(prefix: Prefix): boolean
}

/** The selection result of a route in a VRF. `used`: forwarding uses it. `beaten`: another route, or a local endpoint, is better. */
export type Outcome =
  | { readonly state: 'used'; readonly reason: null }
  | { readonly state: 'beaten' | 'unusable'; readonly reason: string }

/** Maximum ECMP paths of one prefix: the kernel has limited room in one route. */
const MAX_PATHS = 128

/** Why a route is not used for forwarding; null when it is used. */
export function unusable(route: VpnRoute, context: RouteSelectionContext): string | null {
  const { nlri, set, source } = route
  const { nextHop } = set
  if (nextHop === null) return 'no next hop'
  if (context.isGateway(nlri)) return "the gateway's IP address"
  const unlabelled = whyUnlabelled(route)
  if (unlabelled !== null) return unlabelled
  const label = labelOf(nlri.label)
  if (nextHop === context.address && source.peer === null) {
    const destination = context.destinationOf(label, nlri.ip)
    return destination === undefined ? `label ${label} is of no endpoint here` : null
  }
  const noEnd = context.ends.whyNot(nextHop, !context.tunnels)
  if (noEnd !== null) return `next hop is ${noEnd}`
  const advertised = encapsulationsOf(set)
  if (context.transportTo(advertised) === undefined)
    return `no common encapsulation: it advertises ${advertised.map(formatTunnelType).join(', ')}`
  if (context.tunnels && isIpv4(nextHop) !== isIpv4(context.address))
    return `next hop is ${isIpv4(nextHop) ? 'IPv4, our tunnels start at IPv6' : 'IPv6, our tunnels start at IPv4'}`
  return null
}

/** Why no packet can have the label of a route; null where it can. */
export function whyUnlabelled({ nlri, set }: VpnRoute): string | null {
  const { prefixSid } = set.attributes
  if (prefixSid !== null && isSrv6Service(prefixSid)) return 'its packets go by an SRv6 SID, not by a label'
  const label = labelOf(nlri.label)
  return label < FIRST_LABEL ? `label ${label} is reserved` : null
}

/** The tunnel types of a route; a route without any accepts every transport that carries labels. */
export function encapsulationsOf({ attributes }: AttributeSet): readonly number[] {
  const types = (attributes.extendedCommunities ?? []).flatMap((one) => encapsulationOf(one) ?? [])
  return types.length === 0 ? [TunnelType.None] : types
}

/**
 * The ECMP paths to a prefix among usable routes: those of the highest LOCAL_PREF share the traffic, in hash order.
 * Stale ones count only where there is no other.
 */
export function choosePaths(usable: readonly VpnRoute[]): readonly VpnRoute[] {
  const preferred = usable.filter((route) => !isLeastPreferred(route))
  const candidates = preferred.length > 0 ? preferred : usable
  const highest = Math.max(...candidates.map(localPrefOf))
  return candidates
    .filter((route) => localPrefOf(route) === highest)
    .sort(comparePaths)
    .slice(0, MAX_PATHS)
}

/** Of the endpoints that a prefix is behind, those by which it is reached. */
export function chooseLocal(endpoints: Iterable<Addressed>): Addressed[] {
  const reachable = [...endpoints].filter(({ direction }) => direction !== 'from-port')
  const highest = Math.max(...reachable.map(localPref))
  return reachable
    .filter((endpoint) => localPref(endpoint) === highest)
    .sort((a, b) => a.hashOrder - b.hashOrder || a.label - b.label)
}

const localPref = ({ localPref }: Addressed): number => localPref ?? DEFAULT_LOCAL_PREF

/** Why `loser` is not among the selected paths. */
export function whyNotChosen(loser: VpnRoute, paths: readonly VpnRoute[]): string {
  const [winner] = paths
  if (winner === undefined) return 'a local endpoint wins'
  if (isLeastPreferred(loser) && !isLeastPreferred(winner))
    return `${formatIp(winner.set.nextHop!)} is better: not stale`
  if (localPrefOf(winner) === localPrefOf(loser)) return `there are already ${MAX_PATHS} paths`
  return `${formatIp(winner.set.nextHop!)} is better: higher LOCAL_PREF (${localPrefOf(winner)} over ${localPrefOf(loser)})`
}

/** Order of ECMP paths: by hash, then next hop, so that every node has the same. */
function comparePaths(a: VpnRoute, b: VpnRoute): number {
  return (
    hashOrder(a) - hashOrder(b) ||
    compareOctets(a.set.nextHop ?? '', b.set.nextHop ?? '') ||
    compareOctets(a.key, b.key)
  )
}

export function hashOrder({ set }: Route): number {
  for (const community of set.attributes.extendedCommunities ?? []) {
    const order = hashSortOrderOf(community)
    if (order !== undefined) return order
  }
  return 0
}
