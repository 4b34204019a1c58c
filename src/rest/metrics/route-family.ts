import {
  EVPN,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
  familyName,
  ROUTE_TARGET,
  VPNV4,
  VPNV6,
} from '../../bgp/family.ts'

/** As GoBGP names them. */
const ROUTE_FAMILIES: ReadonlyMap<string, string> = new Map(
  (
    [
      [EVPN, 'l2vpn-evpn'],
      [VPNV4, 'l3vpn-ipv4-unicast'],
      [VPNV6, 'l3vpn-ipv6-unicast'],
      [FLOWSPEC_VPNV4, 'l3vpn-ipv4-flowspec'],
      [FLOWSPEC_VPNV6, 'l3vpn-ipv6-flowspec'],
      [ROUTE_TARGET, 'rtc'],
    ] as const
  ).map(([family, name]) => [familyName(family), name]),
)

/** The label of a family, such as `l2vpn/evpn`. */
export function routeFamily(family: string): { readonly route_family: string } {
  return { route_family: ROUTE_FAMILIES.get(family) ?? family }
}
