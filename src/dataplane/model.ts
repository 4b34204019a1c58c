import { formatIp, type InterfaceAddress, type Ip } from '../values/address.ts'
import { formatMac, type Mac } from '../values/mac.ts'
import type { InterfaceFacts, Later, Questions } from './facts.ts'
import { type IpEntry, MPLS_UDP_PORT, type NextHop } from './kinds/ip-entries.ts'

export type {
  Address,
  Encapsulation,
  FixedNeighbour,
  Hop,
  IpEntry,
  LabelRoute,
  MplsInterface,
  NextHop,
  ProxyNeighbour,
  Route,
  Tunnel,
  UdpPort,
  Unreachable,
  Veth,
  Vrf,
  VrfPort,
} from './kinds/ip-entries.ts'

/** A Linux bridge. */
export interface Bridge {
  readonly kind: 'bridge'
  readonly device: string
  /** Others may have made it, and use it: theirs is taken as it is, ours stays as long as it has other ports. */
  readonly given: boolean
  /** Our mark and whom the device serves: `chanter:<vpn instance id>`. */
  readonly alias: string
}

/** A VXLAN device of ours: `nolearning`, up. */
export interface Vxlan {
  readonly kind: 'vxlan'
  readonly device: string
  readonly alias: string
  readonly vni: number
  readonly local: Ip
  /** UDP destination port. */
  readonly port: number
  /** Null: what the underlay has room for. */
  readonly mtu: number | null
  /** The interface that its packets leave by; null where nobody knows. */
  readonly underlay: string | null
}

/** A device enslaved to a bridge. The device itself may be somebody else's. */
export interface Port {
  readonly kind: 'port'
  readonly device: string
  readonly bridge: string
  /** Others may have put it there: it is only moved where it is in no bridge, keeps its options, and stays in a bridge that is not ours. */
  readonly given: boolean
  readonly learning: boolean
  readonly neighSuppress: boolean
}

/** A MAC behind a local bridge port: an FDB entry of the bridge. */
export interface LocalMac {
  readonly kind: 'local-mac'
  readonly device: string
  readonly mac: Mac
}

/**
 * What of an entry of a VXLAN device's FDB is not as we set it, in the kernel's numbers; what is absent is. Only of entries that are found: to set
 * them does not always change it.
 */
export interface FdbDrift {
  /** UDP destination port. */
  readonly port?: number
  /** Index of the interface that its packets leave by. */
  readonly via?: number
  /** Id of a nexthop group instead of a VTEP. */
  readonly nhid?: number
  /** The VNI that packets have to come in with. */
  readonly srcVni?: number
  /** NUD state (`ndm_state`). */
  readonly state?: number
  /** Flags (`ndm_flags`) beside those of where the entry is. */
  readonly flags?: number
}

/** A MAC behind a remote VTEP: FDB entries of the VXLAN device (`self`) and of its bridge (`master`). */
export interface RemoteMac {
  readonly kind: 'remote-mac'
  readonly device: string
  readonly mac: Mac
  readonly dst: Ip
  readonly vni: number
  readonly drift?: FdbDrift
}

/** A VTEP that gets broadcast, unknown unicast and multicast: an all-zero-MAC FDB entry of the VXLAN device. */
export interface Flood {
  readonly kind: 'flood'
  readonly device: string
  readonly dst: Ip
  readonly vni: number
  readonly drift?: FdbDrift
}

/** An address the bridge answers ARP or ND for: a neighbour of the bridge device. */
export interface Neighbour {
  readonly kind: 'neighbour'
  readonly device: string
  readonly ip: Ip
  readonly mac: Mac
  /** Whether the ND answers say that it is a router (RFC 9047). */
  readonly router: boolean
}

/** One thing the kernel should hold. */
export type Entry = Bridge | Vxlan | Port | LocalMac | RemoteMac | Flood | Neighbour | IpEntry

/** Marks a link as ours, at the start of its alias. */
export const ALIAS_PREFIX = 'chanter:'

/** All kinds, in the order in which entries of them are set; they are removed in the reverse order. */
export const KINDS = [
  'bridge',
  'vrf',
  'vxlan',
  'tunnel',
  'veth',
  'port',
  'vrf-port',
  'local-mac',
  'flood',
  'remote-mac',
  'neighbour',
  'unreachable',
  'mpls-interface',
  'udp-port',
  'address',
  'fixed-neighbour',
  'route',
  'mpls',
  'proxy-neighbour',
] as const satisfies readonly Entry['kind'][]
export type Kind = (typeof KINDS)[number]

/** Where the kind stands in the order of setting: lower comes first. */
export function phase(kind: Kind): number {
  return KINDS.indexOf(kind)
}

/** What the entry is about, for people and as a key: two entries of one identity replace each other. */
export function identity(entry: Entry): string {
  switch (entry.kind) {
    case 'bridge':
    case 'vxlan':
    case 'vrf':
    case 'tunnel':
    case 'veth':
      return `link ${entry.device}`
    case 'port':
    case 'vrf-port':
      return `port ${entry.device}`
    case 'local-mac':
    case 'remote-mac':
      return `${entry.kind} ${formatMac(entry.mac)} on ${entry.device}`
    case 'flood':
      return `flood to ${formatIp(entry.dst)} vni ${entry.vni}${driftText(entry.drift)} on ${entry.device}`
    case 'neighbour':
    case 'fixed-neighbour':
    case 'proxy-neighbour':
      return `${entry.kind} ${formatIp(entry.ip)} on ${entry.device}`
    case 'mpls-interface':
      return `mpls-interface ${entry.device}`
    case 'udp-port':
      return `udp-port ${MPLS_UDP_PORT} of ${formatIp(entry.ip)}`
    case 'address':
      return `address ${formatIp(entry.ip)}/${entry.prefixLength} on ${entry.device}`
    case 'unreachable':
    case 'route':
      return `${entry.kind} ${formatIp(entry.prefix)}/${entry.prefixLength} in table ${entry.table} of ${entry.device}`
    case 'mpls':
      return `label ${entry.label}`
    default:
      return entry satisfies never
  }
}

/** As iproute2 has it. */
function driftText(drift: FdbDrift = {}): string {
  return Object.entries(drift)
    .map(([field, value]) => ` ${field} ${value}`)
    .join('')
}

/** Whether two entries say the same in every field. */
export function same(a: Entry, b: Entry): boolean {
  return equal(a, b)
}

function equal(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const other = new Map<string, unknown>(Object.entries(b))
  const fields = Object.entries(a)
  return fields.length === other.size && fields.every(([field, value]) => equal(value, other.get(field)))
}

/** What became of a wanted entry. `reason` says why it is not in place: the kernel's own words where there are any. */
export interface Status {
  /** `unneeded`: its device has no use for it, for the reason given; it does not count as wanted. */
  readonly state: 'pending' | 'applied' | 'failed' | 'unneeded'
  readonly reason: string | null
  /** What the kernel answered; null where it did not refuse anything. */
  readonly errno: { readonly name: string; readonly number: number } | null
  /** Failed tries since it was last in place. */
  readonly attempts: number
  /** Since when it is not in place, in epoch milliseconds; null for what is in place, of which nothing is kept. */
  readonly since: number | null
  /** When it is tried again by itself, in epoch milliseconds; null while nothing is scheduled, or a try is under way. */
  readonly nextTry: number | null
}

/** An entry and what became of it. */
export interface EntryStatus {
  readonly entry: Entry
  readonly status: Status
}

/** How many entries are wanted, and what became of them. */
export interface Counts {
  readonly wanted: number
  readonly applied: number
  readonly pending: number
  readonly failed: number
}

/** A difference between the kernel and what it was taken to hold. */
export interface Fault {
  /** `extra`: it carries our mark, and nobody wants it. */
  readonly fault: 'missing' | 'different' | 'extra'
  /** What is wanted; of `extra`, what is there. */
  readonly entry: Entry
  /** What is there instead, of an entry that is different, where that is an entry too. */
  readonly found: Entry | null
}

/** What came of a comparison of the kernel with what is wanted. */
export interface Comparison {
  /** When it ended, in epoch milliseconds. */
  readonly at: number
  /** How many wanted entries were compared. */
  readonly entries: number
  readonly faults: number
}

/** What a comparison of the whole kernel with what is wanted came to. */
export interface Verification {
  readonly devices: number
  /** Wanted entries of them. */
  readonly entries: number
  readonly missing: number
  readonly different: number
  readonly extra: number
  /** Entries that could not be set or removed, and those that wait to be set: what is wrong with them is no news. */
  readonly failed: number
  readonly pending: number
  /** The first of those that are missing, different or extra. */
  readonly faults: readonly Fault[]
  /** Links that carry our mark and that nobody wants. */
  readonly orphans: readonly Interface[]
  /** Devices that the kernel does not tell of, and why. */
  readonly unreadable: readonly { readonly device: string; readonly reason: string }[]
}

/** A setting of the machine that an entry needs to have a certain value. */
export interface HeldSetting {
  /** As sysctl(8) has it. */
  readonly name: string
  readonly value: number
  /** What it was before this process changed it. */
  readonly before: number
  readonly fits: boolean
}

/** More broadcast and multicast in a network than its use explains: as a rule a loop. */
export interface Storm {
  readonly instance: string
  readonly bridge: string
  /** The port of the bridge that receives most; null where it has none. */
  readonly port: string | null
  /** Broadcast and multicast frames a second. */
  readonly rate: number
}

/** What is known of an interface, whoever made it. */
export interface Interface extends InterfaceFacts {
  readonly name: string
  readonly index: number
  /** The kernel's link kind (`bridge`, `vxlan`, `veth`, `tun`); null for a plain device. */
  readonly kind: string | null
  readonly alias: string | null
  /** Name of the bridge (or VRF, bond) it is enslaved to. */
  readonly master: string | null
  readonly up: boolean
  /** Whether it is up and has a carrier, as a tap has while its VM runs. */
  readonly carrier: boolean
  /** Of a VXLAN device. */
  readonly vni: number | null
  readonly mtu: number
}

/** An attached port that passes no traffic. */
export interface Outage {
  readonly port: string
  readonly reason: 'down' | 'no carrier'
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
  /** Whether the configuration says so. */
  readonly isGiven: boolean
}

/** What keeps the frames that a bridge passes up out of the host's IP stack; `reason` says why nothing does. */
export interface Isolation {
  readonly by: 'xdp' | 'tc' | null
  /** Null also where there is no kernel to isolate from. */
  readonly reason: string | null
}

/** The forwarding loop as the VPN services see it: they say what should be, it makes it so and tells what became of it. */
export interface Dataplane extends Later<Questions> {
  /** Adds an entry to the desired state, or replaces the one of the same identity. */
  want(entry: Entry): void
  /** Takes the entry of this identity out of the desired state. */
  unwant(entry: Entry): void
  /** Resolves when each of `entries` was tried since it was last wanted, to those that are not in place. */
  settled(entries: readonly Entry[]): Promise<readonly EntryStatus[]>
  /** Resolves when nothing of what is no longer wanted of `entries` is left in the kernel. */
  gone(entries: readonly Entry[]): Promise<void>
  /** Removes what an earlier process left, but for what is wanted by now. */
  clear(entries: readonly Entry[]): void
  /** Tells `changed` how the machine itself sends to an address, null where it does not: first and whenever that changes, until `unfollow`. */
  follow(ip: Ip, changed: (way: NextHop | null) => void): void
  unfollow(ip: Ip): void
  /** Tells `changed` the addresses of the machine itself, not those that it has for tenants, first and whenever they change. */
  followAddresses(changed: (addresses: readonly InterfaceAddress[]) => void): void
}
