import { hex } from '../../values/bytes.ts'
import type { Json } from '../../values/json.ts'
import { AttributeCode } from '../constants.ts'
import { Malformed } from '../errors.ts'
import { formatTunnelType } from '../values/extended-community.ts'
import { Reader } from '../wire/reader.ts'
import { type AttributeCodec, discard, OPTIONAL_TRANSITIVE, withdraw } from './codec.ts'
import type { Tlv } from './values.ts'

/** Of sub-TLVs from this type on the length takes two octets (RFC 9012 §2). */
const FIRST_LONG_SUB_TLV = 128

/**
 * TUNNEL_ENCAPSULATION (RFC 9012 §2): kept by tunnel, sub-TLVs framed and, but for the egress endpoint (`removeTunnels`), unread. The last octet of a
 * tunnel is that of its last sub-TLV (§13).
 */
export const tunnelEncapsulation: AttributeCodec<'tunnelEncapsulation', readonly Tlv[]> = {
  code: AttributeCode.TunnelEncapsulation,
  field: 'tunnelEncapsulation',
  name: 'TUNNEL_ENCAPSULATION',
  shownAs: 'tunnel-encapsulation',
  flags: OPTIONAL_TRANSITIVE,
  onError: withdraw,
  decode: (r) => readTlvs(r, (item) => item.u16(), subTlvs),
  encode(w, tlvs) {
    for (const { type, value } of tlvs) {
      w.u16(type)
      w.u16(value.length)
      w.octets(value)
    }
  },
  format: formatTlvs,
  describe: (tlvs) => describeTlvs(tlvs, 'tunnel_type', formatTunnelType),
}

/** RFC 8669 §3, RFC 9252 §2. */
const PrefixSidTlv = { LabelIndex: 1, OriginatorSrgb: 3, Srv6L3Service: 5 } as const

const PREFIX_SID_TLVS: Readonly<Record<number, string>> = {
  [PrefixSidTlv.LabelIndex]: 'label index',
  [PrefixSidTlv.OriginatorSrgb]: 'originator SRGB',
  [PrefixSidTlv.Srv6L3Service]: 'SRv6 L3 service',
  6: 'SRv6 L2 service',
}

/** BGP Prefix-SID (RFC 8669 §3): kept by TLV, unread. */
export const prefixSid: AttributeCodec<'prefixSid', readonly Tlv[]> = {
  code: AttributeCode.PrefixSid,
  field: 'prefixSid',
  name: 'PREFIX_SID',
  shownAs: 'prefix-sid',
  flags: OPTIONAL_TRANSITIVE,
  onError: discard,
  decode: (r) => readTlvs(r, (item) => item.u8(), checkPrefixSid),
  encode(w, tlvs) {
    for (const { type, value } of tlvs) {
      w.u8(type)
      w.u16(value.length)
      w.octets(value)
    }
  },
  format: formatTlvs,
  describe: (tlvs) => describeTlvs(tlvs, 'tlv', (type) => PREFIX_SID_TLVS[type] ?? String(type)),
}

/** Whether the routes are of an SRv6 service: their label field is part of the SID, or means nothing (RFC 9252 §4). */
export function isSrv6Service(tlvs: readonly Tlv[]): boolean {
  return tlvs.some(({ type }) => type === PrefixSidTlv.Srv6L3Service)
}

function readTlvs(r: Reader, readType: (r: Reader) => number, check: (tlv: Tlv) => void): Tlv[] {
  if (r.remaining === 0) throw new Malformed('no TLV')
  const tlvs: Tlv[] = []
  while (r.remaining > 0) {
    const tlv = { type: readType(r), value: r.octets(r.u16()) }
    check(tlv)
    tlvs.push(tlv)
  }
  return tlvs
}

/** The sub-TLVs of a tunnel. Throws `Malformed` where they do not end with it. */
export function subTlvs({ value }: Tlv): Tlv[] {
  const r = new Reader(Buffer.from(value, 'latin1'))
  const found: Tlv[] = []
  while (r.remaining > 0) {
    const type = r.u8()
    found.push({ type, value: r.octets(type < FIRST_LONG_SUB_TLV ? r.u8() : r.u16()) })
  }
  return found
}

/** RFC 8669 §3.1, §3.2. */
function checkPrefixSid({ type, value: { length } }: Tlv): void {
  const isLabelIndex = type === PrefixSidTlv.LabelIndex && length !== 7
  const isSrgb = type === PrefixSidTlv.OriginatorSrgb && (length < 8 || (length - 2) % 6 !== 0)
  if (isLabelIndex || isSrgb) throw new Malformed(`${PREFIX_SID_TLVS[type]} of ${length} bytes`)
}

function formatTlvs(tlvs: readonly Tlv[]): string[] {
  return tlvs.map(({ type, value }) => `${type}:0x${hex(value)}`)
}

function describeTlvs(tlvs: readonly Tlv[], key: string, name: (type: number) => string): Json {
  return tlvs.map(({ type, value }) => ({ [key]: name(type), type, value: hex(value) }))
}
