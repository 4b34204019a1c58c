import { formatIp, IPV4_LENGTH, IPV6_LENGTH, type Ip } from '../../../values/address.ts'
import { Malformed } from '../../errors.ts'
import { ESI_LENGTH, type Esi, esiField, formatEsi, ZERO_ESI } from '../../values/esi.ts'
import { type LabelField, labelFields, labelOf } from '../../values/label.ts'
import { formatRd, RD_LENGTH, type Rd } from '../../values/rd.ts'
import { RefusedNlri } from '../codec.ts'
import { formatPrefix, maskPrefix, type Prefix } from '../prefix.ts'
import { readRd } from '../rd.ts'
import { type EvpnRouteCodec, readEsi } from './codec.ts'

/** IP prefix route (RFC 9136 §3.1, §3.2). `gateway` is all zeros when there is none. */
export interface IpPrefixRoute {
  readonly type: 5
  readonly rd: Rd
  readonly esi: Esi
  readonly ethernetTag: number
  readonly prefix: Prefix
  readonly gateway: Ip
  readonly label: LabelField
}

const FIXED_LENGTH = RD_LENGTH + ESI_LENGTH + 4 + 1 + 3

export const ipPrefix: EvpnRouteCodec<IpPrefixRoute> = {
  type: 5,
  name: 'prefix',
  title: 'IP prefix',
  decode(r, { withdrawn, prefixSid, routersMac }) {
    const addressLength = (r.remaining - FIXED_LENGTH) / 2
    if (addressLength !== IPV4_LENGTH && addressLength !== IPV6_LENGTH)
      throw new Malformed(`body of ${r.remaining} bytes`)
    const rd = readRd(r)
    const esi = readEsi(r)
    const ethernetTag = r.u32()
    const length = r.u8()
    if (length > addressLength * 8)
      throw new Malformed(`prefix length ${length} of an address of ${addressLength} octets`)
    const prefix = { ip: maskPrefix(r.octets(addressLength) as Ip, length), length }
    const gateway = r.octets(addressLength) as Ip
    const route: IpPrefixRoute = { type: 5, rd, esi, ethernetTag, prefix, gateway, label: r.u24() }
    if (withdrawn) return route
    const hasGateway = !isZero(gateway)
    if (esi !== ZERO_ESI && hasGateway) throw new RefusedNlri('both an ESI and a gateway', route)
    const hasOverlayIndex = esi !== ZERO_ESI || hasGateway || routersMac
    if (route.label === 0 && !hasOverlayIndex && !prefixSid)
      throw new RefusedNlri('neither a label nor an overlay index', route)
    return route
  },
  encode(w, { rd, esi, ethernetTag, prefix, gateway, label }) {
    w.octets(rd)
    w.octets(esi)
    w.u32(ethernetTag)
    w.u8(prefix.length)
    w.octets(prefix.ip)
    w.octets(gateway)
    w.u24(label)
  },
  writeKey(w, { rd, ethernetTag, prefix }) {
    w.octets(rd)
    w.u32(ethernetTag)
    w.u8(prefix.length)
    w.octets(prefix.ip)
  },
  format({ rd, esi, ethernetTag, prefix, gateway, label }) {
    const overlay = isZero(gateway) ? '-' : formatIp(gateway)
    return `${formatRd(rd)}:${formatEsi(esi)}:${ethernetTag}:${formatPrefix(prefix)}:${overlay}: label ${labelOf(label)} (${label})`
  },
  fields: ({ rd, esi, ethernetTag, prefix, gateway, label }) => ({
    rd: formatRd(rd),
    esi: esiField(esi),
    ethernet_tag: ethernetTag,
    prefix: formatPrefix(prefix),
    gateway: isZero(gateway) ? null : formatIp(gateway),
    ...labelFields(label),
  }),
}

function isZero(ip: Ip): boolean {
  return ip === '\0'.repeat(ip.length)
}
