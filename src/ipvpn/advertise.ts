import type { Attributes } from '../bgp/attribute/attributes.ts'
import { type Family, VPNV4, VPNV6 } from '../bgp/family.ts'
import { maskPrefix, type Prefix } from '../bgp/nlri/prefix.ts'
import type { VpnPrefix } from '../bgp/nlri/vpn.ts'
import {
  type ExtendedCommunity,
  encapsulation,
  hashSortOrder,
  type RouteTarget,
} from '../bgp/values/extended-community.ts'
import { mplsField } from '../bgp/values/label.ts'
import { ipv4Rd, type Rd } from '../bgp/values/rd.ts'
import { type Ip, isIpv4 } from '../values/address.ts'
import type { IpEndpoint } from './endpoint.ts'

/** The common attributes of an instance's routes. */
export interface VrfAdvertiser {
  readonly rd: Rd
  /** The prefix of endpoints' route distinguishers. */
  readonly identifier: Ip
  readonly exportTargets: readonly RouteTarget[]
  /** The encapsulations in which labelled packets are received. */
  readonly tunnelType: number
  readonly nextHop: Ip
}

export interface VpnAdvertisement {
  readonly family: Family
  readonly nlri: VpnPrefix
  readonly nextHop: Ip
  readonly attributes: Partial<Attributes>
}

/** An endpoint that has an address. */
export type Addressed = IpEndpoint & { readonly ip: Ip }

export function isAddressed(endpoint: IpEndpoint): endpoint is Addressed {
  return endpoint.ip !== null
}

export const hostPrefix = (ip: Ip): Prefix => ({ ip, length: ip.length * 8 })

/** The advertised prefix of an endpoint: its address, or its subnet. */
export function advertisedPrefix({ ip, prefixLength, advertiseSubnet }: Addressed): Prefix {
  const host = hostPrefix(ip)
  if (!advertiseSubnet || prefixLength === null || prefixLength >= host.length) return host
  return { ip: maskPrefix(ip, prefixLength), length: prefixLength }
}

/** The prefixes behind an endpoint: its address, and its subnet if that is behind it. */
export function prefixesOf(endpoint: Addressed): Prefix[] {
  const host = hostPrefix(endpoint.ip)
  const advertised = advertisedPrefix(endpoint)
  return advertised.length === host.length ? [host] : [host, advertised]
}

/** The VPN-IPv4 or VPN-IPv6 route of an endpoint (RFC 4364 §4.3, RFC 4659 §3). */
export function endpointRoute(advertiser: VrfAdvertiser, endpoint: Addressed): VpnAdvertisement {
  const { rd, identifier } = advertiser
  const { rdNumber } = endpoint
  const ownRd = rdNumber === null ? rd : ipv4Rd(identifier, rdNumber)
  return vpnRoute(advertiser, endpoint, ownRd, advertisedPrefix(endpoint), [])
}

/** The attributes that direct packets for a prefix to an endpoint. */
export function vpnRoute(
  { exportTargets, tunnelType, nextHop }: Omit<VrfAdvertiser, 'rd' | 'identifier'>,
  { ip, label, localPref, hashOrder }: Addressed,
  rd: Rd,
  prefix: Prefix,
  communities: readonly ExtendedCommunity[],
): VpnAdvertisement {
  const own = [encapsulation(tunnelType), hashSortOrder(hashOrder), ...exportTargets]
  return {
    family: isIpv4(ip) ? VPNV4 : VPNV6,
    nlri: { rd, label: mplsField(label), ...prefix },
    nextHop,
    attributes: {
      extendedCommunities: [...own, ...communities],
      ...(localPref === null ? {} : { localPref }),
    },
  }
}
