import { ingressReplicationEndpoint } from '../bgp/attribute/pmsi-tunnel.ts'
import { TunnelType } from '../bgp/constants.ts'
import type { MacIpRoute } from '../bgp/nlri/evpn/type2.ts'
import type { InclusiveMulticastRoute } from '../bgp/nlri/evpn/type3.ts'
import type { AttributeSet } from '../bgp/rib/attribute-pool.ts'
import { localPrefOf, mobilityOf } from '../bgp/rib/best-path.ts'
import { isLeastPreferred, type Route } from '../bgp/rib/route.ts'
import { encapsulationOf, isDefaultGateway } from '../bgp/values/extended-community.ts'
import { formatIp, type Ip, isIpv4, isUnspecified, whyNoHost } from '../values/address.ts'
import { compareOctets } from '../values/bytes.ts'
import { isGroupMac } from '../values/mac.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import type { Gateway } from './forwarding.ts'

/** A route of an imported type. */
export type MacRoute = Route & { readonly nlri: MacIpRoute }
export type MulticastRoute = Route & { readonly nlri: InclusiveMulticastRoute }

export function isMacRoute(route: Route): route is MacRoute {
  return 'type' in route.nlri && route.nlri.type === 2
}

export function isMulticastRoute(route: Route): route is MulticastRoute {
  return 'type' in route.nlri && route.nlri.type === 3
}

/** A tunnel to another VTEP of the instance. */
export interface VxlanTunnel {
  readonly dst: Ip
  readonly vni: number
}

/** Decides which routes are usable. */
export interface MacSelectionContext {
  /** Our VTEP address. */
  readonly vtep: Ip
  readonly ends: Pick<TunnelEnds, 'whyNot'>
  /** Gateways of the instance that are this node itself. */
  readonly gateways: readonly Pick<Gateway, 'mac' | 'ips'>[]
}

/** Why a MAC/IP route is not used for forwarding; null when it is used. */
export function unusableMac(route: MacRoute, { vtep, ends, gateways }: MacSelectionContext): string | null {
  const { nlri, set } = route
  if (!hasVxlan(set)) return 'no VXLAN encapsulation'
  if (set.nextHop === null) return 'no next hop'
  const noEnd = ends.whyNot(set.nextHop)
  if (noEnd !== null) return `next hop is ${noEnd}`
  if (isIpv4(set.nextHop) !== isIpv4(vtep)) return `next hop is ${otherFamily(vtep)}`
  if (nlri.label === 0) return 'VNI 0'
  if (nlri.mac === 0 || isGroupMac(nlri.mac)) return 'MAC address of no station'
  // without a gateway here, others' are ordinary hosts: frames to them would be flooded
  if (gateways.length === 0) return null
  if (gateways.some(({ mac }) => mac === nlri.mac)) return 'MAC address is that of the gateway on this node'
  if (leadsToGateway(route))
    return 'default gateway, and this node has a gateway of its own in the EVPN instance'
  return null
}

/** Why ARP and ND suppression ignores the IP address of a MAC/IP route, though the MAC address may be used; null when it does not. */
export function unusableIp(
  { nlri: { ip } }: MacRoute,
  { gateways }: Pick<MacSelectionContext, 'gateways'>,
): string | null {
  if (ip === null) return null
  const noHost = whyNoHost(ip)
  if (noHost !== null) return `IP address is ${noHost}`
  return gateways.some(({ ips }) => ips.has(ip)) ? 'IP address is that of the gateway on this node' : null
}

/** Whether a route is of a default gateway (RFC 7432 §10.1). */
export function leadsToGateway({ set }: Route): boolean {
  return set.attributes.extendedCommunities?.some(isDefaultGateway) === true
}

/** The tunnel of a multicast route for BUM traffic; null, with the reason, when there is none. */
export function floodTunnel(
  { set }: MulticastRoute,
  { vtep, ends }: Pick<MacSelectionContext, 'vtep' | 'ends'>,
): VxlanTunnel | { readonly reason: string } {
  const tunnel = set.attributes.pmsiTunnel
  if (!hasVxlan(set)) return { reason: 'no VXLAN encapsulation' }
  if (tunnel === null)
    return { reason: 'no PMSI tunnel, so no VNI: ours may be of another EVPN instance there' }
  const dst = floodEnd(set)
  if (dst === undefined)
    return {
      reason: `PMSI tunnel type ${tunnel.tunnelType}: BUM traffic is sent by ingress replication alone (type 6)`,
    }
  const noEnd = ends.whyNot(dst)
  if (noEnd !== null) return { reason: `tunnel end is ${noEnd}` }
  if (isIpv4(dst) !== isIpv4(vtep)) return { reason: `tunnel end is ${otherFamily(vtep)}` }
  if (tunnel.label === 0) return { reason: 'VNI 0: ours may be of another EVPN instance there' }
  return { dst, vni: tunnel.label }
}

/**
 * The VTEP to which a multicast route directs BUM traffic; undefined where the tunnel is of another kind. Where a peer
 * leaves the end of the tunnel unset, the next hop is used, which is its VTEP in any case (RFC 8365 §5.1.3).
 */
export function floodEnd({ attributes, nextHop }: AttributeSet): Ip | undefined {
  const end = attributes.pmsiTunnel === null ? undefined : ingressReplicationEndpoint(attributes.pmsiTunnel)
  return end !== undefined && isUnspecified(end) && nextHop !== null ? nextHop : end
}

/** A VXLAN device has one address family for its own address and all its VTEPs. */
function otherFamily(vtep: Ip): string {
  return isIpv4(vtep) ? 'IPv6, our VTEP address IPv4' : 'IPv4, our VTEP address IPv6'
}

/** VXLAN has to be advertised: without any encapsulation community the default is MPLS (RFC 8365 §5.1.3). */
function hasVxlan({ attributes }: AttributeSet): boolean {
  return (
    attributes.extendedCommunities?.some((community) => encapsulationOf(community) === TunnelType.Vxlan) ===
    true
  )
}

interface MacCriterion {
  readonly name: string
  /** Negative when `a` is better. */
  compare(a: Route, b: Route): number
  /** The compared value of a route, for people; null where the name is enough. */
  readonly show: ((route: Route) => string | number) | null
}

/** The tie-break between routes for one address: staleness (RFC 9494 §4.3), LOCAL_PREF as in bagpipe-bgp, then RFC 7432 §15. */
const MAC_CRITERIA: readonly MacCriterion[] = [
  {
    name: 'not stale',
    compare: (a, b) => Number(isLeastPreferred(a)) - Number(isLeastPreferred(b)),
    show: null,
  },
  {
    name: 'higher LOCAL_PREF',
    compare: (a, b) => localPrefOf(b) - localPrefOf(a),
    show: (route) => localPrefOf(route),
  },
  { name: 'sticky', compare: (a, b) => Number(isSticky(b)) - Number(isSticky(a)), show: null },
  {
    name: 'higher mobility sequence',
    compare: (a, b) => sequence(b) - sequence(a),
    show: (route) => sequence(route),
  },
  {
    name: 'lower next hop',
    compare: (a, b) => compareOctets(a.set.nextHop ?? '', b.set.nextHop ?? ''),
    show: ({ set }) => (set.nextHop === null ? 'none' : formatIp(set.nextHop)),
  },
  { name: 'lower route key', compare: (a, b) => compareOctets(a.key, b.key), show: null },
]

/** Negative when `a` is the better of two routes for one address. */
export function compareMacRoutes(a: Route, b: Route): number {
  for (const { compare } of MAC_CRITERIA) {
    const difference = compare(a, b)
    if (difference !== 0) return difference
  }
  return 0
}

/** The criterion by which `winner` beats `loser`, in words: `higher mobility sequence (5 over 3)`. */
export function whyBetterMac(winner: Route, loser: Route): string {
  const criterion = MAC_CRITERIA.find(({ compare }) => compare(winner, loser) !== 0)
  if (criterion === undefined) return 'the same route'
  const { name, show } = criterion
  return show === null ? name : `${name} (${show(winner)} over ${show(loser)})`
}

const isSticky = ({ set }: Route): boolean => mobilityOf(set).sticky
const sequence = ({ set }: Route): number => mobilityOf(set).sequence

/** Of the routes to one address, the best usable one; undefined where none is usable. */
export function selectMacRoute(
  routes: readonly MacRoute[],
  context: MacSelectionContext,
): MacRoute | undefined {
  return bestMacRoute(routes.filter((route) => unusableMac(route, context) === null))
}

/** The best of some routes; undefined without any. */
export function bestMacRoute<R extends Route>(routes: Iterable<R>): R | undefined {
  let best: R | undefined
  for (const route of routes) if (best === undefined || compareMacRoutes(route, best) < 0) best = route
  return best
}
