import { formatIp, type Ip } from '../../../values/address.ts'
import { ESI_LENGTH, type Esi, esiField, formatEsi } from '../../values/esi.ts'
import { formatRd, RD_LENGTH, type Rd } from '../../values/rd.ts'
import { type EvpnRouteCodec, readIp, writeIp } from './codec.ts'

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
    rd: r.octets(RD_LENGTH) as Rd,
    esi: r.octets(ESI_LENGTH) as Esi,
    originator: readIp(r),
  }),
  encode(w, { rd, esi, originator }) {
    w.octets(rd)
    w.octets(esi)
    writeIp(w, originator)
  },
  key: ({ rd, esi, originator }) => rd + esi + originator,
  format: ({ rd, esi, originator }) => `${formatRd(rd)}:${formatEsi(esi)}:${formatIp(originator)}`,
  fields: ({ rd, esi, originator }) => ({
    rd: formatRd(rd),
    esi: esiField(esi),
    originator: formatIp(originator),
  }),
}
