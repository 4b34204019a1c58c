import { IPV4_LENGTH, IPV6_LENGTH } from '../../values/address.ts'
import type { Octets } from '../../values/bytes.ts'
import { Malformed } from '../errors.ts'
import { type Family, FLOWSPEC_VPNV4, FLOWSPEC_VPNV6 } from '../family.ts'
import { formatRd, RD_LENGTH, type Rd } from '../values/rd.ts'
import { Reader } from '../wire/reader.ts'
import type { NlriCodec } from './codec.ts'
import { formatPrefix, type Prefix, readPrefix } from './prefix.ts'

/**
 * A traffic filter of a VPN (RFC 8955 §8, RFC 8956). The rule keeps its octets as received, since they are its identity;
 * `flowSpecComponents` reads them.
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
const LONG_LENGTH = 0xf0
const MAX_RULE_LENGTH = 0x0fff

/** The components of a rule, checked as RFC 8955 §4.2 wants them: known, in ascending order, each once. */
export function flowSpecComponents(family: Family, rule: Octets): FlowSpecComponent[] {
  const ipv6 = family === FLOWSPEC_VPNV6
  const r = new Reader(Buffer.from(rule, 'latin1'))
  const components: FlowSpecComponent[] = []
  let last = 0
  while (r.remaining > 0) {
    const type = r.u8()
    if (type <= last) throw new Malformed(`component ${type} after ${last}`)
    last = type
    if (type <= FlowSpecType.SourcePrefix) components.push({ type, ...readPrefixComponent(r, ipv6) })
    else if (type <= FlowSpecType.Fragment || (type === FlowSpecType.FlowLabel && ipv6)) {
      components.push({ type, matches: readMatches(r) })
    } else throw new Malformed(`unknown component ${type}`)
  }
  if (components.length === 0) throw new Malformed('rule without components')
  return components
}

function readPrefixComponent(r: Reader, ipv6: boolean): { prefix: Prefix; offset: number } {
  const length = r.u8()
  if (!ipv6) return { prefix: readPrefix(r, length, IPV4_LENGTH), offset: 0 }
  const offset = r.u8()
  if (offset > 0 && offset >= length) throw new Malformed(`offset ${offset} in a prefix of length ${length}`)
  if (length > IPV6_LENGTH * 8) throw new Malformed(`prefix length ${length}`)
  return { prefix: { ...readPrefix(r, length - offset, IPV6_LENGTH), length }, offset }
}

function readMatches(r: Reader): FlowSpecMatch[] {
  const matches: FlowSpecMatch[] = []
  for (;;) {
    const octet = r.u8()
    const size = 1 << ((octet >>> 4) & 3)
    const value =
      size === 8 ? r.u32() * 2 ** 32 + r.u32() : size === 4 ? r.u32() : size === 2 ? r.u16() : r.u8()
    if (matches.length === 0 && (octet & FlowSpecOperator.And) !== 0)
      throw new Malformed('first comparison has the AND bit')
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
      if (first >= LONG_LENGTH && (((first & 0x0f) << 8) | r.u8()) < LONG_LENGTH)
        throw new Malformed('length in two octets below 240')
      const rd = r.octets(RD_LENGTH) as Rd
      const rule = r.rest()
      flowSpecComponents(family, rule)
      return { rd, rule }
    },
    encode(w, { rd, rule }) {
      const length = RD_LENGTH + rule.length
      if (length > MAX_RULE_LENGTH) throw new RangeError(`FlowSpec rule of ${length} octets`)
      if (length < LONG_LENGTH) w.u8(length)
      else w.u16((LONG_LENGTH << 8) | length)
      w.octets(rd)
      w.octets(rule)
    },
    key: ({ rd, rule }) => rd + rule,
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

const nameOf = ({ type }: FlowSpecComponent): string => TYPE_NAMES[type] ?? String(type)

const formatComponent = (component: FlowSpecComponent): string =>
  `${nameOf(component)} ${formatComparison(component)}`

/** What a component is compared with. */
function formatComparison(component: FlowSpecComponent): string {
  if ('prefix' in component)
    return `${formatPrefix(component.prefix)}${component.offset > 0 ? ` offset ${component.offset}` : ''}`
  const bitmask = component.type === FlowSpecType.TcpFlags || component.type === FlowSpecType.Fragment
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
