import { hex, type Octets, u16, u32 } from '../../values/bytes.ts'
import { type ExtendedCommunity, formatExtendedCommunity } from './extended-community.ts'
import { labelOf } from './label.ts'

/** How the six octets behind type and sub-type read, by both in one number. */
const WORDS: Readonly<Record<number, (value: Octets) => string>> = {
  4: linkBandwidth, // draft-ietf-idr-link-bandwidth
  16388: linkBandwidth,
  779: (value) => `color:${u32(value, 2)}`, // RFC 9012 §4.3
  1537: (value) => `esi-label:${esiLabel(value)}`, // RFC 7432 §7.5
  1538: (value) => `es-import:${colons(value)}`, // RFC 7432 §7.6
  1540: (value) => `l2-attributes:flags 0x${u16(value, 0).toString(16)}:mtu ${u16(value, 2)}`, // RFC 8214 §3.1
  1542: (value) => `df-election:algorithm ${value.charCodeAt(0) & 0x1f}`, // RFC 8584 §2.2
  1544: (value) => `arp-nd${flags(value.charCodeAt(0), ['router', 'override'])}`, // RFC 9047 §2
  32774: (value) => `rate-bytes:${float(value)}`, // RFC 8955 §7.1
  32780: (value) => `rate-packets:${float(value)}`, // RFC 8955 §7.2
  32775: (value) => `action${flags(value.charCodeAt(5), ['terminal', 'sample'])}`, // RFC 8955 §7.3
  32777: (value) => `mark:dscp ${value.charCodeAt(5) & 0x3f}`, // RFC 8955 §7.5
}

/** As `formatExtendedCommunity`, with words for many that the looking glass leaves in hex. */
export function describeExtendedCommunity(community: ExtendedCommunity): string {
  return WORDS[u16(community, 0)]?.(community.slice(2)) ?? formatExtendedCommunity(community)
}

function linkBandwidth(value: Octets): string {
  return `link-bandwidth:${u16(value, 0)}:${float(value)}`
}

function esiLabel(value: Octets): string {
  const field = (u16(value, 3) << 8) | value.charCodeAt(5)
  return `${labelOf(field)}(${field})${flags(value.charCodeAt(0), ['single-active'])}`
}

/** The names of the bits that are set, lowest first, each behind a colon. */
function flags(bits: number, names: readonly string[]): string {
  return names.map((name, i) => ((bits >>> i) & 1 ? `:${name}` : '')).join('')
}

/** Bytes or packets a second, as an IEEE 754 number behind two octets. */
function float(value: Octets): number {
  return Buffer.from(value, 'latin1').readFloatBE(2)
}

const colons = (value: Octets): string => (hex(value).match(/../g) ?? []).join(':')
