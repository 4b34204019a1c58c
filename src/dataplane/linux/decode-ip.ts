import type { Ip } from '../../values/address.ts'
import type { ObservedEntry } from '../driver.ts'
import type { Hop, NextHop, VrfRoute } from '../model.ts'
import { isMarkedAddress } from './addresses.ts'
import * as k from './constants.ts'
import { linuxDefinitions } from './kinds/index.ts'
import { NetlinkAttributes, type NetlinkMessage } from './message.ts'

/** Interface facts that messages about routes leave out. */
export interface RouteDirectory {
  nameOf(index: number): string | undefined
  /** The VRF of a table, where it is known. */
  vrfOf(table: number): string | undefined
  /** The hops of an owned group of nexthops; none for an external one. */
  hopsOf(group: number): readonly Hop[]
}

/** RTM_NEWADDR or RTM_DELADDR, as it came. */
export interface RawAddress {
  readonly device: string
  readonly ip: Ip
  readonly prefixLength: number
  /** Whether it has our mark. */
  readonly marked: boolean
  /** IFA_F_*. */
  readonly flags: number
  /** Null where it has none. */
  readonly broadcast: Ip | null
}

/** RTM_NEWROUTE or RTM_DELROUTE, as it came. */
export interface RawRoute {
  readonly type: number
  readonly metric: number
  /** Whether it has our protocol number. */
  readonly marked: boolean
  /** Its prefix, by VRF; null of a label route, or where no VRF has the table. */
  readonly destination: Pick<VrfRoute, 'device' | 'table' | 'prefix' | 'prefixLength'> | null
  /** Null of a route that is not for a label. */
  readonly label: number | null
  readonly hops: readonly Hop[]
}

const addressReaders = linuxDefinitions.flatMap(({ readAddress }) => readAddress ?? [])
const routeReaders = linuxDefinitions.flatMap(({ readRoute }) => readRoute ?? [])

/** Reads RTM_NEWADDR and RTM_DELADDR. */
export function readAddress(
  { bytes, start, end }: NetlinkMessage,
  directory: Pick<RouteDirectory, 'nameOf'>,
): ObservedEntry | undefined {
  const device = directory.nameOf(bytes.readUInt32LE(start + 4))
  if (device === undefined) return undefined
  let local = ''
  let address = ''
  let protocol = 0
  let metric = 0
  let flags = bytes.readUInt8(start + 2)
  let broadcast: Ip | null = null
  const attributes = new NetlinkAttributes(bytes, start + k.IFADDRMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.IFA_LOCAL) local = attributes.octets()
    else if (attributes.type === k.IFA_ADDRESS) address = attributes.octets()
    else if (attributes.type === k.IFA_PROTO) protocol = attributes.u8()
    else if (attributes.type === k.IFA_RT_PRIORITY) metric = attributes.u32()
    else if (attributes.type === k.IFA_FLAGS) flags = attributes.u32()
    else if (attributes.type === k.IFA_BROADCAST) broadcast = attributes.octets() as Ip
  }
  const ip = (local === '' ? address : local) as Ip
  const marked = isMarkedAddress({ protocol, metric, flags })
  const raw = { device, ip, prefixLength: bytes.readUInt8(start + 1), marked, flags, broadcast }
  for (const read of addressReaders) return read(raw)
  return undefined
}

/** Reads RTM_NEWROUTE and RTM_DELROUTE; undefined for kinds of routes that chanter does not set. */
export function readRoute(message: NetlinkMessage, directory: RouteDirectory): ObservedEntry | undefined {
  const raw = readRawRoute(message, directory)
  if (raw === undefined) return undefined
  for (const read of routeReaders) {
    const observed = read(raw, directory)
    if (observed !== undefined) return observed
  }
  return undefined
}

function readRawRoute(
  { bytes, start, end }: NetlinkMessage,
  directory: RouteDirectory,
): RawRoute | undefined {
  const family = bytes.readUInt8(start)
  const type = bytes.readUInt8(start + 7)
  const cloned = (bytes.readUInt32LE(start + 8) & k.RTM_F_CLONED) !== 0
  const typeOfService = bytes.readUInt8(start + 3)
  if (cloned || typeOfService !== 0) return undefined
  const marked = bytes.readUInt8(start + 5) === k.PROTOCOL
  const route = readAttributes(new NetlinkAttributes(bytes, start + k.RTMSG_LENGTH, end), directory)
  const { metric, hops, table } = route
  if (family === k.AF_MPLS) {
    const [label = null] = stack(route.destination)
    return { type, metric, marked, destination: null, label, hops }
  }
  const device = directory.vrfOf(table)
  if (device === undefined) return undefined
  const prefix = route.destination.padEnd(family === k.AF_INET ? 4 : 16, '\0') as Ip
  const destination = { device, table, prefix, prefixLength: bytes.readUInt8(start + 1) }
  return { type, metric, marked, destination, label: null, hops }
}

/** Reads the nexthop group of RTM_NEWROUTE; undefined for a route without a table or without one. */
export function readGroupedRoute({
  bytes,
  start,
  end,
}: NetlinkMessage): { readonly route: RouteKey; readonly group: number } | undefined {
  const octets = bytes.readUInt8(start) === k.AF_INET ? 4 : 16
  let destination = ''
  let table = 0
  let group = 0
  const attributes = new NetlinkAttributes(bytes, start + k.RTMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.RTA_DST) destination = attributes.octets()
    else if (attributes.type === k.RTA_TABLE) table = attributes.u32()
    else if (attributes.type === k.RTA_NH_ID) group = attributes.u32()
  }
  if (group === 0) return undefined
  const prefix = destination.padEnd(octets, '\0') as Ip
  return { route: { table, prefix, prefixLength: bytes.readUInt8(start + 1) }, group }
}

/** Reads the answer to a route lookup for an address; null for one that leads to no other machine, or that has labels only. */
export function readNextHop(
  { bytes, start, end }: NetlinkMessage,
  directory: Pick<RouteDirectory, 'nameOf'>,
): NextHop | null {
  if (bytes.readUInt8(start + 7) !== k.RTN_UNICAST) return null
  const hop = new RawHop()
  let encapsulation = k.LWTUNNEL_ENCAP_MPLS
  const attributes = new NetlinkAttributes(bytes, start + k.RTMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.RTA_OIF) hop.index = attributes.u32()
    else if (attributes.type === k.RTA_ENCAP_TYPE) encapsulation = attributes.u16()
    else hop.read(attributes)
  }
  const device = directory.nameOf(hop.index)
  if (device === undefined || encapsulation !== k.LWTUNNEL_ENCAP_MPLS) return null
  return { device, via: hop.via, labels: hop.labels }
}

/** The interface that has the address of a route for this node itself; null for any other route. */
export function readHolder(
  message: NetlinkMessage,
  directory: Pick<RouteDirectory, 'nameOf'>,
): string | null {
  if (message.bytes.readUInt8(message.start + 7) !== k.RTN_LOCAL) return null
  return directory.nameOf(readInterface(message)) ?? null
}

/** Index of the interface of a route; 0 where it names none. */
export function readInterface({ bytes, start, end }: NetlinkMessage): number {
  const attributes = new NetlinkAttributes(bytes, start + k.RTMSG_LENGTH, end)
  while (attributes.next()) if (attributes.type === k.RTA_OIF) return attributes.u32()
  return 0
}

/** Index of the interface that an RTM_NEWNETCONF is about; less than 1 for all. */
export function readSettingsOf({ bytes, start, end }: NetlinkMessage): number {
  const attributes = new NetlinkAttributes(bytes, start + k.NETCONFMSG_LENGTH, end)
  while (attributes.next()) if (attributes.type === k.NETCONFA_IFINDEX) return attributes.u32() | 0
  return 0
}

/** The identity of a route. */
export type RouteKey = Pick<VrfRoute, 'table' | 'prefix' | 'prefixLength'>

interface RouteAttributes {
  destination: string
  table: number
  metric: number
  hops: readonly Hop[]
  /** Its nexthop or group id; 0 where its hops are its own. */
  group: number
}

function readAttributes(attributes: NetlinkAttributes, directory: RouteDirectory): RouteAttributes {
  const route: RouteAttributes = { destination: '', table: 0, metric: 0, hops: [], group: 0 }
  const only = new RawHop()
  while (attributes.next()) {
    if (attributes.type === k.RTA_DST) route.destination = attributes.octets()
    else if (attributes.type === k.RTA_TABLE) route.table = attributes.u32()
    else if (attributes.type === k.RTA_PRIORITY) route.metric = attributes.u32()
    else if (attributes.type === k.RTA_NH_ID) route.group = attributes.u32()
    else if (attributes.type === k.RTA_OIF) only.index = attributes.u32()
    else if (attributes.type === k.RTA_MULTIPATH) route.hops = readHops(attributes, directory)
    else only.read(attributes)
  }
  // the other hop attributes are for readers without groups
  if (route.group !== 0) route.hops = directory.hopsOf(route.group)
  else if (only.index !== 0 && route.hops.length === 0) route.hops = [only.toHop(directory, 1)]
  return route
}

function readHops({ bytes, at, length }: NetlinkAttributes, directory: RouteDirectory): Hop[] {
  const hops: Hop[] = []
  const end = at + length
  for (let next = at; next + k.RTNEXTHOP_LENGTH <= end; ) {
    const size = bytes.readUInt16LE(next)
    if (size < k.RTNEXTHOP_LENGTH || next + size > end) break
    const hop = new RawHop()
    hop.index = bytes.readInt32LE(next + 4)
    const attributes = new NetlinkAttributes(bytes, next + k.RTNEXTHOP_LENGTH, next + size)
    while (attributes.next()) hop.read(attributes)
    hops.push(hop.toHop(directory, bytes.readUInt8(next + 3) + 1))
    next += (size + 3) & ~3
  }
  return hops
}

/** A hop from its attributes. */
export class RawHop {
  index = 0
  via: Ip | null = null
  labels: readonly number[] = []

  read(attributes: NetlinkAttributes): void {
    const { type } = attributes
    if (type === k.RTA_GATEWAY) this.via = attributes.octets() as Ip
    else if (type === k.RTA_VIA) this.via = attributes.octets().slice(2) as Ip
    else if (type === k.RTA_NEWDST) this.labels = stack(attributes.octets())
    else if (type === k.RTA_ENCAP) this.readEncap(attributes.nested())
  }

  toHop(directory: RouteDirectory, weight: number): Hop {
    const { index, via, labels } = this
    return { device: directory.nameOf(index) ?? '', via, labels, weight }
  }

  readEncap(encap: NetlinkAttributes): void {
    while (encap.next()) if (encap.type === k.MPLS_IPTUNNEL_DST) this.labels = stack(encap.octets())
  }
}

/** The labels of a label stack (RFC 3032 §2.1). */
function stack(octets: string): number[] {
  const bytes = Buffer.from(octets, 'latin1')
  const labels: number[] = []
  for (let at = 0; at + 4 <= bytes.length; at += 4) labels.push(bytes.readUInt32BE(at) >>> 12)
  return labels
}
