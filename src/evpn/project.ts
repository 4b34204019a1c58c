import { isRouter } from '../bgp/values/extended-community.ts'
import type { Bridge, LocalMac, Neighbour, Port, RemoteMac, Vxlan } from '../dataplane/model.ts'
import { type Ip, isIpv4, whyNoHost } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import { bestMacRoute, type MacRoute, type MacSelectionContext, unusableMac } from './select.ts'

/** The devices of one VPN instance on this node, owned or external. */
export interface MacVrfDevices {
  readonly bridge: string
  /** The agent named the bridge: it may be external, and another program may have put the local ports into it. */
  readonly givenBridge: boolean
  readonly vxlan: string
  /** The VXLAN device was found in the agent's bridge: it is external. */
  readonly givenVxlan: boolean
}

/** The devices and addresses of an instance on this node. */
export interface MacVrfBinding {
  readonly devices: MacVrfDevices
  /** Our VTEP address. */
  readonly vtep: Ip
  readonly vni: number
}

export type MacVrfEntry = Bridge | Vxlan | Port
export type MacVrfEndpointEntry = Port | LocalMac

/** The common options of all VXLAN devices. */
export interface VxlanOptions {
  /** Our VTEP address. */
  readonly vtep: Ip
  /** UDP destination port. */
  readonly vxlanPort: number
  /** Null: what the underlay has room for. */
  readonly vxlanMtu: number | null
  /** The interface with the VTEP address; null where none has it. */
  readonly underlay: string | null
  /** Whether the bridge answers ARP and ND for remote addresses. */
  readonly neighSuppress: boolean
}

/** Links and VXLAN port of the instance as a whole. */
export function projectMacVrf(
  { bridge, givenBridge, vxlan, givenVxlan }: MacVrfDevices,
  alias: string,
  vni: number,
  { vtep: local, vxlanPort: port, vxlanMtu: mtu, underlay, neighSuppress }: VxlanOptions,
): MacVrfEntry[] {
  const master: Bridge = { kind: 'bridge', device: bridge, given: givenBridge, alias }
  const link: Vxlan = { kind: 'vxlan', device: vxlan, alias, vni, local, port, mtu, underlay }
  const slave: Port = {
    kind: 'port',
    device: vxlan,
    bridge,
    given: false,
    learning: false,
    neighSuppress,
  }
  return givenVxlan ? [master] : [master, link, slave]
}

/** The entries of a local endpoint: its port in the bridge, and its MAC address bound to the port. */
export function projectEndpoint(devices: MacVrfDevices, port: string, mac: Mac): MacVrfEndpointEntry[] {
  const slave: Port = {
    kind: 'port',
    device: port,
    bridge: devices.bridge,
    given: devices.givenBridge,
    learning: false,
    neighSuppress: false,
  }
  const address: LocalMac = { kind: 'local-mac', device: port, mac }
  return [slave, address]
}

/** A router of the subnet that is this node itself. */
export interface Gateway {
  /** Its port of the bridge, an owned one. */
  readonly device: string
  readonly mac: Mac
  readonly ips: ReadonlySet<Ip>
  /** Its VRF. */
  readonly vrf: { readonly id: string; readonly name: string }
}

/** The entries of an anycast gateway; it is not advertised, since each node of the instance is the same gateway. */
export function projectGateway(
  devices: MacVrfDevices,
  { device, mac }: Pick<Gateway, 'device' | 'mac'>,
): MacVrfEndpointEntry[] {
  return projectEndpoint({ ...devices, givenBridge: false }, device, mac)
}

/** The bridge has the gateway's address itself, and does not ask other nodes for it. */
export function projectGatewayIp({ bridge }: MacVrfDevices, ip: Ip, mac: Mac): Neighbour {
  return { kind: 'neighbour', device: bridge, ip, mac, router: !isIpv4(ip) }
}

/** The location of a MAC address by its routes; a local one is nowhere else. */
export function projectMac(
  devices: MacVrfDevices,
  mac: Mac,
  isLocal: boolean,
  routes: readonly MacRoute[],
  context: MacSelectionContext,
): RemoteMac | null {
  if (isLocal) return null
  const best = bestMacRoute(routes.filter((route) => unusableMac(route, context) === null))
  if (best === undefined) return null
  return { kind: 'remote-mac', device: devices.vxlan, mac, dst: best.set.nextHop!, vni: best.nlri.label }
}

/** The neighbour entry of an IP address by its routes; chanter does not answer for a local address, nor for one that no host can have. */
export function projectIp(
  devices: MacVrfDevices,
  ip: Ip,
  isLocal: boolean,
  routes: readonly MacRoute[],
  context: MacSelectionContext,
): Neighbour | null {
  if (isLocal || whyNoHost(ip) !== null) return null
  const best = bestMacRoute(routes.filter((route) => unusableMac(route, context) === null))
  if (best === undefined) return null
  const router = !isIpv4(ip) && best.set.attributes.extendedCommunities?.some(isRouter) === true
  return { kind: 'neighbour', device: devices.bridge, ip, mac: best.nlri.mac, router }
}
