import type { Attributes, PmsiTunnel } from '../bgp/attribute/attributes.ts'
import { PmsiTunnelType, TunnelType } from '../bgp/constants.ts'
import type { EvpnRoute } from '../bgp/nlri/evpn/index.ts'
import { ZERO_ESI } from '../bgp/values/esi.ts'
import { encapsulation, macMobility, type RouteTarget } from '../bgp/values/extended-community.ts'
import type { Rd } from '../bgp/values/rd.ts'
import type { Ip } from '../values/address.ts'
import type { EvpnEndpoint } from './endpoint.ts'

/** The common attributes of an instance's routes. */
export interface MacVrfAdvertiser {
  readonly rd: Rd
  readonly vni: number
  readonly exportTargets: readonly RouteTarget[]
  /** Our VTEP address. */
  readonly vtep: Ip
}

export interface EvpnAdvertisement {
  readonly nlri: EvpnRoute
  readonly nextHop: Ip
  readonly attributes: Partial<Attributes>
}

const VXLAN = encapsulation(TunnelType.Vxlan)

/**
 * The inclusive multicast route asks for BUM traffic (RFC 7432 §11). It names the VTEP in all three fields, since some peers
 * replicate to the next hop, some to the originator and some to the end of the tunnel (RFC 8365 §5.1.3).
 */
export function multicastRoute({ rd, vni, exportTargets, vtep }: MacVrfAdvertiser): EvpnAdvertisement {
  const pmsiTunnel: PmsiTunnel = {
    flags: 0,
    tunnelType: PmsiTunnelType.IngressReplication,
    label: vni,
    tunnelId: vtep,
  }
  return {
    nlri: { type: 3, rd, ethernetTag: 0, originator: vtep },
    nextHop: vtep,
    attributes: { extendedCommunities: [VXLAN, ...exportTargets], pmsiTunnel },
  }
}

/** The MAC/IP route of an endpoint (RFC 7432 §7.2); `sequence` is its mobility, 0 where it never moved. */
export function macIpRoute(
  { rd, vni, exportTargets, vtep }: MacVrfAdvertiser,
  endpoint: EvpnEndpoint,
  sequence: number,
): EvpnAdvertisement {
  const { mac, ip, localPref, sticky } = endpoint
  const mobility = sequence === 0 && !sticky ? [] : [macMobility({ sticky, sequence })]
  return {
    nlri: { type: 2, rd, esi: ZERO_ESI, ethernetTag: 0, mac, ip, label: vni, label2: null },
    nextHop: vtep,
    attributes: {
      extendedCommunities: [VXLAN, ...mobility, ...exportTargets],
      ...(localPref === null ? {} : { localPref }),
    },
  }
}
