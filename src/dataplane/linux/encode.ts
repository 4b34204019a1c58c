import { randomBytes } from 'node:crypto'
import { type Ip, isIpv4 } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import { kernelKind, type LinkEntry } from '../kinds/index.ts'
import { MPLS_UDP_PORT } from '../kinds/udp-port.ts'
import type { Bridge, MplsTunnel, Veth } from '../model.ts'
import * as k from './constants.ts'
import { writeBridgeOptions, writeVxlanOptions } from './link-options.ts'
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

/** TTL of tunnel packets. */
const TUNNEL_HOPS = 64

/**
 * Creates a link, down; its mark follows in the same batch, so that no owned link is ever without one. `zeroChecksums`: a
 * VXLAN device over IPv6 takes packets with UDP checksum 0 (RFC 7348 §5, RFC 6935 §5).
 */
export function createLink(batch: Batch, entry: LinkEntry, zeroChecksums: boolean): void {
  const { writer } = batch
  batch.begin(k.RTM_NEWLINK, k.NLM_F_CREATE | k.NLM_F_EXCL)
  ifinfomsg(writer, { family: k.AF_UNSPEC, index: 0 })
  writer.attributeText(k.IFLA_IFNAME, entry.device)
  // a bridge without an address of its own takes its ports', and loses all neighbours at each change
  if (entry.kind === 'bridge') writer.attributeMac(k.IFLA_ADDRESS, randomMac())
  if (entry.kind === 'veth') writer.attributeMac(k.IFLA_ADDRESS, entry.mac)
  linkInfo(writer, entry, () => writeTraits(writer, entry, zeroChecksums))
  batch.end()
}

/** The options of a link that cannot be changed, and its initial ones. */
function writeTraits(writer: NetlinkWriter, entry: LinkEntry, zeroChecksums: boolean): void {
  switch (entry.kind) {
    case 'bridge':
      return
    case 'vxlan': {
      const local = isIpv4(entry.local) ? k.IFLA_VXLAN_LOCAL : k.IFLA_VXLAN_LOCAL6
      writer.attributeU32(k.IFLA_VXLAN_ID, entry.vni)
      writer.attributeIp(local, entry.local)
      writer.attributePort(k.IFLA_VXLAN_PORT, entry.port)
      writer.attributeU8(k.IFLA_VXLAN_TTL, 0)
      writer.attributeU8(k.IFLA_VXLAN_LEARNING, 0)
      if (zeroChecksums && !isIpv4(entry.local)) writer.attributeU8(k.IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1)
      return
    }
    case 'vrf':
      writer.attributeU32(k.IFLA_VRF_TABLE, entry.table)
      return
    case 'tunnel':
      if (entry.encapsulation === 'gre') writeGre(writer, entry)
      else writeUdp(writer, entry)
      return
    case 'veth': {
      const peer = writer.nest(k.VETH_INFO_PEER)
      ifinfomsg(writer, { family: k.AF_UNSPEC, index: 0 })
      writer.attributeText(k.IFLA_IFNAME, entry.peer)
      writer.close(peer)
      return
    }
    default:
      entry satisfies never
  }
}

function writeGre(writer: NetlinkWriter, { local, remote }: MplsTunnel): void {
  writer.attributeIp(k.IFLA_GRE_LOCAL, local)
  if (remote !== null) writer.attributeIp(k.IFLA_GRE_REMOTE, remote)
  writer.attributeU8(k.IFLA_GRE_TTL, TUNNEL_HOPS)
  // or IPv6 puts a header before GRE that other machines would have to understand
  if (!isIpv4(local)) writer.attributeU32(k.IFLA_GRE_FLAGS, k.IP6_TNL_F_IGN_ENCAP_LIMIT)
}

/** The kernel chooses the source port, which identifies flows (RFC 7510 §3). */
function writeUdp(writer: NetlinkWriter, { local, remote }: MplsTunnel): void {
  writer.attributeIp(k.IFLA_IPTUN_LOCAL, local)
  if (remote !== null) writer.attributeIp(k.IFLA_IPTUN_REMOTE, remote)
  writer.attributeU8(k.IFLA_IPTUN_TTL, TUNNEL_HOPS)
  // of IPv6 tunnels, only those for any protocol carry MPLS
  writer.attributeU8(k.IFLA_IPTUN_PROTO, isIpv4(local) ? k.IPPROTO_MPLS : 0)
  if (!isIpv4(local)) writer.attributeU32(k.IFLA_IPTUN_FLAGS, k.IP6_TNL_F_IGN_ENCAP_LIMIT)
  writer.attributeU16(k.IFLA_IPTUN_ENCAP_TYPE, k.TUNNEL_ENCAP_FOU)
  writer.attributeU16(k.IFLA_IPTUN_ENCAP_FLAGS, isIpv4(local) ? 0 : k.TUNNEL_ENCAP_FLAG_CSUM6)
  writer.attributePort(k.IFLA_IPTUN_ENCAP_DPORT, MPLS_UDP_PORT)
}

/** Gives a link its mark and those of its options that can be changed. */
export function adjustLink(batch: Batch, entry: LinkEntry): void {
  const { writer } = batch
  beginMark(batch, entry.device, entry.alias)
  // a tunnel would reset omitted options to zero
  if (entry.kind === 'bridge' || entry.kind === 'vxlan') {
    linkInfo(writer, entry, () => {
      if (entry.kind === 'vxlan') writeVxlanOptions(writer, entry)
      else writeBridgeOptions(writer)
    })
  }
  batch.end()
  if (entry.kind === 'bridge') setForwardDelay(batch, entry)
  else if ('mtu' in entry && entry.mtu !== null) setMtu(batch, entry.device, entry.mtu)
}

/** In a message of its own: a kernel that knows no VLANs refuses it. */
export function endVlanFiltering(batch: Batch, entry: Bridge): void {
  batch.begin(k.RTM_NEWLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index: 0 })
  batch.writer.attributeText(k.IFLA_IFNAME, entry.device)
  linkInfo(batch.writer, entry, () => batch.writer.attributeU8(k.IFLA_BR_VLAN_FILTERING, 0))
  batch.end()
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

/** Marks the end of a veth pair that came with `entry`. */
export function markPeer(batch: Batch, { peer, alias }: Veth): void {
  beginMark(batch, peer, alias)
  batch.end()
}

/** In a message of its own: a change of address, even to the same one, costs a device its neighbours. */
export function setMac(batch: Batch, { device, mac }: Pick<Veth, 'device' | 'mac'>): void {
  batch.begin(k.RTM_NEWLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index: 0 })
  batch.writer.attributeText(k.IFLA_IFNAME, device)
  batch.writer.attributeMac(k.IFLA_ADDRESS, mac)
  batch.end()
}

function beginMark(batch: Batch, device: string, alias: string): void {
  const { writer } = batch
  batch.begin(k.RTM_NEWLINK, 0)
  ifinfomsg(writer, { family: k.AF_UNSPEC, index: 0 })
  writer.attributeText(k.IFLA_IFNAME, device)
  // an alias may fill its limit, and a terminating zero would exceed it
  if (Buffer.byteLength(alias) < k.IFALIASZ - 1) writer.attributeText(k.IFLA_IFALIAS, alias)
  else writer.attributeCharacters(k.IFLA_IFALIAS, alias)
}

/** In a message of its own: beside options of a VXLAN device the kernel refuses it. */
function setMtu(batch: Batch, device: string, mtu: number): void {
  batch.begin(k.RTM_NEWLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index: 0 })
  batch.writer.attributeText(k.IFLA_IFNAME, device)
  batch.writer.attributeU32(k.IFLA_MTU, mtu)
  batch.end()
}

/** In a message of its own: the kernel reads the delay before the STP state, and refuses none while STP is on. */
function setForwardDelay(batch: Batch, entry: Bridge): void {
  batch.begin(k.RTM_NEWLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index: 0 })
  batch.writer.attributeText(k.IFLA_IFNAME, entry.device)
  linkInfo(batch.writer, entry, () => batch.writer.attributeU32(k.IFLA_BR_FORWARD_DELAY, 0))
  batch.end()
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

export function setGroup(batch: Batch, index: number, group: number): void {
  batch.begin(k.RTM_SETLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index })
  batch.writer.attributeU32(k.IFLA_GROUP, group)
  batch.end()
}

/** Sets a device up or down. */
export function setUp(batch: Batch, index: number, up: boolean): void {
  batch.begin(k.RTM_SETLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index, up })
  batch.end()
}

/** Gives a device another name; before Linux 6.2 it has to be down. */
export function rename(batch: Batch, index: number, name: string): void {
  batch.begin(k.RTM_SETLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index })
  batch.writer.attributeText(k.IFLA_IFNAME, name)
  batch.end()
}

/** Puts a device under a master, or with index 0 under none. */
export function setMaster(batch: Batch, index: number, master: number): void {
  batch.begin(k.RTM_SETLINK, 0)
  ifinfomsg(batch.writer, { family: k.AF_UNSPEC, index })
  batch.writer.attributeU32(k.IFLA_MASTER, master)
  batch.end()
}

/** Attaches an XDP program to an interface in generic mode, in place of its present one; -1 detaches it. */
export function setXdp(batch: Batch, index: number, fd: number): void {
  const { writer } = batch
  batch.begin(k.RTM_SETLINK, 0)
  ifinfomsg(writer, { family: k.AF_UNSPEC, index })
  const xdp = writer.nest(k.IFLA_XDP)
  writer.attributeU32(k.IFLA_XDP_FD, fd)
  writer.attributeU32(k.IFLA_XDP_FLAGS, k.XDP_FLAGS_SKB_MODE)
  writer.close(xdp)
  batch.end()
}

/** Stops an interface from generating IPv6 addresses; refused where there is no IPv6. */
export function setNoAddresses(batch: Batch, index: number): void {
  const { writer } = batch
  batch.begin(k.RTM_SETLINK, 0)
  ifinfomsg(writer, { family: k.AF_UNSPEC, index })
  const families = writer.nest(k.IFLA_AF_SPEC)
  const ipv6 = writer.nest(k.AF_INET6)
  writer.attributeU8(k.IFLA_INET6_ADDR_GEN_MODE, k.IN6_ADDR_GEN_MODE_NONE)
  writer.close(ipv6)
  writer.close(families)
  batch.end()
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

function linkInfo(writer: NetlinkWriter, entry: LinkEntry, writeData: () => void): void {
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

/** A locally administered unicast address. */
export function randomMac(): Mac {
  return 0x02_00_00_00_00_00 + randomBytes(5).readUIntBE(0, 5)
}
