/** An address family: AFI and SAFI in one number, `afi << 8 | safi` (RFC 4760). */
export type Family = number

export const Afi = { Ipv4: 1, Ipv6: 2, L2vpn: 25 } as const
export const Safi = {
  Unicast: 1,
  Multicast: 2,
  Evpn: 70,
  MplsVpn: 128,
  RouteTarget: 132,
  FlowSpecVpn: 134,
} as const

export function familyOf(afi: number, safi: number): Family {
  return (afi << 8) | safi
}

export const afiOf = (family: Family): number => family >>> 8
export const safiOf = (family: Family): number => family & 0xff

export const IPV4_UNICAST: Family = familyOf(Afi.Ipv4, Safi.Unicast)
export const IPV6_UNICAST: Family = familyOf(Afi.Ipv6, Safi.Unicast)
export const VPNV4: Family = familyOf(Afi.Ipv4, Safi.MplsVpn)
export const VPNV6: Family = familyOf(Afi.Ipv6, Safi.MplsVpn)
export const EVPN: Family = familyOf(Afi.L2vpn, Safi.Evpn)
export const ROUTE_TARGET: Family = familyOf(Afi.Ipv4, Safi.RouteTarget)
export const FLOWSPEC_VPNV4: Family = familyOf(Afi.Ipv4, Safi.FlowSpecVpn)
export const FLOWSPEC_VPNV6: Family = familyOf(Afi.Ipv6, Safi.FlowSpecVpn)

/** The families that route-target constraint governs (RFC 4684 §4): those whose routes carry route targets. */
export const VPN_FAMILIES: ReadonlySet<Family> = new Set([VPNV4, VPNV6, EVPN, FLOWSPEC_VPNV4, FLOWSPEC_VPNV6])

const AFI_NAMES: Readonly<Record<number, string>> = { 1: 'ipv4', 2: 'ipv6', 25: 'l2vpn' }
const SAFI_NAMES: Readonly<Record<number, string>> = {
  1: 'unicast',
  2: 'multicast',
  70: 'evpn',
  128: 'mpls-vpn',
  132: 'rtc',
  134: 'flow-vpn',
}

/** The AFI's and the SAFI's names as bagpipe-bgp's looking glass spells them. */
export function familyNames(family: Family): { readonly afi: string; readonly safi: string } {
  const afi = afiOf(family)
  const safi = safiOf(family)
  return { afi: AFI_NAMES[afi] ?? `afi-${afi}`, safi: SAFI_NAMES[safi] ?? `safi-${safi}` }
}

/** `l2vpn/evpn`, `ipv4/mpls-vpn`, … */
export function familyName(family: Family): string {
  const { afi, safi } = familyNames(family)
  return `${afi}/${safi}`
}
