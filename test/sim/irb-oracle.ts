import { formatIp, type Ip } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { type Node, networksOf } from './machines.ts'

/** An EVPN instance's place in an IP VPN of a node. */
interface VethPair {
  readonly vpn: string
  readonly evpn: string
  /** The names of its ends, which the daemon chose. */
  readonly vrfEnd: string
  readonly bridgeEnd: string
  readonly requests: readonly AttachRequest[]
}

/** The port of an endpoint of an IP VPN: its own, or the veth pair's end. */
export function portOf(node: Node, { instanceId, port }: AttachRequest): string {
  return typeof port === 'string' ? port : namesOf(node, instanceId, port.evpn).vrfEnd
}

/** What this machine is on the endpoint's port, if anything. */
export function gatewayOf({ ip, gatewayIp, direction }: AttachRequest): Ip | null {
  return direction === 'to-port' || gatewayIp === ip?.ip ? null : gatewayIp
}

export const subnetOf = (ip: Ip): string => `${formatIp(ip).replace(/\.\d+$/, '.0')}/24`

/** The subnet that an endpoint is in with its neighbours, each of which is reached by itself: that of the gateway, in an EVPN instance. */
export function linkOf(request: AttachRequest): string | null {
  const gateway = gatewayOf(request)
  if (typeof request.port === 'string' || gateway === null) return null
  const subnet = subnetOf(request.ip!.ip)
  return subnetOf(gateway) === subnet ? subnet : null
}

/** Whether packets to the endpoint's label are for its whole subnet. */
export function leadsToSubnet(request: AttachRequest): boolean {
  return request.advertiseSubnet && linkOf(request) !== null
}

function vethsOf(node: Node): VethPair[] {
  const veths: VethPair[] = []
  for (const [vpn, all] of networksOf(node, 'ipvpn')) {
    const evpns = new Set(all.flatMap(({ port }) => (typeof port === 'string' ? [] : [port.evpn])))
    for (const evpn of evpns) {
      const requests = all.filter(({ port }) => typeof port !== 'string' && port.evpn === evpn)
      veths.push({ vpn, evpn, requests, ...namesOf(node, vpn, evpn) })
    }
  }
  return veths
}

function namesOf(node: Node, vpn: string, evpn: string): Pick<VethPair, 'vrfEnd' | 'bridgeEnd'> {
  const attachments = [...(node.daemon!.vpns.instances.get(vpn)?.attachments ?? [])]
  const joined = attachments.find(({ irb }) => irb?.evpn === evpn)
  const [vrfEnd, bridgeEnd] = [joined?.port, joined?.irb?.device]
  return { vrfEnd: vrfEnd ?? `no ${vpn} in ${evpn}`, bridgeEnd: bridgeEnd ?? `no ${evpn} in ${vpn}` }
}

/** What is wrong with the gateways of a network: each IP VPN has a MAC address of its own, the same on all nodes. */
export function* gatewayFaults(nodes: readonly Node[]): Iterable<string> {
  const running = nodes.filter(({ daemon }) => daemon !== null)
  const all = running.flatMap((node) =>
    vethsOf(node).map((veth) => ({ vpn: veth.vpn, mac: gatewayText(node, veth) })),
  )
  const pairs = new Set(all.map(({ vpn, mac }) => `${vpn} ${mac}`))
  const vpns = new Set(all.map(({ vpn }) => vpn))
  const macs = new Set(all.map(({ mac }) => mac))
  if (vpns.size !== pairs.size || macs.size !== pairs.size)
    yield `gateways do not have a MAC address each: ${[...pairs].join(', ')}`
}

/** The veth pairs of an IP VPN. */
export function* vethTexts(node: Node, vpn: string): Iterable<string> {
  for (const veth of vethsOf(node)) {
    if (veth.vpn !== vpn) continue
    yield `veth from ${veth.vrfEnd} to ${veth.bridgeEnd}`
    yield `veth from ${veth.bridgeEnd} to ${veth.vrfEnd}`
  }
}

/** What IP VPNs are in the bridge of an EVPN instance. */
export function* gatewayTexts(node: Node, evpn: string): Iterable<string> {
  for (const veth of vethsOf(node)) {
    if (veth.evpn !== evpn) continue
    yield `port ${veth.bridgeEnd} of evpn---${evpn}`
    yield `local-mac ${gatewayText(node, veth)} on ${veth.bridgeEnd}`
  }
}

/** The addresses of gateways in an EVPN instance, with the MAC address that has each. */
export function gatewaysIn(node: Node, evpn: string): Map<Ip, string> {
  const gateways = new Map<Ip, string>()
  for (const veth of vethsOf(node)) {
    if (veth.evpn !== evpn) continue
    for (const gateway of veth.requests.map(gatewayOf))
      if (gateway !== null) gateways.set(gateway, gatewayText(node, veth))
  }
  return gateways
}

function gatewayText(node: Node, { vrfEnd }: VethPair): string {
  const mac = node.driver.kernel.links.get(vrfEnd)?.mac ?? null
  return mac === null ? 'none' : formatMac(mac)
}
