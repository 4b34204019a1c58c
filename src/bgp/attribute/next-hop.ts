import { formatIp, IPV4_LENGTH, type Ip } from '../../values/address.ts'
import { AttributeCode } from '../constants.ts'
import { type AttributeCodec, WELL_KNOWN, withdraw } from './codec.ts'

/** NEXT_HOP (RFC 4271 §5.1.3): of the routes in the UPDATE's own NLRI field, IPv4 unicast. */
export const nextHop: AttributeCodec<'nextHop', Ip> = {
  code: AttributeCode.NextHop,
  field: 'nextHop',
  name: 'NEXT_HOP',
  shownAs: 'next-hop',
  flags: WELL_KNOWN,
  onError: withdraw,
  decode: (r) => r.octets(IPV4_LENGTH) as Ip,
  encode: (w, value) => w.octets(value),
  format: formatIp,
}
