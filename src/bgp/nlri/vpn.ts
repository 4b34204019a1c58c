import { IPV4_LENGTH, IPV6_LENGTH } from '../../values/address.ts'
import { Malformed } from '../errors.ts'
import { type Family, VPNV4, VPNV6 } from '../family.ts'
import { BOTTOM_OF_STACK, LABEL_LENGTH, type LabelField, labelOf, WITHDRAWN_LABEL } from '../values/label.ts'
import { formatRd, RD_LENGTH, type Rd } from '../values/rd.ts'
import { type NlriCodec, RefusedNlri } from './codec.ts'
import { formatPrefix, octetsFor, type Prefix, readPrefix, writePrefix } from './prefix.ts'
import { readRd } from './rd.ts'

/** A VPN-IPv4 or VPN-IPv6 route with one label (RFC 4364 §4.3.4, RFC 4659 §3.2). */
export interface VpnPrefix extends Prefix {
  readonly rd: Rd
  readonly label: LabelField
}

const LABEL_BITS = LABEL_LENGTH * 8
const RD_BITS = RD_LENGTH * 8

function vpn(family: Family, addressLength: number): NlriCodec<VpnPrefix> {
  return {
    family,
    measure(r) {
      const bits = r.u8()
      if (bits < LABEL_BITS + RD_BITS) throw new Malformed(`VPN prefix of ${bits} bits`)
      return 1 + octetsFor(bits)
    },
    decode(r, { withdrawn, prefixSid }) {
      let bits = r.u8() - LABEL_BITS - RD_BITS
      let label = r.u24()
      // A withdrawn label means nothing, and one beside a SID may be part of it.
      if (withdrawn || prefixSid) return { rd: readRd(r), label, ...readPrefix(r, bits, addressLength) }
      // Multiple labels were not negotiated, so the bottom bit means nothing (RFC 8277 §2.2), unless the length rules out a single label.
      let isStack = false
      while (bits > addressLength * 8 && (label & BOTTOM_OF_STACK) === 0) {
        label = r.u24()
        bits -= LABEL_BITS
        isStack = true
      }
      const route = {
        rd: readRd(r),
        label: label | BOTTOM_OF_STACK,
        ...readPrefix(r, bits, addressLength),
      }
      if (isStack) throw new RefusedNlri<VpnPrefix>('more than one label', route)
      return route
    },
    encode(w, nlri) {
      w.u8(LABEL_BITS + RD_BITS + nlri.length)
      w.u24(nlri.label)
      w.octets(nlri.rd)
      writePrefix(w, nlri)
    },
    withdrawal: (nlri) => ({ ...nlri, label: WITHDRAWN_LABEL }),
    writeKey(w, { rd, ip, length }) {
      w.octets(rd)
      w.u8(length)
      w.octets(ip)
    },
    format: (nlri) => `${formatPrefix(nlri)} label ${labelOf(nlri.label)} rd ${formatRd(nlri.rd)}`,
    fields: (nlri) => ({
      rd: formatRd(nlri.rd),
      prefix: formatPrefix(nlri),
      label: nlri.label === WITHDRAWN_LABEL ? null : labelOf(nlri.label),
    }),
  }
}

export const vpnv4 = vpn(VPNV4, IPV4_LENGTH)
export const vpnv6 = vpn(VPNV6, IPV6_LENGTH)
