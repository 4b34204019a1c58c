import type { Bridge, LocalMac, Neighbour, Port, RemoteMac, Vxlan } from '../dataplane/model.ts'
import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import { bestMacRoute, type LocalFacts, type MacRoute, unusableMac } from './select.ts'

/** The devices of one network on this machine, and who made them. */
export interface Devices {
  readonly bridge: string
  /** The bridge was given to us: it is not ours to make, nor are its local ports. */
  readonly givenBridge: boolean
  readonly vxlan: string
  /** The VXLAN device was found in the given bridge: it is not ours to make. */
  readonly givenVxlan: boolean
}

export type NetworkEntry = Bridge | Vxlan | Port
export type EndpointEntry = Port | LocalMac

/** Links and VXLAN port of the network as a whole. */
export function projectNetwork(
  devices: Devices,
  alias: string,
  vni: number,
  local: Ip,
  port: number,
): NetworkEntry[] {
  const { bridge, vxlan } = devices
  const ours: Bridge = { kind: 'bridge', device: bridge, alias }
  const link: Vxlan = { kind: 'vxlan', device: vxlan, alias, vni, local, port }
  const slave: Port = { kind: 'port', device: vxlan, bridge, learning: false, neighSuppress: true }
  return [...(devices.givenBridge ? [] : [ours]), ...(devices.givenVxlan ? [] : [link, slave])]
}

/** What a local endpoint needs: its port in our bridge, and its MAC address bound to the port. */
export function projectEndpoint(devices: Devices, port: string, mac: Mac): EndpointEntry[] {
  const slave: Port = {
    kind: 'port',
    device: port,
    bridge: devices.bridge,
    learning: false,
    neighSuppress: false,
  }
  const address: LocalMac = { kind: 'local-mac', device: port, mac }
  return devices.givenBridge ? [address] : [slave, address]
}

/** Where a MAC address is, going by the routes for it; a local one is nowhere else. */
export function projectMac(
  devices: Devices,
  mac: Mac,
  isLocal: boolean,
  routes: readonly MacRoute[],
  facts: LocalFacts,
): RemoteMac | null {
  if (isLocal) return null
  const best = bestMacRoute(routes.filter((route) => unusableMac(route, facts) === null))
  if (best === undefined) return null
  return { kind: 'remote-mac', device: devices.vxlan, mac, dst: best.set.nextHop!, vni: best.nlri.label }
}

/** Whose an IP address is, going by the routes for it; a local one needs no answer from us. */
export function projectIp(
  devices: Devices,
  ip: Ip,
  isLocal: boolean,
  routes: readonly MacRoute[],
  facts: LocalFacts,
): Neighbour | null {
  if (isLocal) return null
  const best = bestMacRoute(routes.filter((route) => unusableMac(route, facts) === null))
  return best === undefined ? null : { kind: 'neighbour', device: devices.bridge, ip, mac: best.nlri.mac }
}
