import type { Link } from '../driver.ts'
import { type PortState, readPort } from './bridge-port.ts'
import * as k from './constants.ts'
import { linuxLinkOf } from './kinds/index.ts'
import type { LinkBeingRead } from './kinds/link-definition.ts'
import { NetlinkAttributes, type NetlinkMessage } from './message.ts'

/** The main fields of RTM_NEWLINK or RTM_DELLINK. */
export interface LinkNotice {
  readonly index: number
  readonly name: string
  readonly family: number
  /** Whether it is up and has a carrier. */
  readonly carrier: boolean
  /** 0 for none. */
  readonly master: number
}

export function readLinkName({ bytes, start, end }: NetlinkMessage): LinkNotice {
  const attributes = new NetlinkAttributes(bytes, start + k.IFINFOMSG_LENGTH, end)
  let name = ''
  let master = 0
  while (attributes.next()) {
    if (attributes.type === k.IFLA_IFNAME) name = attributes.text()
    else if (attributes.type === k.IFLA_MASTER) master = attributes.u32()
  }
  const carrier = (bytes.readUInt32LE(start + 8) & k.IFF_LOWER_UP) !== 0
  return { index: bytes.readInt32LE(start + 4), name, family: bytes.readUInt8(start), carrier, master }
}

/** A link from messages: its master is a number, 0 for none, and settings are not in it. */
export interface RawLink
  extends Omit<Link, 'master' | 'routing' | 'pair' | 'lower' | 'forwarding' | 'owned'> {
  readonly master: number
  /** Of a bridge: whether it has the spanning tree protocol on. */
  readonly stp: boolean
  /** Of a bridge port. */
  readonly bridgePort: PortState | null
  /** Whether it has a carrier, as far as known. */
  readonly operational: boolean
  /** Whether it generates IPv6 addresses by itself. */
  readonly generatesAddresses: boolean
  /** Index of the interface below it, of a veth its other end; 0 for none, or one in another network namespace. */
  readonly lower: number
  /** Kind of the master; empty for none. */
  readonly slaveKind: string
}

/** Reads RTM_NEWLINK. */
export function readLink({ bytes, start, end }: NetlinkMessage): RawLink {
  const flags = bytes.readUInt32LE(start + 8)
  const link: LinkBeingRead = {
    name: '',
    index: bytes.readInt32LE(start + 4),
    kind: null,
    alias: null,
    master: 0,
    up: (flags & k.IFF_UP) !== 0,
    carrier: (flags & k.IFF_LOWER_UP) !== 0,
    vni: null,
    mtu: 0,
    local: null,
    peer: null,
    mac: null,
    ethernet: bytes.readUInt16LE(start + 2) === k.ARPHRD_ETHER,
    loopback: (flags & k.IFF_LOOPBACK) !== 0,
    lower: 0,
    encapsulation: null,
    table: null,
    port: null,
    flowBased: false,
    takesZeroChecksums: false,
    learns: false,
    tuned: true,
    outdated: false,
    learning: false,
    neighSuppress: false,
    slaveKind: '',
    stp: false,
    bridgePort: null,
    operational: true,
    generatesAddresses: false,
    xdpProgram: null,
    protoDown: false,
    filtersVlans: false,
  }
  const attributes = new NetlinkAttributes(bytes, start + k.IFINFOMSG_LENGTH, end)
  let isApart = false
  while (attributes.next()) {
    if (attributes.type === k.IFLA_IFNAME) link.name = attributes.text()
    else if (attributes.type === k.IFLA_IFALIAS) link.alias = attributes.text()
    else if (attributes.type === k.IFLA_ADDRESS && attributes.length === 6) link.mac = attributes.network()
    else if (attributes.type === k.IFLA_LINK) link.lower = attributes.u32()
    else if (attributes.type === k.IFLA_LINK_NETNSID) isApart = true
    else if (attributes.type === k.IFLA_MTU) link.mtu = attributes.u32()
    else if (attributes.type === k.IFLA_MASTER) link.master = attributes.u32()
    else if (attributes.type === k.IFLA_LINKINFO) readLinkInfo(attributes.nested(), link)
    else if (attributes.type === k.IFLA_OPERSTATE) link.operational = isOperational(attributes.u8())
    else if (attributes.type === k.IFLA_PROTO_DOWN) link.protoDown = attributes.u8() !== 0
    else if (attributes.type === k.IFLA_XDP) link.xdpProgram = readXdp(attributes.nested())
    else if (attributes.type === k.IFLA_AF_SPEC) link.generatesAddresses = readAddressing(attributes.nested())
  }
  if (isApart) link.lower = 0
  if (link.protoDown || link.filtersVlans) link.tuned = false
  return link
}

function readLinkInfo(info: NetlinkAttributes, link: LinkBeingRead): void {
  while (info.next()) {
    if (info.type === k.IFLA_INFO_KIND) link.kind = info.text()
    else if (info.type === k.IFLA_INFO_SLAVE_KIND) link.slaveKind = info.text()
    else if (info.type === k.IFLA_INFO_DATA) linuxLinkOf(link.kind)?.read?.(info.nested(), link)
    else if (info.type === k.IFLA_INFO_SLAVE_DATA && link.slaveKind === 'bridge') {
      link.bridgePort = readPort(info.nested())
      link.learning = link.bridgePort.learning
      link.neighSuppress = link.bridgePort.neighSuppress
    }
  }
}

function isOperational(state: number): boolean {
  return state === k.IF_OPER_UP || state === k.IF_OPER_UNKNOWN
}

function readXdp(data: NetlinkAttributes): number | null {
  while (data.next()) if (data.type === k.IFLA_XDP_PROG_ID) return data.u32()
  return null
}

function readAddressing(families: NetlinkAttributes): boolean {
  while (families.next()) {
    if (families.type !== k.AF_INET6) continue
    const ipv6 = families.nested()
    while (ipv6.next())
      if (ipv6.type === k.IFLA_INET6_ADDR_GEN_MODE) return ipv6.u8() !== k.IN6_ADDR_GEN_MODE_NONE
  }
  return false
}
