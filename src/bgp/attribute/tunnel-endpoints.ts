import { IPV4_LENGTH, IPV6_LENGTH, type Ip, isLinkLocal, whyNoHost } from '../../values/address.ts'
import type { Octets } from '../../values/bytes.ts'
import { AttributeCode, UpdateSubcode } from '../constants.ts'
import { type Finding, NO_DATA } from '../errors.ts'
import { Afi, EVPN, type Family, IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6 } from '../family.ts'
import type { Attributes, Tlv } from './attributes.ts'
import { subTlvs } from './tlv-attributes.ts'

/** The families whose tunnels have one egress endpoint each (RFC 9012 §6), of those that are read. */
const TUNNELLED: ReadonlySet<Family> = new Set([IPV4_UNICAST, IPV6_UNICAST, VPNV4, VPNV6, EVPN])

/** Tunnel Egress Endpoint sub-TLV (RFC 9012 §3.1): four reserved octets, an address family, an address. */
const EGRESS_ENDPOINT = 6
const ADDRESS_AT = 6
/** The next hop of the route is the endpoint. */
const NO_ADDRESS = 0

/**
 * Removes tunnels whose egress endpoint is malformed, or that do not have exactly one where their family needs it: neither used nor passed on
 * (RFC 9012 §13). All other tunnels and sub-TLVs stay, known or not, since nothing here reads them. Without a tunnel left, the routes are
 * treated as withdrawn.
 */
export function removeTunnels(attributes: Attributes, families: readonly Family[]): Finding[] {
  const tunnels = attributes.tunnelEncapsulation
  if (tunnels === null || families.length === 0) return []
  const isTunnelled = families.some((family) => TUNNELLED.has(family))
  const reasons: string[] = []
  const kept = tunnels.filter((tunnel) => {
    const reason = whyRemoved(tunnel, isTunnelled)
    if (reason !== null) reasons.push(reason)
    return reason === null
  })
  attributes.tunnelEncapsulation = kept.length === 0 ? null : kept
  return reasons.map((reason) => ({
    severity: kept.length === 0 ? 'withdraw' : 'discard',
    subcode: UpdateSubcode.OptionalAttribute,
    attribute: AttributeCode.TunnelEncapsulation,
    reason: `tunnel-encapsulation: ${reason}`,
    data: NO_DATA,
  }))
}

function whyRemoved(tunnel: Tlv, isTunnelled: boolean): string | null {
  const endpoints = subTlvs(tunnel).filter(({ type }) => type === EGRESS_ENDPOINT)
  if (isTunnelled && endpoints.length !== 1) return `a tunnel with ${endpoints.length} egress endpoints`
  for (const { value } of endpoints) {
    const reason = whyMalformed(value)
    if (reason !== null) return `an egress endpoint ${reason}`
  }
  return null
}

/** An unknown address family makes a sub-TLV an unknown one, which stays. */
function whyMalformed(endpoint: Octets): string | null {
  if (endpoint.length < ADDRESS_AT) return `of ${endpoint.length} bytes`
  const afi = (endpoint.charCodeAt(ADDRESS_AT - 2) << 8) | endpoint.charCodeAt(ADDRESS_AT - 1)
  const address = endpoint.slice(ADDRESS_AT) as Ip
  switch (afi) {
    case NO_ADDRESS:
      return address.length === 0 ? null : `of no family with ${address.length} bytes`
    case Afi.Ipv4:
      return address.length === IPV4_LENGTH ? whyNoEnd(address) : `of IPv4 with ${address.length} bytes`
    case Afi.Ipv6:
      return address.length === IPV6_LENGTH ? whyNoEnd(address) : `of IPv6 with ${address.length} bytes`
    default:
      return null
  }
}

function whyNoEnd(address: Ip): string | null {
  const reason = isLinkLocal(address) ? 'a link-local address' : whyNoHost(address)
  return reason && `that is ${reason}`
}
