import { hex } from '../../values/bytes.ts'
import type { Json } from '../../values/json.ts'
import { AttributeCode } from '../constants.ts'
import { Malformed } from '../errors.ts'
import { formatTunnelType } from '../values/extended-community.ts'
import type { Reader } from '../wire/reader.ts'
import type { Tlv } from './attributes.ts'
import { type AttributeCodec, discard, OPTIONAL_TRANSITIVE } from './codec.ts'

/** TUNNEL_ENCAPSULATION (RFC 9012 §2): kept by tunnel, sub-TLVs unread. */
export const tunnelEncapsulation: AttributeCodec<'tunnelEncapsulation'> = {
  code: AttributeCode.TunnelEncapsulation,
  field: 'tunnelEncapsulation',
  name: 'tunnel-encapsulation',
  flags: OPTIONAL_TRANSITIVE,
  onError: discard,
  decode: (r) => readTlvs(r, (item) => item.u16()),
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
const PREFIX_SID_TLVS: Readonly<Record<number, string>> = {
  1: 'label index',
  3: 'originator SRGB',
  5: 'SRv6 L3 service',
  6: 'SRv6 L2 service',
}

/** BGP Prefix-SID (RFC 8669 §3): kept by TLV, unread. */
export const prefixSid: AttributeCodec<'prefixSid'> = {
  code: AttributeCode.PrefixSid,
  field: 'prefixSid',
  name: 'prefix-sid',
  flags: OPTIONAL_TRANSITIVE,
  onError: discard,
  decode: (r) => readTlvs(r, (item) => item.u8()),
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

function readTlvs(r: Reader, readType: (r: Reader) => number): Tlv[] {
  if (r.remaining === 0) throw new Malformed('no TLV')
  const tlvs: Tlv[] = []
  while (r.remaining > 0) tlvs.push({ type: readType(r), value: r.octets(r.u16()) })
  return tlvs
}

function formatTlvs(tlvs: readonly Tlv[]): string[] {
  return tlvs.map(({ type, value }) => `${type}:0x${hex(value)}`)
}

function describeTlvs(tlvs: readonly Tlv[], key: string, name: (type: number) => string): Json {
  return tlvs.map(({ type, value }) => ({ [key]: name(type), type, value: hex(value) }))
}
