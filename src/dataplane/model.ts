import type { InterfaceAddress, Ip } from '../values/address.ts'
import type { DataplaneQueries, InterfaceInfo, MaybeAsync } from './kernel-queries.ts'
import type { NextHop } from './kinds/hop.ts'
import type { Entry } from './kinds/index.ts'

export type { PortAddress } from './kinds/address.ts'
export type { Bridge } from './kinds/bridge.ts'
export type { FdbDrift } from './kinds/fdb-drift.ts'
export type { FixedNeighbour } from './kinds/fixed-neighbour.ts'
export type { Flood } from './kinds/flood.ts'
export type { Hop, NextHop } from './kinds/hop.ts'
export type { Entry, Kind } from './kinds/index.ts'
export type { LabelRoute } from './kinds/label-route.ts'
export type { LocalMac } from './kinds/local-mac.ts'
export type { MplsInterface } from './kinds/mpls-interface.ts'
export type { Neighbour } from './kinds/neighbour.ts'
export type { Port } from './kinds/port.ts'
export type { ProxyNeighbour } from './kinds/proxy-neighbour.ts'
export type { RemoteMac } from './kinds/remote-mac.ts'
export type { VrfRoute } from './kinds/route.ts'
export type { Encapsulation, MplsTunnel } from './kinds/tunnel.ts'
export type { UdpPort } from './kinds/udp-port.ts'
export type { Unreachable } from './kinds/unreachable.ts'
export type { Veth } from './kinds/veth.ts'
export type { VrfDevice } from './kinds/vrf.ts'
export type { VrfPort } from './kinds/vrf-port.ts'
export type { Vxlan } from './kinds/vxlan.ts'
export type { PortSurvey, Uplink } from './survey.ts'

/** Marks a link as owned, at the start of its alias. */
export const ALIAS_PREFIX = 'chanter:'

/** Why a driver refuses entries, by what is wrong. `KERNEL_…` are answers of the kernel, `KERNEL_REFUSED` those that have no code of their own. */
export type RefusalCode =
  | 'ANSWER_LOST'
  | 'BRIDGE_IN_USE'
  | 'DRIFTED'
  | 'INTERFACE_BUSY'
  | 'INTERFACE_DOWN'
  | 'INTERFACE_ENSLAVED'
  | 'INTERFACE_EXISTS'
  | 'INTERFACE_EXTERNAL'
  | 'INTERFACE_MISSING'
  | 'IPV6_DISABLED'
  | 'KERNEL_ADDRESS_IN_USE'
  | 'KERNEL_EXISTS'
  | 'KERNEL_REFUSED'
  | 'KERNEL_UNSUPPORTED'
  | 'MAC_OF_HOST'
  | 'NO_BRIDGE_PORT'
  | 'NO_FOU'
  | 'NO_MPLS'
  | 'NO_VRF'
  | 'SETTING_REFUSED'
  | 'UNREADABLE'

export interface Errno {
  readonly name: string
  readonly number: number
}

/** The state of a wanted entry. `reason` says why it is not programmed, in the kernel's own words where there are any. */
export interface Status {
  /** `unneeded`: its device has no use for it, for the given reason; it does not count as wanted. */
  readonly state: 'pending' | 'programmed' | 'failed' | 'unneeded'
  readonly reason: string | null
  /** Of an entry that was refused; null for any other. */
  readonly code: RefusalCode | null
  /** The kernel's errno; null where it did not refuse anything. */
  readonly errno: Errno | null
  /** Failed tries since it was last programmed. */
  readonly attempts: number
  /** Since when it is not programmed, in epoch milliseconds; null for a programmed entry, of which nothing is stored. */
  readonly since: number | null
  /** When it is tried again by itself, in epoch milliseconds; null while nothing is scheduled, or a try is under way. */
  readonly nextTry: number | null
}

/** An entry and its state. */
export interface EntryStatus {
  readonly entry: Entry
  readonly status: Status
}

/** The number of wanted entries, and of those in each state. */
export interface Counts {
  readonly wanted: number
  readonly programmed: number
  readonly pending: number
  readonly failed: number
}

/** A difference between the kernel and its recorded state. */
export interface Fault {
  /** `extra`: it carries our mark and is unwanted. */
  readonly fault: 'missing' | 'different' | 'extra'
  /** The wanted entry; for `extra`, the observed one. */
  readonly entry: Entry
  /** The observed entry, for `different` where there is one. */
  readonly found: Entry | null
}

/** The result of a comparison of the kernel with the desired state. */
export interface Comparison {
  /** When it ended, in epoch milliseconds. */
  readonly at: number
  /** How many wanted entries were compared. */
  readonly entries: number
  readonly faults: number
}

/** The result of a comparison of the whole kernel with the desired state. */
export interface Verification {
  readonly devices: number
  /** Wanted entries of them. */
  readonly entries: number
  readonly missing: number
  readonly different: number
  readonly extra: number
  /** Entries that could not be set or removed, and those that wait to be set: their differences are already known. */
  readonly failed: number
  readonly pending: number
  /** Unwanted entries that stay until initial convergence is complete. */
  readonly stale: number
  /** Devices that bagpipe-bgp made, with its entries, until they are recreated after initial convergence. */
  readonly outdated: readonly string[]
  /** The first of the missing, different or extra ones. */
  readonly faults: readonly Fault[]
  /** Unwanted links with our mark. */
  readonly orphans: readonly Interface[]
  /** Devices that the kernel gives no answer for, and why. */
  readonly unreadable: readonly { readonly device: string; readonly reason: string }[]
}

/** A node setting that must have a certain value for an entry. */
export interface HeldSetting {
  /** As sysctl(8) has it. */
  readonly name: string
  readonly value: number
  /** Its value before this process changed it. */
  readonly before: number
  readonly fits: boolean
}

/** More broadcast and multicast in a VPN instance than its use explains: usually a loop. */
export interface Storm {
  readonly instance: string
  readonly bridge: string
  /** The port of the bridge that receives most; null where it has none. */
  readonly port: string | null
  /** Broadcast and multicast frames a second. */
  readonly rate: number
}

export type NeighbourFamily = 'ipv4' | 'ipv6'

/** A neighbour table of the kernel that was full: it refused new neighbours. */
export interface FullNeighbourTable {
  readonly family: NeighbourFamily
  /** How many it refused in the last interval of that many seconds. */
  readonly refused: number
  readonly seconds: number
  /** The number of entries that it takes, see `NeighbourTable`. */
  readonly limit: number
  /** The interface of this network namespace with the most entries of them; null where there are none. */
  readonly most: { readonly device: string; readonly entries: number } | null
}

/** The properties of an interface, owned or external. */
export interface Interface extends InterfaceInfo {
  readonly name: string
  readonly index: number
  /** The kernel's link kind (`bridge`, `vxlan`, `veth`, `tun`); null for a plain device. */
  readonly kind: string | null
  readonly alias: string | null
  /** Name of its bridge, VRF or bond. */
  readonly master: string | null
  readonly up: boolean
  /** Whether it is up and has a carrier, as a tap has while its VM runs. */
  readonly carrier: boolean
  /** Of a VXLAN device. */
  readonly vni: number | null
  readonly mtu: number
}

/** A link that an earlier process made in this kernel, according to its state file. */
export interface MadeLink {
  readonly name: string
  readonly kind: 'bridge' | 'vxlan' | 'vrf'
  /** Of a VXLAN device. */
  readonly vni: number | null
  /** Of a VRF. */
  readonly table: number | null
}

/** What earlier processes left to know about the kernel. */
export interface FormerWork {
  /** Ids of XDP programs on bridges. */
  readonly programs: readonly number[]
  readonly links: readonly MadeLink[]
}

/** An attached port that passes no traffic. */
export interface Outage {
  readonly port: string
  /** In words: `down`, `no carrier`, or that its bridge is down. */
  readonly reason: string
  /** Epoch milliseconds. */
  readonly since: number
}

/** VXLAN devices whose largest packets do not fit the underlay. */
export interface TightUnderlay {
  readonly underlay: string
  /** The largest MTU of a VXLAN device that the underlay has room for. */
  readonly room: number
  /** That of the devices. */
  readonly mtu: number
  /** Whether the configuration sets it. */
  readonly isConfigured: boolean
}

/** What keeps the frames that a bridge passes up out of the host's IP stack; `reason` says why not both XDP and tc do. */
export interface Isolation {
  readonly by: 'both' | 'xdp' | 'tc' | null
  /** Null also where there is no kernel to isolate from. */
  readonly reason: string | null
}

/** The forwarding loop as the VPN services use it: they set the desired state, it programs that and reports the result. */
export interface Dataplane extends MaybeAsync<DataplaneQueries> {
  /** Adds an entry to the desired state, or replaces the one of the same identity. */
  want(entry: Entry): void
  /** Removes the entry of this identity from the desired state. */
  unwant(entry: Entry): void
  /** As `unwant`, but the entry stays in the kernel, as a stale one that nothing sweeps: it was there before it was wanted. */
  release(entry: Entry): void
  /** Resolves when each of `entries` was tried since it was last wanted, to those that are not programmed. */
  settled(entries: readonly Entry[]): Promise<readonly EntryStatus[]>
  /** Resolves when the kernel holds nothing any more of those `entries` that are unwanted. */
  gone(entries: readonly Entry[]): Promise<void>
  /** Renames an owned link that no entry names; answers whether the kernel did. */
  rename(device: string, name: string): boolean | Promise<boolean>
  /** Removes the unwanted entries of an earlier process. */
  clear(entries: readonly Entry[]): void
  /** Reports the node's own next hop to an address to `changed`, null for none: first now, then at each change, until `unwatchNextHop`. */
  watchNextHop(ip: Ip, changed: (nextHop: NextHop | null) => void): void
  unwatchNextHop(ip: Ip): void
  /** Reports the node's addresses, except those it has for tenants, to `changed`: first now, then at each change. */
  watchAddresses(changed: (addresses: readonly InterfaceAddress[]) => void): void
}
