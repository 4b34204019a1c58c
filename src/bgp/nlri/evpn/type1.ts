import { type Esi, esiField, formatEsi } from '../../values/esi.ts'
import { LABEL_LENGTH, type LabelField, labelFields } from '../../values/label.ts'
import { formatRd, type Rd } from '../../values/rd.ts'
import { RefusedNlri } from '../codec.ts'
import { readRd } from '../rd.ts'
import { type EvpnRouteCodec, readEsi } from './codec.ts'

/** Ethernet auto-discovery route (RFC 7432 §7.1). */
export interface AutoDiscoveryRoute {
  readonly type: 1
  readonly rd: Rd
  readonly esi: Esi
  readonly ethernetTag: number
  readonly label: LabelField
}

export const autoDiscovery: EvpnRouteCodec<AutoDiscoveryRoute> = {
  type: 1,
  name: 'ethernetad',
  title: 'Ethernet auto-discovery',
  decode(r) {
    const rd = readRd(r)
    const esi = readEsi(r)
    const ethernetTag = r.u32()
    if (r.remaining < LABEL_LENGTH) {
      const keyed: AutoDiscoveryRoute = { type: 1, rd, esi, ethernetTag, label: 0 }
      throw new RefusedNlri('label cut off', keyed)
    }
    return { type: 1, rd, esi, ethernetTag, label: r.u24() }
  },
  encode(w, { rd, esi, ethernetTag, label }) {
    w.octets(rd)
    w.octets(esi)
    w.u32(ethernetTag)
    w.u24(label)
  },
  writeKey(w, { rd, esi, ethernetTag }) {
    w.octets(rd)
    w.octets(esi)
    w.u32(ethernetTag)
  },
  format: ({ rd, esi, ethernetTag, label }) =>
    `${formatRd(rd)}:${formatEsi(esi)}:${ethernetTag}: label ${label >>> 4} (${label})`,
  fields: ({ rd, esi, ethernetTag, label }) => ({
    rd: formatRd(rd),
    esi: esiField(esi),
    ethernet_tag: ethernetTag,
    ...labelFields(label),
  }),
}
