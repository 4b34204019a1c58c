import { isWithin, maskPrefix, type Prefix } from '../bgp/nlri/prefix.ts'
import { type InterfaceAddress, type Ip, isIpv4 } from '../values/address.ts'
import { type Addressed, hostPrefix, isAddressed } from './advertise.ts'
import type { IpEndpoint } from './endpoint.ts'
import type { ForwardedRoute, LocalHop } from './forwarding.ts'
import type { LabelDestination } from './provider-edge.ts'

/** The gateway that this node is on the endpoint's port: another address than the endpoint's, and of its family. */
export function gatewayOf({ ip, gatewayIp, direction }: Addressed): Ip | null {
  if (gatewayIp === null || gatewayIp === ip || direction === 'to-port') return null
  return isIpv4(gatewayIp) === isIpv4(ip) ? gatewayIp : null
}

/** As `gatewayOf`, with the length of the endpoint's subnet, if the gateway is in it. */
export function gatewayAddressOf(endpoint: Addressed): InterfaceAddress | null {
  const ip = gatewayOf(endpoint)
  return ip && { ip, prefixLength: subnetOfGateway(endpoint)?.length ?? ip.length * 8 }
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
  const { port, ip, irb } = endpoint
  return { port, ip, link: irb === null ? null : subnetOfGateway(endpoint) }
}

/** Whether packets to the endpoint's subnet are for its neighbours as well. */
export function leadsToSubnet(endpoint: Addressed): boolean {
  return endpoint.advertiseSubnet && destinationOf(endpoint).link !== null
}

/** The hop to a prefix that is behind a port of this node. */
export function localHop({ ip, length }: Prefix, { port, ip: router, link }: LabelDestination): LocalHop {
  const isItself = router === ip && length === ip.length * 8
  const isOnLink = link !== null && length >= link.length && isWithin(ip, link)
  return { port, via: isItself || isOnLink ? null : router }
}

/** Whether an endpoint sends from exactly that address, though it may not be reached. */
export function onlySends({ ip, length }: Prefix, local: readonly Addressed[]): boolean {
  if (length !== hostPrefix(ip).length) return false
  return local.some((endpoint) => endpoint.ip === ip && endpoint.direction === 'from-port')
}

/** The ports whose VMs ask for an IPv6 address that is elsewhere: by their own prefix it is on their link. */
export function proxyPorts(ip: Ip, route: ForwardedRoute, endpoints: Iterable<IpEndpoint>): Set<string> {
  const ports = new Set<string>()
  for (const endpoint of endpoints) {
    if (!isAddressed(endpoint) || endpoint.direction === 'to-port' || isIpv4(endpoint.ip)) continue
    // those in an EVPN instance reach each other by it
    if (endpoint.irb !== null) continue
    if (!route.leadsTo(endpoint.port) && isWithin(ip, linkOf(endpoint))) ports.add(endpoint.port)
  }
  return ports
}

/** The prefix that an endpoint treats as its link; without a known prefix length, any address may be on it. */
function linkOf({ ip, prefixLength }: Addressed): Prefix {
  const length = prefixLength === null || prefixLength === hostPrefix(ip).length ? 0 : prefixLength
  return { ip: maskPrefix(ip, length), length }
}
