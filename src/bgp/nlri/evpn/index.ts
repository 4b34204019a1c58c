import { hex, type Octets } from '../../../values/bytes.ts'
import { EVPN } from '../../family.ts'
import type { NlriCodec } from '../codec.ts'
import type { EvpnRouteCodec } from './codec.ts'
import { type AutoDiscoveryRoute, autoDiscovery } from './type1.ts'
import { type MacIpRoute, macIp } from './type2.ts'
import { type InclusiveMulticastRoute, inclusiveMulticast } from './type3.ts'
import { type EthernetSegmentRoute, ethernetSegment } from './type4.ts'
import { type IpPrefixRoute, ipPrefix } from './type5.ts'

/** A route of a type that is not decoded (RFC 7606 §5.4): kept for display, not passed on. */
export interface OpaqueEvpnRoute {
  readonly type: 0
  readonly code: number
  readonly body: Octets
}

export function isOpaque(nlri: object): nlri is OpaqueEvpnRoute {
  return 'type' in nlri && nlri.type === 0
}

export type EvpnRoute =
  | AutoDiscoveryRoute
  | MacIpRoute
  | InclusiveMulticastRoute
  | EthernetSegmentRoute
  | IpPrefixRoute
  | OpaqueEvpnRoute

/** The route types that are decoded, by their code. */
export const evpnRouteCodecs = [autoDiscovery, macIp, inclusiveMulticast, ethernetSegment, ipPrefix] as const

/** Types that are carried without decoding: RFC 9251 §9, RFC 9572 §3. */
const UNREAD_TITLES: Readonly<Record<number, string>> = {
  6: 'selective multicast Ethernet tag',
  7: 'multicast membership report synch',
  8: 'multicast leave synch',
  9: 'per-region I-PMSI A-D',
  10: 'S-PMSI A-D',
  11: 'leaf A-D',
}

const byType = new Map<number, EvpnRouteCodec<EvpnRoute>>(
  evpnRouteCodecs.map((codec) => [codec.type, codec as EvpnRouteCodec<EvpnRoute>]),
)

/** EVPN routes (RFC 7432 §7): type, length, body. */
export const evpn: NlriCodec<EvpnRoute> = {
  family: EVPN,
  measure(r) {
    r.skip(1)
    return 2 + r.u8()
  },
  decode(r, context) {
    const code = r.u8()
    r.skip(1)
    const codec = byType.get(code)
    if (codec === undefined) return { type: 0, code, body: r.rest() }
    return codec.decode(r, context)
  },
  encode(w, route) {
    if (route.type === 0) {
      w.u8(route.code)
      w.u8(route.body.length)
      w.octets(route.body)
      return
    }
    w.u8(route.type)
    const length = w.reserve(1)
    byType.get(route.type)!.encode(w, route)
    w.patch(length, 1)
  },
  writeKey(w, route) {
    if (route.type === 0) {
      w.u8(route.code)
      w.octets(route.body)
    } else {
      w.u8(route.type)
      byType.get(route.type)!.writeKey(w, route)
    }
  },
  format(route) {
    if (route.type === 0) return `evpn:type-${route.code}::${hex(route.body)}`
    const codec = byType.get(route.type)!
    return `evpn:${codec.name}::${codec.format(route)}`
  },
  fields(route) {
    if (route.type === 0)
      return {
        route_type: route.code,
        route: UNREAD_TITLES[route.code] ?? 'unknown route type',
        body: hex(route.body),
      }
    const codec = byType.get(route.type)!
    return { route_type: route.type, route: codec.title, ...codec.fields(route) }
  },
}
