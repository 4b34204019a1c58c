import { type Ip, isIpv4 } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import { kernelKind, type LinkEntry } from '../kinds/index.ts'
import * as k from './constants.ts'
import type { NetlinkWriter } from './message.ts'

/** A buffer for consecutive messages. */
export interface Batch {
  readonly writer: NetlinkWriter
  begin(type: number, flags: number): void
  end(): void
}

/** Properties of an entry's interface that its messages need. */
export interface Target {
  readonly index: number
  /** Of a VXLAN device. */
  readonly vni: number | null
}

/** Ends the protocol-down state of a link, whatever its reasons. */
export function endProtoDown(batch: Batch, index: number): void {
  const { writer } = batch
  batch.begin(k.RTM_SETLINK, 0)
  ifinfomsg(writer, { family: k.AF_UNSPEC, index })
  const reasons = writer.nest(k.IFLA_PROTO_DOWN_REASON)
  writer.attributeU32(k.IFLA_PROTO_DOWN_REASON_MASK, 0xffffffff)
  writer.attributeU32(k.IFLA_PROTO_DOWN_REASON_VALUE, 0)
  writer.close(reasons)
  writer.attributeU8(k.IFLA_PROTO_DOWN, 0)
  batch.end()
}

/** Begins a change of a link, by its name. */
export function writeNamed(batch: Batch, device: string): void {
  batch.begin(k.RTM_NEWLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index: 0 })
  batch.writer.attributeText(k.IFLA_IFNAME, device)
}

/** In a message of its own: a change of address, even to the same one, costs a device its neighbours. */
export function setMac(batch: Batch, device: string, mac: Mac): void {
  writeNamed(batch, device)
  batch.writer.attributeMac(k.IFLA_ADDRESS, mac)
  batch.end()
}

/** Begins a change of a link that gives it our mark. */
export function writeMark(batch: Batch, device: string, alias: string): void {
  const { writer } = batch
  writeNamed(batch, device)
  // an alias may fill its limit, and a terminating zero would exceed it
  if (Buffer.byteLength(alias) < k.IFALIASZ - 1) writer.attributeText(k.IFLA_IFALIAS, alias)
  else writer.attributeCharacters(k.IFLA_IFALIAS, alias)
}

export function deleteLink(batch: Batch, index: number): void {
  batch.begin(k.RTM_DELLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index })
  batch.end()
}

/** Deletes all links of a group; refused as a whole where there are none, or one of them cannot be deleted. */
export function deleteGroup(batch: Batch, group: number): void {
  batch.begin(k.RTM_DELLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index: 0 })
  batch.writer.attributeU32(k.IFLA_GROUP, group)
  batch.end()
}

/** Sets one attribute of a device. */
function setLink(batch: Batch, index: number, write: (writer: NetlinkWriter) => void): void {
  batch.begin(k.RTM_SETLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index })
  write(batch.writer)
  batch.end()
}

export function setGroup(batch: Batch, index: number, group: number): void {
  setLink(batch, index, (writer) => writer.attributeU32(k.IFLA_GROUP, group))
}

/** Sets a device up or down. */
export function setUp(batch: Batch, index: number, up: boolean): void {
  batch.begin(k.RTM_SETLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index, up })
  batch.end()
}

/** Gives a device another name; before Linux 6.2 it has to be down. */
export function rename(batch: Batch, index: number, name: string): void {
  setLink(batch, index, (writer) => writer.attributeText(k.IFLA_IFNAME, name))
}

/** Puts a device under a master, or with index 0 under none. */
export function setMaster(batch: Batch, index: number, master: number): void {
  setLink(batch, index, (writer) => writer.attributeU32(k.IFLA_MASTER, master))
}

/** Attaches an XDP program to an interface in generic mode, in place of its present one; -1 detaches it. */
export function setXdp(batch: Batch, index: number, fd: number): void {
  setLink(batch, index, (writer) => {
    const xdp = writer.nest(k.IFLA_XDP)
    writer.attributeU32(k.IFLA_XDP_FD, fd)
    writer.attributeU32(k.IFLA_XDP_FLAGS, k.XDP_FLAGS_SKB_MODE)
    writer.close(xdp)
  })
}

/** Stops an interface from generating IPv6 addresses; refused where there is no IPv6. */
export function setNoAddresses(batch: Batch, index: number): void {
  setLink(batch, index, (writer) => {
    const families = writer.nest(k.IFLA_AF_SPEC)
    const ipv6 = writer.nest(k.AF_INET6)
    writer.attributeU8(k.IFLA_INET6_ADDR_GEN_MODE, k.IN6_ADDR_GEN_MODE_NONE)
    writer.close(ipv6)
    writer.close(families)
  })
}

/** Asks for one link, by index or by name. */
export function getLink(batch: Batch, link: number | string): void {
  const { writer } = batch
  batch.begin(k.RTM_GETLINK, 0)
  ifinfomsg(writer, { family: k.AF_UNSPEC, index: typeof link === 'number' ? link : 0 })
  if (typeof link === 'string') writer.attributeText(k.IFLA_IFNAME, link)
  writer.attributeU32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS)
  batch.end()
}

/** Asks for one link by name, its counters included. */
export function getLinkWithCounters(batch: Batch, name: string): void {
  batch.begin(k.RTM_GETLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index: 0 })
  batch.writer.attributeText(k.IFLA_IFNAME, name)
  batch.end()
}

/** The rest of a dump request for links, optionally of one master or kind only. */
export function dumpLinks(
  writer: NetlinkWriter,
  { master, kind }: { master?: number; kind?: string } = {},
): void {
  ifinfomsg(writer, { family: k.AF_UNSPEC, index: 0 })
  writer.attributeU32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS)
  if (master !== undefined) writer.attributeU32(k.IFLA_MASTER, master)
  if (kind === undefined) return
  const info = writer.nest(k.IFLA_LINKINFO)
  writer.attributeText(k.IFLA_INFO_KIND, kind)
  writer.close(info)
}

/** The rest of a dump request for the FDB entries of one device, its bridge's for it included. */
export function dumpFdb(writer: NetlinkWriter, index: number): void {
  ndmsg(writer, k.AF_BRIDGE, index, 0, 0)
}

/** The rest of a dump request for the neighbours of one device. */
export function dumpNeighbours(writer: NetlinkWriter, index: number): void {
  ndmsg(writer, k.AF_UNSPEC, 0, 0, 0)
  writer.attributeU32(k.NDA_IFINDEX, index)
}

/** Deletes the neighbour entry of an address; `flags` tells proxy entries from others. */
export function deleteNeighbour(batch: Batch, index: number, ip: Ip, flags = 0): void {
  batch.begin(k.RTM_DELNEIGH, 0)
  ndmsg(batch.writer, ipFamily(ip), index, 0, flags)
  batch.writer.attributeIp(k.NDA_DST, ip)
  batch.end()
}

/** The kind of a link and its options. */
export function writeLinkInfo(writer: NetlinkWriter, entry: LinkEntry, writeData: () => void): void {
  const info = writer.nest(k.IFLA_LINKINFO)
  writer.attributeText(k.IFLA_INFO_KIND, kernelKind(entry))
  const data = writer.nest(k.IFLA_INFO_DATA)
  writeData()
  writer.close(data)
  writer.close(info)
}

export function ndmsg(
  writer: NetlinkWriter,
  family: number,
  index: number,
  state: number,
  flags: number,
): void {
  writer.u32(family)
  writer.u32(index)
  writer.u32(state | (flags << 16))
}

interface IfInfo {
  readonly family: number
  readonly index: number
  /** Absent: unchanged. */
  readonly up?: boolean
}

export function ifinfomsg(writer: NetlinkWriter, { family, index, up }: IfInfo): void {
  writer.u32(family)
  writer.u32(index)
  writer.u32(up === true ? k.IFF_UP : 0)
  writer.u32(up === undefined ? 0 : k.IFF_UP)
}

export function ipFamily(ip: Ip): number {
  return isIpv4(ip) ? k.AF_INET : k.AF_INET6
}
