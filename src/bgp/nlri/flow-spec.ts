import { IPV4_LENGTH, IPV6_LENGTH, type Ip } from '../../values/address.ts'
import { hex, type Octets } from '../../values/bytes.ts'
import { Malformed } from '../errors.ts'
import { type Family, FLOWSPEC_VPNV4, FLOWSPEC_VPNV6 } from '../family.ts'
import { formatRd, RD_LENGTH, type Rd } from '../values/rd.ts'
import { Reader } from '../wire/reader.ts'
import type { NlriCodec } from './codec.ts'
import { formatPrefix, type Prefix, readPrefix } from './prefix.ts'

/**
 * A traffic filter of a VPN (RFC 8955 §8, RFC 8956). The rule keeps its octets as received, since they are its identity,
 * but for bits that are to be ignored, which are zero; `flowSpecComponents` reads them.
 */
export interface FlowSpecVpn {
  readonly rd: Rd
  readonly rule: Octets
}

export const FlowSpecType = {
  DestinationPrefix: 1,
  SourcePrefix: 2,
  Protocol: 3,
  Port: 4,
  DestinationPort: 5,
  SourcePort: 6,
  IcmpType: 7,
  IcmpCode: 8,
  TcpFlags: 9,
  PacketLength: 10,
  Dscp: 11,
  Fragment: 12,
  FlowLabel: 13,
} as const

const TYPE_NAMES = [
  '',
  'destination',
  'source',
  'protocol',
  'port',
  'destination-port',
  'source-port',
  'icmp-type',
  'icmp-code',
  'tcp-flags',
  'packet-length',
  'dscp',
  'fragment',
  'flow-label',
]

/** One comparison of a component; `operator` is the raw octet without the end-of-list and size bits. */
export interface FlowSpecMatch {
  readonly operator: number
  readonly value: number
}

export type FlowSpecComponent =
  | { readonly type: number; readonly prefix: Prefix; readonly offset: number }
  | { readonly type: number; readonly matches: readonly FlowSpecMatch[] }

export const FlowSpecOperator = {
  And: 0x40,
  Less: 0x04,
  Greater: 0x02,
  Equal: 0x01,
  Not: 0x02,
  Match: 0x01,
} as const

const END_OF_LIST = 0x80
const OPERATOR_BITS = 0x4f
/** All bits of an operator but the reserved ones, which are to be ignored (RFC 8955 §4.2.1). */
const NUMERIC_BITS = 0xf7
const BITMASK_BITS = 0xf3
const LONG_LENGTH = 0xf0
const MAX_RULE_LENGTH = 0x0fff

/** The components of a rule, checked as RFC 8955 §4.2 wants them: known, in ascending order, each once. */
export function flowSpecComponents(family: Family, rule: Octets): FlowSpecComponent[] {
  return readComponents(new Reader(Buffer.from(rule, 'latin1')), family === FLOWSPEC_VPNV6)
}

/** The rule with ignored bits cleared: rules of the same meaning are the same route. */
function canonicalRule(family: Family, received: Octets): Octets {
  const r = new Reader(Buffer.from(received, 'latin1'))
  readComponents(r, family === FLOWSPEC_VPNV6)
  return r.bytes.toString('latin1')
}

/** Reads components up to the bound, and clears the ignored bits in the octets. */
function readComponents(r: Reader, ipv6: boolean): FlowSpecComponent[] {
  const components: FlowSpecComponent[] = []
  let last = 0
  while (r.remaining > 0) {
    const type = r.u8()
    if (type <= last) throw new Malformed(`component ${type} after ${last}`)
    last = type
    if (type <= FlowSpecType.SourcePrefix) components.push({ type, ...readPrefixComponent(r, ipv6) })
    else if (type <= FlowSpecType.Fragment || (type === FlowSpecType.FlowLabel && ipv6)) {
      components.push({ type, matches: readMatches(r, isBitmask(type) ? BITMASK_BITS : NUMERIC_BITS) })
    } else throw new Malformed(`unknown component ${type}`)
  }
  if (components.length === 0) throw new Malformed('rule without components')
  return components
}

/** With an offset, the bits of an IPv6 address from the offset to the length follow (RFC 8956 §3.1). */
function readPrefixComponent(r: Reader, ipv6: boolean): { prefix: Prefix; offset: number } {
  const length = r.u8()
  const offset = ipv6 ? r.u8() : 0
  if (offset > 0 && offset >= length) throw new Malformed(`offset ${offset} in a prefix of length ${length}`)
  const addressLength = ipv6 ? IPV6_LENGTH : IPV4_LENGTH
  if (length > addressLength * 8) throw new Malformed(`prefix length ${length}`)
  const pattern = readPrefix(r, length - offset, addressLength)
  const padding = -(length - offset) & 7
  if (padding > 0) r.bytes[r.pos - 1]! &= 0xff << padding
  return { prefix: { ip: shifted(pattern.ip, offset), length }, offset }
}

/** The address with its bits moved behind the first `offset`. */
function shifted(ip: Ip, offset: number): Ip {
  if (offset === 0) return ip
  const digits = (BigInt(`0x${hex(ip)}`) >> BigInt(offset)).toString(16).padStart(ip.length * 2, '0')
  return Buffer.from(digits, 'hex').toString('latin1') as Ip
}

/** Reads comparisons; `known` are the meaningful bits of an operator. The AND bit of the first is not (RFC 8955 §4.2.1.1). */
function readMatches(r: Reader, known: number): FlowSpecMatch[] {
  const matches: FlowSpecMatch[] = []
  for (;;) {
    const octet = r.u8() & (matches.length === 0 ? known & ~FlowSpecOperator.And : known)
    r.bytes[r.pos - 1] = octet
    const size = 1 << ((octet >>> 4) & 3)
    const value =
      size === 8 ? r.u32() * 2 ** 32 + r.u32() : size === 4 ? r.u32() : size === 2 ? r.u16() : r.u8()
    matches.push({ operator: octet & OPERATOR_BITS, value })
    if ((octet & END_OF_LIST) !== 0) return matches
  }
}

function flowSpec(family: Family): NlriCodec<FlowSpecVpn> {
  return {
    family,
    measure(r) {
      const first = r.u8()
      return first < LONG_LENGTH ? 1 + first : 2 + (((first & 0x0f) << 8) | r.u8())
    },
    decode(r) {
      const first = r.u8()
      if (first >= LONG_LENGTH) r.skip(1)
      const rd = r.octets(RD_LENGTH) as Rd
      return { rd, rule: canonicalRule(family, r.rest()) }
    },
    encode(w, { rd, rule }) {
      const length = RD_LENGTH + rule.length
      if (length > MAX_RULE_LENGTH) throw new RangeError(`FlowSpec rule of ${length} octets`)
      if (length < LONG_LENGTH) w.u8(length)
      else w.u16((LONG_LENGTH << 8) | length)
      w.octets(rd)
      w.octets(rule)
    },
    writeKey(w, { rd, rule }) {
      w.octets(rd)
      w.octets(rule)
    },
    format: ({ rd, rule }) =>
      `flow rd ${formatRd(rd)} ${flowSpecComponents(family, rule).map(formatComponent).join(' ')}`,
    fields: ({ rd, rule }) => ({
      rd: formatRd(rd),
      ...Object.fromEntries(
        flowSpecComponents(family, rule).map((component) => [
          nameOf(component).replaceAll('-', '_'),
          formatComparison(component),
        ]),
      ),
    }),
  }
}

const isBitmask = (type: number): boolean => type === FlowSpecType.TcpFlags || type === FlowSpecType.Fragment

const nameOf = ({ type }: FlowSpecComponent): string => TYPE_NAMES[type] ?? String(type)

const formatComponent = (component: FlowSpecComponent): string =>
  `${nameOf(component)} ${formatComparison(component)}`

/** The value that a component is compared with. */
function formatComparison(component: FlowSpecComponent): string {
  if ('prefix' in component)
    return `${formatPrefix(component.prefix)}${component.offset > 0 ? ` offset ${component.offset}` : ''}`
  const bitmask = isBitmask(component.type)
  return component.matches
    .map((match, i) => (i === 0 ? '' : joiner(match)) + formatMatch(match, bitmask))
    .join('')
}

const joiner = ({ operator }: FlowSpecMatch): string => ((operator & FlowSpecOperator.And) !== 0 ? '&' : ' ')

function formatMatch({ operator, value }: FlowSpecMatch, bitmask: boolean): string {
  if (bitmask)
    return `${(operator & FlowSpecOperator.Not) !== 0 ? '!' : ''}${(operator & FlowSpecOperator.Match) !== 0 ? '=' : ''}0x${value.toString(16)}`
  return (['false', '=', '>', '>=', '<', '<=', '!=', 'true'][operator & 7] ?? '') + value
}

export const flowSpecVpnv4 = flowSpec(FLOWSPEC_VPNV4)
export const flowSpecVpnv6 = flowSpec(FLOWSPEC_VPNV6)
