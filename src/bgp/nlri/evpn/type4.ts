import { formatIp, type Ip } from '../../../values/address.ts'
import { type Esi, esiField, formatEsi } from '../../values/esi.ts'
import { formatRd, type Rd } from '../../values/rd.ts'
import { readRd } from '../rd.ts'
import { type EvpnRouteCodec, readEsi, readIp, writeIp } from './codec.ts'

/** Ethernet segment route (RFC 7432 §7.4). */
export interface EthernetSegmentRoute {
  readonly type: 4
  readonly rd: Rd
  readonly esi: Esi
  readonly originator: Ip
}

export const ethernetSegment: EvpnRouteCodec<EthernetSegmentRoute> = {
  type: 4,
  name: 'ethernetsegment',
  title: 'Ethernet segment',
  decode: (r) => ({
    type: 4,
    rd: readRd(r),
    esi: readEsi(r),
    originator: readIp(r),
  }),
  encode(w, { rd, esi, originator }) {
    w.octets(rd)
    w.octets(esi)
    writeIp(w, originator)
  },
  writeKey(w, { rd, esi, originator }) {
    w.octets(rd)
    w.octets(esi)
    w.octets(originator)
  },
  format: ({ rd, esi, originator }) => `${formatRd(rd)}:${formatEsi(esi)}:${formatIp(originator)}`,
  fields: ({ rd, esi, originator }) => ({
    rd: formatRd(rd),
    esi: esiField(esi),
    originator: formatIp(originator),
  }),
}
