import { ANY_IPV4, type Ip, ipv4FromNumber, ipv4ToNumber, isIpv4 } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import type {
  Bridge,
  Entry,
  FdbDrift,
  Flood,
  LocalMac,
  Neighbour,
  Port,
  RemoteMac,
  Tunnel,
  Veth,
  Vrf,
  VrfPort,
  Vxlan,
} from '../model.ts'
import type { Hop } from './ip-entries.ts'

const LINK_KINDS: ReadonlySet<string> = new Set<LinkEntry['kind']>([
  'bridge',
  'vxlan',
  'vrf',
  'tunnel',
  'veth',
])

/** What a device of ours is. */
export type LinkEntry = Bridge | Vxlan | Vrf | Tunnel | Veth
/** Where a device is enslaved. */
export type PortEntry = Port | VrfPort
/** What a device is or has once. */
export type DeviceEntry = LinkEntry | PortEntry
/** What a device holds many of. */
export type TableEntry = Exclude<Entry, DeviceEntry>
export type TableKind = TableEntry['kind']

export function isLinkEntry(entry: Entry): entry is LinkEntry {
  return LINK_KINDS.has(entry.kind)
}

export function isPortEntry(entry: Entry): entry is PortEntry {
  return entry.kind === 'port' || entry.kind === 'vrf-port'
}

export function isTableEntry(entry: Entry): entry is TableEntry {
  return !isLinkEntry(entry) && !isPortEntry(entry)
}

/** Kinds of links over IPv4 and over IPv6. */
const TUNNEL_KINDS = { gre: ['gre', 'ip6gre'], udp: ['ipip', 'ip6tnl'] } as const

/** The kind of link that the kernel has for it. */
export function kernelKind(link: LinkEntry): string {
  if (link.kind !== 'tunnel') return link.kind
  const [ipv4, ipv6] = TUNNEL_KINDS[link.encapsulation]
  return isIpv4(link.local) ? ipv4 : ipv6
}

/** The device that a port is enslaved to. */
export function masterOf(port: PortEntry): string {
  return port.kind === 'port' ? port.bridge : port.vrf
}

export type Key = number | string

/** How entries of one kind are kept in little memory: what tells them apart on a device as a key, the rest as a value. */
export interface Layout<E extends TableEntry, K extends Key, V> {
  readonly kind: E['kind']
  key(entry: E): K
  value(entry: E): V
  entry(device: string, key: K, value: V): E
  same(a: V, b: V): boolean
  /** Whether one without our mark is somebody else's, though it says what is wanted. */
  readonly identified: boolean
  /** The other interfaces that it needs, and that take it with them when they go. */
  uses?(value: V): readonly Pick<Hop, 'device'>[]
}

interface Destination {
  readonly dst: Ip
  readonly vni: number
  readonly drift?: FdbDrift
}

/** Bounds the tunnels that one table remembers for sharing. */
const SHARED_TUNNELS = 4096

export function localMacs(): Layout<LocalMac, Mac, true> {
  return {
    kind: 'local-mac',
    key: (entry) => entry.mac,
    value: () => true,
    entry: (device, mac) => ({ kind: 'local-mac', device, mac }),
    same: () => true,
    identified: true,
  }
}

/** MACs behind the same VTEP share one value. */
export function remoteMacs(): Layout<RemoteMac, Mac, Destination> {
  const shared = new Map<Ip, Destination>()
  return {
    kind: 'remote-mac',
    key: (entry) => entry.mac,
    value({ dst, vni, drift }) {
      if (drift !== undefined) return { dst, vni, drift }
      const known = shared.get(dst)
      if (known?.vni === vni) return known
      if (shared.size >= SHARED_TUNNELS) shared.clear()
      const tunnel = { dst, vni }
      shared.set(dst, tunnel)
      return tunnel
    },
    entry: (device, mac, destination) => ({ kind: 'remote-mac', device, mac, ...destination }),
    same: (a, b) => a === b || (a.dst === b.dst && a.vni === b.vni && !a.drift && !b.drift),
    identified: true,
  }
}

export function floods(): Layout<Flood, string, Destination> {
  return {
    kind: 'flood',
    key: ({ dst, vni, drift }) => `${dst}/${vni}${drift ? JSON.stringify(drift) : ''}`,
    value: ({ dst, vni, drift }) => ({ dst, vni, ...(drift && { drift }) }),
    entry: (device, _key, destination) => ({ kind: 'flood', device, ...destination }),
    same: () => true,
    identified: false,
  }
}

/** What a router's MAC address is raised by, to keep that it is one: more than any MAC address. */
const ROUTER = 2 ** 48

/** IPv4 addresses are kept as numbers. */
export function neighbours(): Layout<Neighbour, Key, number> {
  return {
    kind: 'neighbour',
    key: ({ ip }) => (isIpv4(ip) ? ipv4ToNumber(ip) : ip),
    value: ({ mac, router }) => (router ? ROUTER + mac : mac),
    entry: (device, key, value) => ({
      kind: 'neighbour',
      device,
      ip: typeof key === 'number' ? ipv4FromNumber(key) : (key as Ip),
      mac: value % ROUTER,
      router: value >= ROUTER,
    }),
    same: (a, b) => a === b,
    identified: true,
  }
}

/** The remote MAC of which `half` is seen alone; its destination is not known. */
export function remoteOf({ device, mac }: LocalMac | RemoteMac): RemoteMac {
  return { kind: 'remote-mac', device, mac, dst: ANY_IPV4, vni: 0 }
}
