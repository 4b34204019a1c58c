import { formatIp, type Ip } from '../../../values/address.ts'
import { formatMac, type Mac } from '../../../values/mac.ts'
import { Malformed } from '../../errors.ts'
import { type Esi, esiField, formatEsi } from '../../values/esi.ts'
import { LABEL_LENGTH, type LabelField, labelFields, labelOf } from '../../values/label.ts'
import { formatRd, type Rd } from '../../values/rd.ts'
import { RefusedNlri } from '../codec.ts'
import { readRd } from '../rd.ts'
import { type EvpnRouteCodec, formatOptionalIp, readEsi, readOptionalIp, writeIp } from './codec.ts'

/** MAC/IP advertisement route (RFC 7432 §7.2). `label2` is the VRF's, with symmetric IRB (RFC 9135 §6.1). */
export interface MacIpRoute {
  readonly type: 2
  readonly rd: Rd
  readonly esi: Esi
  readonly ethernetTag: number
  readonly mac: Mac
  readonly ip: Ip | null
  readonly label: LabelField
  readonly label2: LabelField | null
}

const MAC_BITS = 48

export const macIp: EvpnRouteCodec<MacIpRoute> = {
  type: 2,
  name: 'macadv',
  title: 'MAC/IP advertisement',
  decode(r) {
    const rd = readRd(r)
    const esi = readEsi(r)
    const ethernetTag = r.u32()
    const macBits = r.u8()
    if (macBits !== MAC_BITS) throw new Malformed(`MAC address of ${macBits} bits`)
    const mac = r.u48()
    const ip = readOptionalIp(r)
    if (r.remaining < LABEL_LENGTH) {
      const keyed: MacIpRoute = { type: 2, rd, esi, ethernetTag, mac, ip, label: 0, label2: null }
      throw new RefusedNlri('label cut off', keyed)
    }
    const label = r.u24()
    const label2 = r.remaining >= LABEL_LENGTH ? r.u24() : null
    return { type: 2, rd, esi, ethernetTag, mac, ip, label, label2 }
  },
  encode(w, { rd, esi, ethernetTag, mac, ip, label, label2 }) {
    w.octets(rd)
    w.octets(esi)
    w.u32(ethernetTag)
    w.u8(MAC_BITS)
    w.u48(mac)
    writeIp(w, ip)
    w.u24(label)
    if (label2 !== null) w.u24(label2)
  },
  writeKey(w, { rd, ethernetTag, mac, ip }) {
    w.octets(rd)
    w.u32(ethernetTag)
    w.u48(mac)
    if (ip !== null) w.octets(ip)
  },
  format({ rd, esi, ethernetTag, mac, ip, label, label2 }) {
    const labels = `label ${labelOf(label)} (${label})${label2 === null ? '' : ` label ${labelOf(label2)} (${label2})`}`
    return `${formatRd(rd)}:${formatEsi(esi)}:${ethernetTag}:${formatMac(mac).toUpperCase()}/48:${formatOptionalIp(ip)}: ${labels}`
  },
  fields: ({ rd, esi, ethernetTag, mac, ip, label, label2 }) => ({
    rd: formatRd(rd),
    esi: esiField(esi),
    ethernet_tag: ethernetTag,
    mac: formatMac(mac),
    ip: ip === null ? null : formatIp(ip),
    ...labelFields(label),
    ...(label2 === null ? {} : { label2: labelOf(label2), vni2: label2 }),
  }),
}
