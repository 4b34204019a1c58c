import { type Ip, isIpv4 } from '../../values/address.ts'
import type { Hop, Unreachable, VrfRoute } from '../model.ts'
import * as k from './constants.ts'
import { type Batch, ipFamily, ndmsg } from './encode.ts'
import type { IndexOf } from './kinds/definition.ts'
import type { NetlinkWriter } from './message.ts'

/** The rest of a dump request for the addresses of one family on one interface. */
export function dumpAddresses(writer: NetlinkWriter, family: number, index: number): void {
  writer.u32(family)
  writer.u32(index)
}

/** The rest of a dump request for the proxy neighbours of one interface. */
export function dumpProxies(writer: NetlinkWriter, index: number): void {
  ndmsg(writer, k.AF_INET6, 0, 0, k.NTF_PROXY)
  writer.attributeU32(k.NDA_IFINDEX, index)
}

/** Asks for the route of a label. */
export function getLabel(batch: Batch, label: number): void {
  batch.begin(k.RTM_GETROUTE, 0)
  rtmsg(batch.writer, {
    family: k.AF_MPLS,
    length: k.LABEL_BITS,
    table: 0,
    protocol: 0,
    flags: k.RTM_F_FIB_MATCH,
  })
  attributeLabels(batch.writer, k.RTA_DST, [label])
  batch.end()
}

/** Looks up the node's own route to an address. */
export function getRoute(batch: Batch, ip: Ip): void {
  batch.begin(k.RTM_GETROUTE, 0)
  rtmsg(batch.writer, { family: ipFamily(ip), length: ip.length * 8, table: k.RT_TABLE_UNSPEC, protocol: 0 })
  batch.writer.attributeIp(k.RTA_DST, ip)
  batch.end()
}

/** As `getRoute`, for packets with a source address of this node. */
export function getRouteFrom(batch: Batch, ip: Ip, source: Ip): void {
  batch.begin(k.RTM_GETROUTE, 0)
  const bits = ip.length * 8
  rtmsg(batch.writer, {
    family: ipFamily(ip),
    length: bits,
    sourceLength: bits,
    table: k.RT_TABLE_UNSPEC,
    protocol: 0,
  })
  batch.writer.attributeIp(k.RTA_DST, ip)
  batch.writer.attributeIp(k.RTA_SRC, source)
  batch.end()
}

/** Looks up the incoming route of an address of this node: it names the interface that has the address; with `index` among those of that interface. */
export function getLocalRoute(batch: Batch, ip: Ip, index: number | null = null): void {
  batch.begin(k.RTM_GETROUTE, 0)
  const fields = { family: ipFamily(ip), length: ip.length * 8, table: k.RT_TABLE_UNSPEC, protocol: 0 }
  rtmsg(batch.writer, { ...fields, flags: k.RTM_F_FIB_MATCH })
  batch.writer.attributeIp(k.RTA_DST, ip)
  if (index !== null) batch.writer.attributeU32(k.RTA_OIF, index)
  batch.end()
}

/** The rest of a dump request for routes of one family: of one table or of all, or for labels of none; `protocol` 0 selects all protocols. */
export function dumpRoutes(
  writer: NetlinkWriter,
  family: number,
  table: number | null,
  protocol: number = k.PROTOCOL,
): void {
  rtmsg(writer, { family, table: k.RT_TABLE_UNSPEC, protocol })
  if (table !== null) writer.attributeU32(k.RTA_TABLE, table)
}

interface RouteFields {
  readonly family: number
  readonly length?: number
  readonly sourceLength?: number
  readonly table: number
  readonly scope?: number
  readonly type?: number
  readonly flags?: number
  readonly protocol?: number
}

export function rtmsg(
  writer: NetlinkWriter,
  {
    family,
    length = 0,
    sourceLength = 0,
    table,
    scope = 0,
    type = 0,
    flags = 0,
    protocol = k.PROTOCOL,
  }: RouteFields,
): void {
  writer.u32(family | (length << 8) | (sourceLength << 16))
  writer.u32(table | (protocol << 8) | (scope << 16) | (type << 24))
  writer.u32(flags)
}

interface PrefixFields {
  readonly type: number
  readonly scope: number
  readonly metric: number
  readonly flags?: number
}

export function prefix(writer: NetlinkWriter, entry: VrfRoute | Unreachable, fields: PrefixFields): void {
  const { type, scope, metric, flags = 0 } = fields
  const family = ipFamily(entry.prefix)
  rtmsg(writer, { family, length: entry.prefixLength, table: k.RT_TABLE_UNSPEC, scope, type, flags })
  writer.attributeIp(k.RTA_DST, entry.prefix)
  writer.attributeU32(k.RTA_TABLE, entry.table)
  writer.attributeU32(k.RTA_PRIORITY, metric)
}

/** One hop is written into the route itself, several into a list. */
export function writeHops(
  writer: NetlinkWriter,
  hops: readonly Hop[],
  indexOf: IndexOf,
  attributes: (hop: Hop) => void,
  destination?: Ip,
): void {
  const [only, ...others] = hops
  if (only !== undefined && others.length === 0) {
    writer.attributeU32(k.RTA_OIF, indexOf(only.device))
    attributes(only)
    return
  }
  const list = writer.nest(k.RTA_MULTIPATH)
  for (const hop of hops) {
    const flags = destination === undefined ? 0 : onLinkFlag(hop, destination)
    const start = writer.length
    writer.u32((flags << 16) | ((hop.weight - 1) << 24))
    writer.u32(indexOf(hop.device))
    attributes(hop)
    writer.close(start)
  }
  writer.close(list)
}

/** The placeholder neighbour of labelled IPv6 packets where none is needed: without one, Linux does not balance flows. */
export const UNUSED_GATEWAY = '\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\x01' as Ip

export function gateway(writer: NetlinkWriter, { via, labels }: Hop, destination: Ip): void {
  const neighbour = neighbourOf({ via, labels }, destination)
  if (neighbour !== null) {
    if (neighbour.length === destination.length) writer.attributeIp(k.RTA_GATEWAY, neighbour)
    else attributeVia(writer, neighbour)
  }
  encapsulate(writer, labels, k.RTA_ENCAP_TYPE, k.RTA_ENCAP)
}

/** Pushes labels, if any, by attributes of these types. */
export function encapsulate(
  writer: NetlinkWriter,
  labels: readonly number[],
  type: number,
  encap: number,
): void {
  if (labels.length === 0) return
  writer.attributeU16(type, k.LWTUNNEL_ENCAP_MPLS)
  const nest = writer.nest(encap)
  attributeLabels(writer, k.MPLS_IPTUNNEL_DST, labels)
  writer.close(nest)
}

function neighbourOf({ via, labels }: Pick<Hop, 'via' | 'labels'>, destination: Ip): Ip | null {
  return via ?? (labels.length > 0 && !isIpv4(destination) ? UNUSED_GATEWAY : null)
}

/** `onlink`: the VRF's table need not have a route to the neighbour. */
export function onLinkFlag(hop: Hop, destination: Ip): number {
  return neighbourOf(hop, destination) === null ? 0 : k.RTNH_F_ONLINK
}

export function attributeVia(writer: NetlinkWriter, via: Ip): void {
  const bytes = Buffer.alloc(2 + via.length)
  bytes.writeUInt16LE(ipFamily(via))
  bytes.write(via, 2, 'latin1')
  writer.attributeBytes(k.RTA_VIA, bytes)
}

/** A label stack (RFC 3032 §2.1), the bottom marked. */
export function attributeLabels(writer: NetlinkWriter, type: number, labels: readonly number[]): void {
  const bytes = Buffer.alloc(4 * labels.length)
  for (const [i, label] of labels.entries()) {
    bytes.writeUInt32BE(label * 2 ** 12 + (i === labels.length - 1 ? k.BOTTOM_OF_STACK : 0), 4 * i)
  }
  writer.attributeBytes(type, bytes)
}
