import type { Prefix } from '../bgp/nlri/prefix.ts'
import type { InterfaceAddress, Ip } from '../values/address.ts'
import type { IpEndpoint } from './endpoint.ts'

/** How labelled packets reach another provider edge: as MPLS itself, or in tunnels. */
export type TransportType = 'mpls' | 'gre' | 'udp'

/** A path to another provider edge. */
export interface TransportPath {
  readonly remote: Ip
  readonly type: TransportType
}

/** To another provider edge, with its label. */
export interface RemoteHop {
  readonly path: TransportPath
  readonly label: number
}

/** Out of a port of this node. */
export interface LocalHop {
  readonly port: string
  /** The address behind the port to which packets go; null: each of them to its own. */
  readonly via: Ip | null
}

/** Where packets to a prefix go. `discard`: an endpoint sends from it, but may not be reached. */
export type VrfHop = RemoteHop | LocalHop | 'discard'

/** A prefix as forwarding has it. */
export interface ForwardedRoute {
  /** False while the node's own path to a next hop is not known, and was not before. */
  readonly isWanted: boolean
  /** Whether packets to the prefix leave by this port. */
  leadsTo(port: string): boolean
}

/** What an endpoint needs before it is advertised. */
export interface EndpointForwarding {
  readonly endpoint: IpEndpoint
  /** Whether packets from its port enter the VRF; otherwise they go nowhere. */
  readonly isAdmitted: boolean
  /** The address that this node has on its port as gateway, with the length of its subnet. */
  readonly gateway: InterfaceAddress | null
  /** Where packets with its label go; `lookup`: where the VRF's own routes lead. */
  readonly delivery: LocalHop | 'lookup' | null
}

/**
 * What the routes of one VRF mean for forwarding, whatever does that: a routing table of Linux, or the flows of a switch. A call changes
 * the desired state and never fails; the same one again changes nothing.
 */
export interface VrfForwarding {
  /** Packets to the prefix go by these hops, in ECMP order, no longer as by `before`. Returns what to pass next time, null without hops. */
  setRoute(prefix: Prefix, hops: readonly VrfHop[], before: ForwardedRoute | null): ForwardedRoute | null
  /** ND requests on the port for the address are answered by this node. */
  addProxy(port: string, ip: Ip): void
  removeProxy(port: string, ip: Ip): void
  /** Reports a provider edge to which the node's own path has changed, so that its routes have to be set again. Returns what ends that. */
  listen(pathChanged: (remote: Ip) => void): () => void
}
