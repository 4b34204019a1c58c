import type { Family } from '../family.ts'
import type { NlriCodec } from './codec.ts'
import { type EvpnRoute, evpn } from './evpn/index.ts'
import { type FlowSpecVpn, flowSpecVpnv4, flowSpecVpnv6 } from './flow-spec.ts'
import { ipv4Unicast, ipv6Unicast, type Prefix } from './prefix.ts'
import { type Membership, routeTargetMembership } from './route-target.ts'
import { type VpnPrefix, vpnv4, vpnv6 } from './vpn.ts'

export type Nlri = EvpnRoute | VpnPrefix | Membership | FlowSpecVpn | Prefix

/** The families that are decoded. Adding one is one file, one line, one fixture. */
export const nlriCodecs = [
  ipv4Unicast,
  ipv6Unicast,
  vpnv4,
  vpnv6,
  evpn,
  routeTargetMembership,
  flowSpecVpnv4,
  flowSpecVpnv6,
] as const

const byFamily = new Map<Family, NlriCodec<Nlri>>(
  nlriCodecs.map((codec) => [codec.family, codec as NlriCodec<Nlri>]),
)

/** The codec of a family; undefined for a family that is not decoded. */
export function nlriCodec(family: Family): NlriCodec<Nlri> | undefined {
  return byFamily.get(family)
}

/** Whether two NLRI of one key agree in the fields that are not part of it; those that are objects are part of it. */
export function sameNlri(a: Nlri, b: Nlri): boolean {
  for (const field of Object.keys(a) as (keyof Nlri)[]) {
    const left: unknown = a[field]
    const right: unknown = b[field]
    if (left !== right && (left === null || typeof left !== 'object')) return false
  }
  return true
}
