import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { Interface, Isolation, NextHop } from './model.ts'
import type { PortQuestion, PortSurvey } from './survey.ts'

/** What of an interface decides whether a VPN can have it. */
export interface InterfaceInfo {
  /** Null where it has none of Ethernet's. */
  readonly mac: Mac | null
  /** Whether it carries Ethernet frames (ARPHRD_ETHER). */
  readonly ethernet: boolean
  readonly loopback: boolean
  /** The interface that it stands on, as a VLAN, a macvlan or a VXLAN device with `dev` does; null for none, or one in another network namespace. */
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
  /** Whether it carries our mark, or did in the life of this process: who changes an alias does not take the link. */
  readonly owned: boolean
}

/** Questions that are answered straight from the kernel. */
export interface KernelQueries {
  /** The name of the interface that has an address of this machine. */
  holderOf(ip: Ip): string | null
  /** How the machine itself sends to an address; null where it does not, or in a way that is no hop. */
  nextHopTo(ip: Ip): NextHop | null
  /** What is enslaved to a bridge, bond or VRF. */
  portsOf(master: string): readonly Interface[]
  /** The bridge or port of it whose own address that is: frames for it go to the host. Null where it is of none. */
  ownAddressIn(bridge: string, mac: Mac): string | null
  /** The VXLAN devices of a UDP port. */
  vxlansOn(port: number): readonly Interface[]
  /** What isolates a bridge from the host, or why nothing does. */
  isolationOf(bridge: string): Isolation
  /** The VXLAN device of that VNI among the ports of a bridge. */
  vxlanIn(bridge: string, vni: number): Interface | undefined
  /** Whether packets with that label go somewhere already. */
  isLabelTaken(label: number): boolean
  /** Whether a VRF has that routing table, or somebody else has routes in it. */
  isTableTaken(table: number): boolean
}

/** Questions to the forwarding loop, which has the kernel answer them. */
export interface DataplaneQueries
  extends Omit<KernelQueries, 'holderOf' | 'nextHopTo' | 'portsOf' | 'ownAddressIn'> {
  survey(asked: PortQuestion): PortSurvey
  interfaceNamed(name: string): Interface | undefined
  /** The VRF device of ours with that alias. */
  vrfOf(alias: string): { readonly name: string; readonly table: number } | undefined
}

/** The same questions, of which another thread may be asked: the answer is there at once, or comes later. */
export type MaybeAsync<Q> = {
  readonly [K in keyof Q]: Q[K] extends (...args: infer A) => infer R ? (...args: A) => R | Promise<R> : never
}
