import { IPV4_LENGTH, IPV6_LENGTH, type Ip } from '../../values/address.ts'
import { octets } from '../../values/bytes.ts'

export interface PacketEndpoint {
  readonly ip: Ip
  readonly port: number
}

/** A TCP segment of a captured packet; `payload` is as much of it as was captured. */
export interface TcpSegment {
  readonly source: PacketEndpoint
  readonly destination: PacketEndpoint
  readonly sequence: number
  readonly syn: boolean
  readonly payload: Buffer
}

/** Where the EtherType and the packet behind it start, by link type (https://www.tcpdump.org/linktypes.html). */
const ETHER_TYPE_AT: Readonly<Record<number, readonly [type: number, packet: number]>> = {
  1: [12, 14], // Ethernet
  113: [14, 16], // Linux cooked
  276: [0, 20], // Linux cooked, version 2
}

/** Where the IP packet starts, by link type. */
const IP_AT: Readonly<Record<number, number>> = {
  0: 4, // BSD loopback
  108: 4, // OpenBSD loopback
  12: 0, // raw IP, as some systems number it
  14: 0,
  101: 0, // raw IP
  228: 0, // IPv4
  229: 0, // IPv6
}

const VLAN_TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100])
const ETHER_IPV4 = 0x0800
const ETHER_IPV6 = 0x86dd
const TCP = 6
const SYN = 0x02

export function isKnownLinkType(linkType: number): boolean {
  return linkType in ETHER_TYPE_AT || linkType in IP_AT
}

/** The TCP segment in a packet; undefined when there is none, or not enough of it. */
export function tcpSegment(linkType: number, packet: Buffer): TcpSegment | undefined {
  const start = ipStart(linkType, packet)
  if (start === undefined) return undefined
  const ip = packet.subarray(start)
  const version = (ip[0] ?? 0) >>> 4
  return version === 4 ? inIpv4(ip) : version === 6 ? inIpv6(ip) : undefined
}

function ipStart(linkType: number, packet: Buffer): number | undefined {
  const fields = ETHER_TYPE_AT[linkType]
  if (fields === undefined) return IP_AT[linkType]
  let [at, start] = fields
  while (VLAN_TAGS.has(u16(packet, at))) {
    at = start + 2
    start += 4
  }
  const type = u16(packet, at)
  return type === ETHER_IPV4 || type === ETHER_IPV6 ? start : undefined
}

/** Of a fragmented packet the first fragment is read, the others appear as missing bytes. */
function inIpv4(ip: Buffer): TcpSegment | undefined {
  const headerLength = ((ip[0] ?? 0) & 0x0f) * 4
  const fragmentOffset = u16(ip, 6) & 0x1fff
  if (headerLength < 20 || ip.length < headerLength || ip[9] !== TCP || fragmentOffset > 0) return undefined
  const addresses = ip.subarray(12, 12 + 2 * IPV4_LENGTH)
  return inTcp(ip.subarray(headerLength, packetEnd(ip, u16(ip, 2))), addresses)
}

const IPV6_HEADER_LENGTH = 40
const FRAGMENT = 44
const AUTHENTICATION = 51
/** Hop-by-hop options, routing, destination options and mobility: all count their length in units of eight octets. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60, 135])
const MIN_EXTENSION_LENGTH = 8

function inIpv6(ip: Buffer): TcpSegment | undefined {
  if (ip.length < IPV6_HEADER_LENGTH) return undefined
  const payloadLength = u16(ip, 4)
  const end = packetEnd(ip, payloadLength === 0 ? 0 : IPV6_HEADER_LENGTH + payloadLength)
  let next = ip[6]
  let at = IPV6_HEADER_LENGTH
  while (next !== TCP) {
    const header = ip.subarray(at, end)
    const length = extensionLength(next, header)
    if (length === undefined || header.length < MIN_EXTENSION_LENGTH) return undefined
    next = header[0]
    at += length
  }
  return inTcp(ip.subarray(at, end), ip.subarray(8, 8 + 2 * IPV6_LENGTH))
}

function extensionLength(type: number | undefined, header: Buffer): number | undefined {
  const [, units = 0] = header
  if (type === undefined) return undefined
  if (EXTENSIONS.has(type)) return (units + 1) * 8
  if (type === AUTHENTICATION) return (units + 2) * 4
  return type === FRAGMENT && (u16(header, 2) & 0xfff8) === 0 ? 8 : undefined
}

const MIN_TCP_LENGTH = 20

function inTcp(tcp: Buffer, addresses: Buffer): TcpSegment | undefined {
  const headerLength = ((tcp[12] ?? 0) >>> 4) * 4
  if (tcp.length < MIN_TCP_LENGTH || headerLength < MIN_TCP_LENGTH) return undefined
  const half = addresses.length / 2
  return {
    source: { ip: octets(addresses.subarray(0, half)) as Ip, port: tcp.readUInt16BE(0) },
    destination: { ip: octets(addresses.subarray(half)) as Ip, port: tcp.readUInt16BE(2) },
    sequence: tcp.readUInt32BE(4),
    syn: ((tcp[13] ?? 0) & SYN) !== 0,
    payload: tcp.subarray(headerLength),
  }
}

/** The end of the packet in the captured bytes; Ethernet may have padded it. Offloading leaves the length 0. */
function packetEnd(ip: Buffer, stated: number): number {
  return stated === 0 ? ip.length : Math.min(stated, ip.length)
}

/** The field at `at`; 0 when it was not captured. */
function u16(bytes: Buffer, at: number): number {
  return at + 2 > bytes.length ? 0 : bytes.readUInt16BE(at)
}
