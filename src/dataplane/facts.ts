import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { Interface, NextHop } from './model.ts'

/** What of an interface decides whether a VPN can have it. */
export interface InterfaceFacts {
  /** Null where it has none of Ethernet's. */
  readonly mac: Mac | null
  /** Whether it carries Ethernet frames (ARPHRD_ETHER). */
  readonly ethernet: boolean
  readonly loopback: boolean
  /** The interface that it stands on, as a VLAN or macvlan does; null for none, or one in another network namespace. */
  readonly lower: string | null
  /** Of a veth: the name of its other end, null where that is in another network namespace. */
  readonly pair: string | null
  /** Of a VXLAN device or tunnel: the source address, null when it has none. */
  readonly local: Ip | null
  /** Of a VXLAN device: the UDP destination port. */
  readonly port: number | null
  /** Of a VXLAN device: whether it takes VNIs that others choose (`external`, `vnifilter`). */
  readonly flowBased: boolean
  /** Of a VXLAN device: whether it learns addresses from what it receives. */
  readonly learns: boolean
}

/** Questions that are answered straight from the kernel. */
export interface KernelQuestions {
  /** The name of the interface that has an address of this machine. */
  holderOf(ip: Ip): string | null
  /** How the machine itself sends to an address; null where it does not, or in a way that is no hop. */
  wayTo(ip: Ip): NextHop | null
  /** What is enslaved to a bridge, bond or VRF. */
  portsOf(master: string): readonly Interface[]
  /** The bridge or port of it whose own address that is: frames for it go to the host. Null where it is of none. */
  ownAddressIn(bridge: string, mac: Mac): string | null
  /** The VXLAN devices of a UDP port. */
  vxlansOn(port: number): readonly Interface[]
}
