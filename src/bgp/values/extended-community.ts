import { formatIp, type Ip, isIpv4, parseIp } from '../../values/address.ts'
import { hex, type Octets, pack16, pack32, u16, u32 } from '../../values/bytes.ts'
import { TunnelType } from '../constants.ts'

/** An extended community: its 8 octets (RFC 4360). */
export type ExtendedCommunity = Octets & { readonly community: unique symbol }

/** A route target: an extended community of type 0, 1 or 2 and sub-type 2 (RFC 4360 §4). */
export type RouteTarget = ExtendedCommunity & { readonly routeTarget: unique symbol }

export const EXTENDED_COMMUNITY_LENGTH = 8

/** In the first octet. */
const NON_TRANSITIVE = 0x40
const ROUTE_TARGET_SUBTYPE = 0x02
const RECORD_SUBTYPE = 0x13
const OPAQUE = 0x03
const EVPN = 0x06
const ENCAPSULATION = `${String.fromCharCode(OPAQUE, 0x0c)}\0\0\0\0`
const DEFAULT_GATEWAY = `${String.fromCharCode(OPAQUE, 0x0d)}\0\0\0\0\0\0`
const HASH_SORT_ORDER = String.fromCharCode(OPAQUE, 0x14)
const MAC_MOBILITY = String.fromCharCode(EVPN, 0x00)
const ES_IMPORT = String.fromCharCode(EVPN, ROUTE_TARGET_SUBTYPE)
const ARP_ND = String.fromCharCode(EVPN, 0x08)
const ROUTER_MAC = String.fromCharCode(EVPN, 0x03)

export function isRouteTarget(community: ExtendedCommunity): community is RouteTarget {
  return community.charCodeAt(0) <= 2 && community.charCodeAt(1) === ROUTE_TARGET_SUBTYPE
}

/** Whether the community may leave the AS (RFC 4360 §2). */
export function isTransitive(community: ExtendedCommunity): boolean {
  return (community.charCodeAt(0) & NON_TRANSITIVE) === 0
}

/** Whether memberships cover the community: route targets, and those of Ethernet segments (RFC 4684 §4, RFC 7432 §7.6). */
export function isConstraintTarget(community: ExtendedCommunity): community is RouteTarget {
  return isRouteTarget(community) || community.startsWith(ES_IMPORT)
}

/** Reads `asn:nn` (2- and 4-octet AS) and `a.b.c.d:nn`; undefined when `text` is no route target. */
export function parseRouteTarget(text: string): RouteTarget | undefined {
  const match = /^([\d.]+):(\d{1,10})$/.exec(text)
  if (match === null) return undefined
  const [, administrator = '', assigned = ''] = match
  const number = Number(assigned)
  const ip = parseIp(administrator)
  if (ip !== undefined && isIpv4(ip))
    return number > 0xffff ? undefined : (`\x01\x02${ip}${pack16(number)}` as RouteTarget)
  if (!/^\d{1,10}$/.test(administrator)) return undefined
  const as = Number(administrator)
  if (as <= 0xffff)
    return number > 0xffff_ffff ? undefined : (`\0\x02${pack16(as)}${pack32(number)}` as RouteTarget)
  return as > 0xffff_ffff || number > 0xffff
    ? undefined
    : (`\x02\x02${pack32(as)}${pack16(number)}` as RouteTarget)
}

/** `64512:77`, `10.0.0.1:5`. */
export function formatRouteTarget(target: RouteTarget): string {
  return formatAdministrator(target)
}

/** Records that a route had the target before it was re-advertised (RT Record, draft-ietf-bess-service-chaining §7). */
export function routeTargetRecord(target: RouteTarget): ExtendedCommunity {
  return `${target.charAt(0)}${String.fromCharCode(RECORD_SUBTYPE)}${target.slice(2)}` as ExtendedCommunity
}

export function isRouteTargetRecord(community: ExtendedCommunity): boolean {
  return community.charCodeAt(0) <= 2 && community.charCodeAt(1) === RECORD_SUBTYPE
}

/** The kind of administrator in a community of type 0, 1 or 2, and its number. */
function formatAdministrator(community: ExtendedCommunity): string {
  switch (community.charCodeAt(0) & 0x0f) {
    case 0:
      return `${u16(community, 2)}:${u32(community, 4)}`
    case 1:
      return `${formatIp(community.slice(2, 6) as Ip)}:${u16(community, 6)}`
    default:
      return `${u32(community, 2)}:${u16(community, 6)}`
  }
}

/** Whether it is an EVPN Router's MAC (RFC 9135 §8.1). */
export function isRoutersMac(community: ExtendedCommunity): boolean {
  return community.startsWith(ROUTER_MAC)
}

/** The encapsulation community of a tunnel type (RFC 9012 §4.1). */
export function encapsulation(tunnelType: number): ExtendedCommunity {
  return (ENCAPSULATION + pack16(tunnelType)) as ExtendedCommunity
}

/** The tunnel type a community advertises; undefined when it is no encapsulation community. */
export function encapsulationOf(community: ExtendedCommunity): number | undefined {
  return community.startsWith(ENCAPSULATION.slice(0, 2)) ? u16(community, 6) : undefined
}

/** The position of a route among those that share its traffic (draft-ietf-bess-service-chaining §8); 32 bits. */
export function hashSortOrder(order: number): ExtendedCommunity {
  return `${HASH_SORT_ORDER}${pack32(order)}\0\0` as ExtendedCommunity
}

export function hashSortOrderOf(community: ExtendedCommunity): number | undefined {
  return community.startsWith(HASH_SORT_ORDER) ? u32(community, 2) : undefined
}

export function isDefaultGateway(community: ExtendedCommunity): boolean {
  return community.startsWith(DEFAULT_GATEWAY.slice(0, 2))
}

/** Whether the community marks the route's IPv6 address as a router's (R flag, RFC 9047 §2). */
export function isRouter(community: ExtendedCommunity): boolean {
  return isArpNd(community) && (community.charCodeAt(2) & 1) === 1
}

/** Whether the community has the flags of ARP and ND answers for the route's IP address (RFC 9047 §2). */
export function isArpNd(community: ExtendedCommunity): boolean {
  return community.startsWith(ARP_ND)
}

/** RFC 7432 §7.7 and §15. */
export interface MacMobility {
  readonly sticky: boolean
  readonly sequence: number
}

export function macMobility({ sticky, sequence }: MacMobility): ExtendedCommunity {
  return `${MAC_MOBILITY}${sticky ? '\x01' : '\0'}\0${pack32(sequence)}` as ExtendedCommunity
}

export function macMobilityOf(community: ExtendedCommunity): MacMobility | undefined {
  if (!community.startsWith(MAC_MOBILITY)) return undefined
  return { sticky: (community.charCodeAt(2) & 1) === 1, sequence: u32(community, 4) }
}

const TUNNEL_NAMES: Readonly<Record<number, string>> = {
  [TunnelType.None]: 'Default',
  [TunnelType.L2tpv3]: 'L2TPv3',
  [TunnelType.Gre]: 'GRE',
  [TunnelType.IpInIp]: 'IP-in-IP',
  [TunnelType.Vxlan]: 'VXLAN',
  [TunnelType.Nvgre]: 'NVGRE',
  [TunnelType.Mpls]: 'MPLS',
  [TunnelType.MplsInGre]: 'MPLS-in-GRE',
  [TunnelType.VxlanGpe]: 'VXLAN-GPE',
  [TunnelType.MplsInUdp]: 'MPLS-in-UDP',
  [TunnelType.Geneve]: 'Geneve',
}

/** The name of a tunnel type, or its number. */
export function formatTunnelType(type: number): string {
  return TUNNEL_NAMES[type] ?? String(type)
}

/** Names of communities whose value is an administrator and a number, by type and sub-type. */
const ADMINISTERED: Readonly<Record<number, string>> = {
  2: 'target',
  258: 'target',
  514: 'target',
  3: 'origin',
  259: 'origin',
  515: 'origin',
  19: 'rtrecord',
  275: 'rtrecord',
  531: 'rtrecord',
  32776: 'redirect',
  33032: 'redirect',
  33288: 'redirect',
}

/** A community in words, as bagpipe-bgp shows those it knows; unknown ones as `0x` and hex. */
export function formatExtendedCommunity(community: ExtendedCommunity): string {
  const administered = ADMINISTERED[u16(community, 0)]
  if (administered !== undefined) return `${administered}:${formatAdministrator(community)}`
  const tunnel = encapsulationOf(community)
  if (tunnel !== undefined) return `encap:${formatTunnelType(tunnel)}`
  const mobility = macMobilityOf(community)
  if (mobility !== undefined) return `mobility:${mobility.sequence}${mobility.sticky ? ':sticky' : ''}`
  if (isDefaultGateway(community)) return 'default-gateway'
  if (isRoutersMac(community)) return `router-mac:${octetsOf(community)}`
  const order = hashSortOrderOf(community)
  if (order !== undefined) return `consistentHashSortOrder:${order}`
  return `0x${hex(community)}`
}

/** Its value as a MAC address is written. */
function octetsOf(community: ExtendedCommunity): string {
  return (hex(community.slice(2)).match(/../g) ?? []).join(':')
}
