import { parseIp } from '../../src/values/address.ts'

/** Packets as a VM makes them: each function puts one header in front of its payload. Addresses are text. */

export const BROADCAST = 'ff:ff:ff:ff:ff:ff'
/** Groups that a bridge does not forward (IEEE 802.1Q 8.6.3), by their last octet. */
export const reserved = (octet: number) => `01:80:c2:00:00:${octet.toString(16).padStart(2, '0')}`

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, mpls: 0x8847 } as const
export const PROTOCOL = { icmp: 1, igmp: 2, tcp: 6, udp: 17, fragment: 44, gre: 47, icmpv6: 58 } as const
export const VXLAN_PORT = 4789

/** Ethernet pads what is shorter. */
const SHORTEST_FRAME = 60

export function macBytes(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex')
}

export function ipBytes(text: string): Buffer {
  const ip = parseIp(text)
  if (ip === undefined) throw new Error(`${text} is no address`)
  return Buffer.from(ip, 'latin1')
}

export function u16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, 2 * i)
  return bytes
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Buffer): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i++) sum += i % 2 === 0 ? bytes[i]! << 8 : bytes[i]!
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return ~sum & 0xffff
}

export function ethernet(to: string, from: string, type: number, payload: Buffer): Buffer {
  const frame = Buffer.concat([macBytes(to), macBytes(from), u16(type), payload])
  return frame.length >= SHORTEST_FRAME
    ? frame
    : Buffer.concat([frame, Buffer.alloc(SHORTEST_FRAME - frame.length)])
}

/** The frame with a tag of VLAN 0, which carries a priority alone (IEEE 802.1Q 6.9). */
export function priorityTagged(frame: Buffer): Buffer {
  return Buffer.concat([frame.subarray(0, 12), u16(ETHERTYPE.vlan, 0x6000), frame.subarray(12)])
}

/** An IP packet of the family of its addresses in a frame. */
export function packetFrame(toMac: string, fromMac: string, packet: Buffer): Buffer {
  const type = packet[0]! >> 4 === 4 ? ETHERTYPE.ipv4 : ETHERTYPE.ipv6
  return ethernet(toMac, fromMac, type, packet)
}

/** Where a packet goes to and comes from. */
export interface Ends {
  readonly from: string
  readonly to: string
  readonly ttl?: number
}

interface Ipv4Options {
  /** In units of eight octets. */
  readonly offset?: number
  readonly moreFragments?: boolean
}

/** A packet of either family. */
export function ip(ends: Ends, protocol: number, payload: Buffer, options: Ipv4Options = {}): Buffer {
  const { from, to, ttl = 64 } = ends
  if (to.includes(':')) {
    return Buffer.concat([
      u32(0x60000000),
      u16(payload.length),
      Buffer.from([protocol, ttl]),
      ipBytes(from),
      ipBytes(to),
      payload,
    ])
  }
  const fragment = (options.moreFragments ? 0x2000 : 0) | (options.offset ?? 0)
  const header = Buffer.concat([
    Buffer.from([0x45, 0]),
    u16(20 + payload.length, 1, fragment),
    Buffer.from([ttl, protocol, 0, 0]),
    ipBytes(from),
    ipBytes(to),
  ])
  header.writeUInt16BE(checksum(header), 10)
  return Buffer.concat([header, payload])
}

/** The same packet in two fragments, cut where the second begins at a multiple of eight octets. */
export function fragments(ends: Ends, protocol: number, payload: Buffer): Buffer[] {
  const cut = Math.floor(payload.length / 16) * 8
  const [first, rest] = [payload.subarray(0, cut), payload.subarray(cut)]
  if (!ends.to.includes(':')) {
    return [ip(ends, protocol, first, { moreFragments: true }), ip(ends, protocol, rest, { offset: cut / 8 })]
  }
  const piece = (offset: number, more: number, part: Buffer) =>
    ip(ends, PROTOCOL.fragment, Buffer.concat([Buffer.from([protocol, 0]), u16(offset | more), u32(1), part]))
  return [piece(0, 1, first), piece(cut, 0, rest)]
}

/** The checksum of what stands behind the pseudo header of either family (RFC 768, RFC 8200 §8.1). */
function withChecksum(ends: Ends, protocol: number, segment: Buffer, at: number): Buffer {
  const pseudo = Buffer.concat([
    ipBytes(ends.from),
    ipBytes(ends.to),
    u32(segment.length),
    u32(protocol),
    segment,
  ])
  segment.writeUInt16BE(checksum(pseudo) || 0xffff, at)
  return segment
}

/** What is behind the IP header, of either family. */
export function udpSegment(ends: Ends, fromPort: number, toPort: number, payload: Buffer): Buffer {
  const segment = Buffer.concat([u16(fromPort, toPort, 8 + payload.length, 0), payload])
  return withChecksum(ends, PROTOCOL.udp, segment, 6)
}

/** A datagram without checksum, which IPv6 has for tunnels (RFC 6935 §5). */
export function unsummedUdp(ends: Ends, fromPort: number, toPort: number, payload: Buffer): Buffer {
  const segment = Buffer.concat([u16(fromPort, toPort, 8 + payload.length, 0), payload])
  return ip(ends, PROTOCOL.udp, segment)
}

export function udp(ends: Ends, fromPort: number, toPort: number, payload: Buffer): Buffer {
  return ip(ends, PROTOCOL.udp, udpSegment(ends, fromPort, toPort, payload))
}

/** The first segment of a connection. */
export function tcpSyn(ends: Ends, fromPort: number, toPort: number, payload: Buffer): Buffer {
  const header = Buffer.concat([u16(fromPort, toPort), u32(1), u32(0), u16(0x5002, 1024, 0, 0), payload])
  return ip(ends, PROTOCOL.tcp, withChecksum(ends, PROTOCOL.tcp, header, 16))
}

/** An ICMP or ICMPv6 message, by the family of the addresses. */
export function icmp(ends: Ends, type: number, code: number, body: Buffer): Buffer {
  const message = Buffer.concat([Buffer.from([type, code, 0, 0]), body])
  if (ends.to.includes(':')) {
    const hops = { ...ends, ttl: ends.ttl ?? 255 }
    return ip(hops, PROTOCOL.icmpv6, withChecksum(ends, PROTOCOL.icmpv6, message, 2))
  }
  message.writeUInt16BE(checksum(message), 2)
  return ip(ends, PROTOCOL.icmp, message)
}

export function echoRequest(ends: Ends, payload: Buffer): Buffer {
  return icmp(ends, ends.to.includes(':') ? 128 : 8, 0, Buffer.concat([u16(7, 1), payload]))
}

export function echoReply(ends: Ends, payload: Buffer): Buffer {
  return icmp(ends, ends.to.includes(':') ? 129 : 0, 0, Buffer.concat([u16(7, 1), payload]))
}

/** "Fragmentation needed" (RFC 1191 §4) or "packet too big" (RFC 4443 §3.2) of the quoted packet. */
export function tooBig(ends: Ends, mtu: number, quoted: Buffer): Buffer {
  return ends.to.includes(':')
    ? icmp(ends, 2, 0, Buffer.concat([u32(mtu), quoted]))
    : icmp(ends, 3, 4, Buffer.concat([u16(0, mtu), quoted]))
}

/** How long those who are asked may take. */
export const IGMP_RESPONSE_MS = 100

/** A question for all groups (RFC 2236 §2), with something more in it. */
export function igmpQuery(ends: Ends, more: Buffer): Buffer {
  const query = Buffer.concat([Buffer.from([0x11, IGMP_RESPONSE_MS / 100, 0, 0]), u32(0), more])
  query.writeUInt16BE(checksum(query), 2)
  return ip({ ...ends, ttl: 1 }, PROTOCOL.igmp, query)
}

export function arp(operation: 'request' | 'reply', from: ArpEnd, to: ArpEnd): Buffer {
  return Buffer.concat([
    u16(1, ETHERTYPE.ipv4, 0x0604, operation === 'request' ? 1 : 2),
    macBytes(from.mac),
    ipBytes(from.ipv4),
    macBytes(to.mac),
    ipBytes(to.ipv4),
  ])
}

interface ArpEnd {
  readonly mac: string
  readonly ipv4: string
}

/** The group that solicitations of an IPv6 address go to (RFC 4291 §2.7.1), and its MAC address. */
export function solicitedNode(address: string): { readonly ipv6: string; readonly mac: string } {
  const [a, b, c] = [...ipBytes(address).subarray(13)].map((octet) => octet.toString(16).padStart(2, '0'))
  return { ipv6: `ff02::1:ff${a}:${b}${c}`, mac: `33:33:ff:${a}:${b}:${c}` }
}

/** The link-local address that an interface makes of its MAC address (RFC 4291 appendix A). */
export function linkLocal(mac: string): string {
  const bytes = macBytes(mac)
  const eui = Buffer.concat([bytes.subarray(0, 3), Buffer.from([0xff, 0xfe]), bytes.subarray(3)])
  eui[0]! ^= 2
  return `fe80::${eui.toString('hex').replace(/(....)(?=.)/g, '$1:')}`
}

const linkLayerOption = (type: number, mac: string) => Buffer.concat([Buffer.from([type, 1]), macBytes(mac)])

/** An option of an experimental type, which receivers skip (RFC 4861 §4.6, RFC 4727 §5.1.3). */
function unknownOption(value: Buffer): Buffer {
  const units = Math.ceil((2 + value.length) / 8)
  return Buffer.concat([Buffer.from([253, units]), value], 8 * units)
}

/** RFC 4861 §4.3, with something more in it. */
export function neighbourSolicitation(ends: Ends, target: string, mac: string, more: Buffer): Buffer {
  const options = [linkLayerOption(1, mac), unknownOption(more)]
  return icmp(ends, 135, 0, Buffer.concat([u32(0), ipBytes(target), ...options]))
}

/** RFC 4861 §4.4, unsolicited, with the override flag. */
export function neighbourAdvertisement(ends: Ends, target: string, mac: string): Buffer {
  return icmp(ends, 136, 0, Buffer.concat([u32(0x20000000), ipBytes(target), linkLayerOption(2, mac)]))
}

/** RFC 4861 §4.2: a default router with a prefix, an MTU and a hop limit of its own, and something more. */
export function routerAdvertisement(ends: Ends, prefix: string, mac: string, more: Buffer): Buffer {
  const body = Buffer.concat([
    Buffer.from([33, 0]), // hop limit
    u16(1800),
    u32(0),
    u32(0),
    Buffer.from([3, 4, 64, 0xc0]), // prefix information: on link, autonomous
    u32(86400),
    u32(14400),
    u32(0),
    ipBytes(prefix),
    Buffer.from([5, 1, 0, 0]),
    u32(1300),
    linkLayerOption(1, mac),
    unknownOption(more),
  ])
  return icmp(ends, 134, 0, body)
}

/** An inner frame of the VNI (RFC 7348 §5). */
export function vxlan(vni: number, frame: Buffer): Buffer {
  return Buffer.concat([u32(0x08000000), u32(vni << 8), frame])
}

/** A packet with one label, in GRE (RFC 4023 §3.2). */
export function mplsInGre(ends: Ends, label: number, packet: Buffer): Buffer {
  const entry = u32(label * 0x1000 + 0x100 + 64)
  return ip(ends, PROTOCOL.gre, Buffer.concat([u16(0, ETHERTYPE.mpls), entry, packet]))
}
