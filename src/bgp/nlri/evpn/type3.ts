import { formatIp, type Ip } from '../../../values/address.ts'
import { formatRd, type Rd } from '../../values/rd.ts'
import { readRd } from '../rd.ts'
import { type EvpnRouteCodec, readIp, writeIp } from './codec.ts'

/** Inclusive multicast Ethernet tag route (RFC 7432 §7.3). */
export interface InclusiveMulticastRoute {
  readonly type: 3
  readonly rd: Rd
  readonly ethernetTag: number
  readonly originator: Ip
}

export const inclusiveMulticast: EvpnRouteCodec<InclusiveMulticastRoute> = {
  type: 3,
  name: 'multicast',
  title: 'inclusive multicast',
  decode: (r) => ({ type: 3, rd: readRd(r), ethernetTag: r.u32(), originator: readIp(r) }),
  encode(w, { rd, ethernetTag, originator }) {
    w.octets(rd)
    w.u32(ethernetTag)
    writeIp(w, originator)
  },
  writeKey(w, { rd, ethernetTag, originator }) {
    w.octets(rd)
    w.u32(ethernetTag)
    w.octets(originator)
  },
  format: ({ rd, ethernetTag, originator }) => `${formatRd(rd)}:${ethernetTag}:${formatIp(originator)}`,
  fields: ({ rd, ethernetTag, originator }) => ({
    rd: formatRd(rd),
    ethernet_tag: ethernetTag,
    originator: formatIp(originator),
  }),
}
