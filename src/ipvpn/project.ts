import { DEFAULT_LOCAL_PREF } from '../bgp/constants.ts'
import { isWithin, maskPrefix, type Prefix } from '../bgp/nlri/prefix.ts'
import type {
  FixedNeighbour,
  Hop,
  LabelRoute,
  MplsInterface,
  MplsTunnel,
  PortAddress,
  ProxyNeighbour,
  UdpPort,
  Unreachable,
  Veth,
  VrfDevice,
  VrfPort,
  VrfRoute,
} from '../dataplane/model.ts'
import { ANY_IPV4, ANY_IPV6, type Ip, isIpv4 } from '../values/address.ts'
import { type Addressed, hostPrefix, isAddressed } from './advertise.ts'
import type { IpEndpoint } from './endpoint.ts'
import type { LabelDestination } from './mpls-transport.ts'

/** The VRF device of an instance and its routing table. */
export interface VrfTable {
  readonly device: string
  readonly table: number
}

export type VrfEntry = VrfDevice | Unreachable | MplsInterface | UdpPort | MplsTunnel | VrfPort
export type VrfEndpointEntry = Veth | VrfPort | PortAddress | FixedNeighbour | LabelRoute

/** The VRF, in which nothing is reachable at first. */
export function projectVrf({ device, table }: VrfTable, alias: string): (VrfDevice | Unreachable)[] {
  const nothing = [ANY_IPV4, ANY_IPV6].map(
    (prefix): Unreachable => ({ kind: 'unreachable', device, table, prefix, prefixLength: 0 }),
  )
  return [{ kind: 'vrf', device, alias, table }, ...nothing]
}

/** The entries of a local endpoint beside its route and its IRB. Packets from its port go to the VRF, packets with its label to `delivery`. */
export function projectEndpoint(
  vrf: VrfTable,
  endpoint: IpEndpoint,
  delivery: Hop | null,
): VrfEndpointEntry[] {
  const { port: device, direction, label, mac } = endpoint
  const entries: VrfEndpointEntry[] = [{ kind: 'vrf-port', device, vrf: vrf.device }]
  if (!isAddressed(endpoint)) return entries
  entries.push(...projectGateway(endpoint), { kind: 'fixed-neighbour', device, ip: endpoint.ip, mac })
  if (direction !== 'from-port' && delivery !== null)
    entries.push({ kind: 'mpls', device: 'lo', label, hops: [delivery] })
  return entries
}

/** The gateway that this node is on the endpoint's port: another address than the endpoint's, and of its family. */
export function gatewayOf({ ip, gatewayIp, direction }: Addressed): Ip | null {
  if (gatewayIp === null || gatewayIp === ip || direction === 'to-port') return null
  return isIpv4(gatewayIp) === isIpv4(ip) ? gatewayIp : null
}

function projectGateway(endpoint: Addressed): PortAddress[] {
  const { port: device } = endpoint
  const gatewayIp = gatewayOf(endpoint)
  if (gatewayIp === null) return []
  const prefixLength = subnetOfGateway(endpoint)?.length ?? gatewayIp.length * 8
  return [{ kind: 'address', device, ip: gatewayIp, prefixLength }]
}

/** The endpoint's subnet, if its gateway is in it. */
function subnetOfGateway(endpoint: Addressed): Prefix | null {
  const { ip, prefixLength } = endpoint
  const gatewayIp = gatewayOf(endpoint)
  if (gatewayIp === null || prefixLength === null) return null
  const subnet = { ip: maskPrefix(ip, prefixLength), length: prefixLength }
  return isWithin(gatewayIp, subnet) ? subnet : null
}

/** The site of an endpoint: in an EVPN instance the other hosts of its subnet are beside it. */
export function destinationOf(endpoint: Addressed): LabelDestination {
  const { port, ip, plug } = endpoint
  return { port, ip, link: plug === null ? null : subnetOfGateway(endpoint) }
}

/** Whether packets to the endpoint's subnet are for its neighbours as well. */
export function leadsToSubnet(endpoint: Addressed): boolean {
  return endpoint.advertiseSubnet && destinationOf(endpoint).link !== null
}

/** The hop to a prefix that is behind a port of this node. */
export function localHop({ ip, length }: Prefix, destination: LabelDestination): Hop {
  const isItself = destination.ip === ip && length === ip.length * 8
  const isOnLink =
    destination.link !== null && length >= destination.link.length && isWithin(ip, destination.link)
  return {
    device: destination.port,
    via: isItself || isOnLink ? null : destination.ip,
    labels: [],
    weight: 1,
  }
}

/**
 * The target of packets for an endpoint that may not be reached; null without one. Linux accepts IPv4 packets from an address only if there is a
 * route back to it, also where `rp_filter` is loose (RFC 3704 §2.4).
 */
export function blackholeHop(
  { ip, length }: Prefix,
  local: Iterable<Addressed>,
  { device }: VrfTable,
): Hop | null {
  const senders = [...local].filter((endpoint) => endpoint.ip === ip && endpoint.direction === 'from-port')
  if (!isIpv4(ip) || length !== hostPrefix(ip).length || senders.length === 0) return null
  return { device, via: null, labels: [], weight: 1 }
}

/** Of the endpoints that a prefix is behind, those by which it is reached. */
export function chooseLocal(endpoints: Iterable<Addressed>): Addressed[] {
  const reachable = [...endpoints].filter(({ direction }) => direction !== 'from-port')
  const highest = Math.max(...reachable.map(localPref))
  return reachable
    .filter((endpoint) => localPref(endpoint) === highest)
    .sort((a, b) => a.hashOrder - b.hashOrder || a.label - b.label)
}

const localPref = ({ localPref }: IpEndpoint): number => localPref ?? DEFAULT_LOCAL_PREF

/** A route by these hops, each once; null where there are none. */
export function projectRoute(
  { device, table }: VrfTable,
  { ip, length }: Prefix,
  hops: readonly Hop[],
): VrfRoute | null {
  const different = new Map(hops.map((hop) => [`${hop.device} ${hop.via} ${hop.labels.join('/')}`, hop]))
  if (different.size === 0) return null
  const [only] = different.values()
  // a one-element list has no spare capacity
  const all = different.size === 1 ? [only!] : [...different.values()]
  return { kind: 'route', device, table, prefix: ip, prefixLength: length, hops: all }
}

/** The ports whose VMs ask for an IPv6 address elsewhere: by their own prefix it is on their link. */
export function projectProxies(
  ip: Ip,
  hops: readonly Hop[],
  endpoints: Iterable<IpEndpoint>,
): ProxyNeighbour[] {
  const behind = new Set(hops.map(({ device }) => device))
  const ports = new Set<string>()
  for (const endpoint of endpoints) {
    if (!isAddressed(endpoint) || endpoint.direction === 'to-port' || isIpv4(endpoint.ip)) continue
    // those in an EVPN instance reach each other by it
    if (endpoint.plug !== null) continue
    if (!behind.has(endpoint.port) && isWithin(ip, linkOf(endpoint))) ports.add(endpoint.port)
  }
  return [...ports].map((device) => ({ kind: 'proxy-neighbour', device, ip }))
}

/** The prefix that an endpoint treats as its link; without a known prefix length, any address may be on it. */
function linkOf({ ip, prefixLength }: Addressed): Prefix {
  const length = prefixLength === null || prefixLength === hostPrefix(ip).length ? 0 : prefixLength
  return { ip: maskPrefix(ip, length), length }
}
