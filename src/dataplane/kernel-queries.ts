import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { Eventual } from './eventual.ts'
import type { Entry, Interface, Isolation, NextHop } from './model.ts'
import type { PortQuestion, PortSurvey } from './survey.ts'

/** The properties of an interface that decide whether a VPN can have it. */
export interface InterfaceInfo {
  /** Null where it has no Ethernet address. */
  readonly mac: Mac | null
  /** Whether it carries Ethernet frames (ARPHRD_ETHER). */
  readonly ethernet: boolean
  readonly loopback: boolean
  /** The lower interface, such as that of a VLAN, a macvlan or a VXLAN device with `dev`; null for none, or one in another network namespace. */
  readonly lower: string | null
  /** Of a veth: the name of its peer, null where that is in another network namespace. */
  readonly pair: string | null
  /** Of a VXLAN device or tunnel: the source address, null when it has none. */
  readonly local: Ip | null
  /** Of a VXLAN device: the UDP destination port. */
  readonly port: number | null
  /** Of a VXLAN device: whether it takes VNIs that other programs choose (`external`, `vnifilter`). */
  readonly flowBased: boolean
  /** Of a VXLAN device: whether it learns addresses from received frames. */
  readonly learns: boolean
  /** Of a VXLAN device: whether it drops the ARP requests that it cannot answer itself (`proxy`), which cannot be changed: an owned one, of bagpipe-bgp, is recreated once its desired state is complete. */
  readonly outdated: boolean
  /** Whether it carries our mark, or did during this process: removing the alias does not end ownership. */
  readonly owned: boolean
}

/** Questions that are answered straight from the kernel; `MaybeAsync` is their form where it may answer later. */
export interface KernelQueries {
  /** The name of the interface that has an address of this node. */
  holderOf(ip: Ip): string | null
  /** The node's own next hop to an address; null where there is none, or where it is no usable hop. */
  nextHopTo(ip: Ip): NextHop | null
  /** The devices enslaved to a bridge, bond or VRF. */
  portsOf(master: string): readonly Interface[]
  /** The bridge, or port of it, that has this address as its own: frames for it go to the host. Null where there is none. */
  ownAddressIn(bridge: string, mac: Mac): string | null
  /** The VXLAN devices of a UDP port. */
  vxlansOn(port: number): readonly Interface[]
  /** Whether a VXLAN device of the UDP port has the VNI. */
  isVniTaken(vni: number, port: number): boolean
  /** What isolates a bridge from the host, or why nothing does. */
  isolationOf(bridge: string): Isolation
  /** The VXLAN device of that VNI among the ports of a bridge. */
  vxlanIn(bridge: string, vni: number): Interface | undefined
  /** Whether a route for that label exists already. */
  isLabelTaken(label: number): boolean
  /** Whether a VRF has that routing table, or another program has routes in it. */
  isTableTaken(table: number): boolean
}

/** A VRF device and its routing table. */
export interface NamedTable {
  readonly name: string
  readonly table: number
}

/** Queries of the forwarding loop, which the kernel answers. */
export interface DataplaneQueries
  extends Omit<KernelQueries, 'holderOf' | 'nextHopTo' | 'portsOf' | 'ownAddressIn'> {
  survey(asked: PortQuestion): PortSurvey
  /** The devices that an earlier process left among those of `entries`: owned links, and ports of owned masters, that are neither wanted nor being removed. */
  staleDevices(entries: readonly Entry[]): readonly string[]
  interfaceNamed(name: string): Interface | undefined
  /** The owned VRF device with that alias. */
  vrfOf(alias: string): NamedTable | undefined
  /** The VRF device that bagpipe-bgp left with that port; with a bridge, the one that has the other end of a veth pair in it. */
  vrfLeftWith(port: string, bridge: string | null): NamedTable | undefined
}

/** The same queries, possibly to another thread or to a driver that has to ask: the answer comes at once or later. */
export type MaybeAsync<Q> = {
  readonly [K in keyof Q]: Q[K] extends (...args: infer A) => infer R ? (...args: A) => Eventual<R> : never
}
