import type { Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'

/** A VRF device of ours with its table: up, and forwarding what comes in by its ports. */
export interface Vrf {
  readonly kind: 'vrf'
  readonly device: string
  /** Our mark and whom the device serves: `chanter:<vpn instance id>`. */
  readonly alias: string
  /** Routing table; no other VRF may have it. */
  readonly table: number
}

/** What labelled packets cross an IP network in: GRE (RFC 4023) or UDP (RFC 7510). */
export type Encapsulation = 'gre' | 'udp'

/** UDP destination port of MPLS in UDP (RFC 7510 §3). */
export const MPLS_UDP_PORT = 6635

/** A tunnel of ours that carries MPLS to one other provider edge, and takes labelled packets from it; in UDP only where there is a `udp-port`. */
export interface Tunnel {
  readonly kind: 'tunnel'
  readonly device: string
  readonly alias: string
  readonly encapsulation: Encapsulation
  /** Both of one family. */
  readonly local: Ip
  /** Null: nobody in particular; it takes packets of all that have no tunnel of their own, and sends none. */
  readonly remote: Ip | null
  /** Null: what the underlay has room for. */
  readonly mtu: number | null
  /** The interface that its packets leave by; null where nobody knows: the MTU is then what Linux makes of the way to `remote`. */
  readonly underlay: string | null
}

/** Has UDP packets to port 6635 of this address taken for MPLS; undone only by the process that did it. */
export interface UdpPort {
  readonly kind: 'udp-port'
  /** It belongs to the machine, not to an interface. */
  readonly device: 'lo'
  readonly ip: Ip
}

/** One end of a cable between two devices of ours, up. Each end is wanted for itself; whichever comes first brings the other. */
export interface Veth {
  readonly kind: 'veth'
  readonly device: string
  readonly alias: string
  /** The other end. */
  readonly peer: string
  readonly mac: Mac
  /** Null: that of a VXLAN device with this source address over this underlay. */
  readonly mtu: number | null
  readonly local: Ip
  readonly underlay: string | null
}

/**
 * A device enslaved to a VRF. One of somebody else, whose up and down is not touched, forwards, answers ARP for all that the VRF
 * has a way to by another port, and ND for its `proxy-neighbour`s; one of ours forwards, and answers for its own addresses alone. Entering a VRF costs the device its routes and IPv6
 * addresses, so wanting its addresses beside it is the way to keep them.
 */
export interface VrfPort {
  readonly kind: 'vrf-port'
  readonly device: string
  readonly vrf: string
}

/** An interface of the core, of somebody else, that labelled packets are taken from; turned off again only by the process that turned it on. */
export interface MplsInterface {
  readonly kind: 'mpls-interface'
  readonly device: string
}

/** An address of this machine on a port, as its VMs' gateway: usable at once, and without a route to its network. */
export interface Address {
  readonly kind: 'address'
  readonly device: string
  readonly ip: Ip
  readonly prefixLength: number
}

/** The MAC address of an endpoint on a port, which nobody is asked for. */
export interface FixedNeighbour {
  readonly kind: 'fixed-neighbour'
  readonly device: string
  readonly ip: Ip
  readonly mac: Mac
}

/** An IPv6 address that the port answers ND for, though it is elsewhere: what proxy ARP does by itself for IPv4. */
export interface ProxyNeighbour {
  readonly kind: 'proxy-neighbour'
  readonly device: string
  readonly ip: Ip
}

/** A prefix of a VRF that is unreachable unless there is a route to it: without one for `/0`, packets leave by the main table. */
export interface Unreachable {
  readonly kind: 'unreachable'
  /** The VRF. */
  readonly device: string
  readonly table: number
  /** Without host bits. */
  readonly prefix: Ip
  readonly prefixLength: number
}

/** A way on for packets. */
export interface Hop {
  /** The interface they leave by: a port of any VRF, an interface of the core, a tunnel, or another VRF, which then decides. */
  readonly device: string
  /**
   * The neighbour on the interface that gets them; of a label route the endpoint itself. Null: none is needed (tunnel, VRF), or it is
   * their own destination (port). Linux refuses an IPv4 neighbour for an IPv6 route, but not the reverse.
   */
  readonly via: Ip | null
  /** Labels that they get, the outermost first; none leaves them as they are. */
  readonly labels: readonly number[]
  /** Share of the flows among the hops, 1 to 255; label routes share evenly. */
  readonly weight: number
}

/** How this machine sends to an address by its main table. */
export type NextHop = Pick<Hop, 'device' | 'via' | 'labels'>

/** A route of a VRF, by which also packets from other VRFs and from the core go. */
export interface Route {
  readonly kind: 'route'
  /** The VRF. */
  readonly device: string
  readonly table: number
  /** Without host bits. */
  readonly prefix: Ip
  readonly prefixLength: number
  /** At least one. Flows are spread over them in this order, so keep it when one comes or goes. */
  readonly hops: readonly Hop[]
}

/** What becomes of packets that come in with this label: it is taken off, and they go on by `hops`, with other labels or none. */
export interface LabelRoute {
  readonly kind: 'mpls'
  /** Label routes belong to the machine, not to an interface. */
  readonly device: 'lo'
  /** 16 to 1048574: Linux has no place for the last one. */
  readonly label: number
  /** At least one. */
  readonly hops: readonly Hop[]
}

export type IpEntry =
  | Vrf
  | Tunnel
  | UdpPort
  | Veth
  | VrfPort
  | MplsInterface
  | Address
  | FixedNeighbour
  | ProxyNeighbour
  | Unreachable
  | Route
  | LabelRoute
