import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { VxlanTunnel } from './select.ts'

/** A router of the subnet that is this node itself: an anycast gateway. */
export interface Gateway {
  /** Its port in the EVPN instance. */
  readonly port: string
  readonly mac: Mac
  readonly ips: ReadonlySet<Ip>
  /** Its VRF. */
  readonly vrf: { readonly id: string; readonly name: string }
}

/**
 * What the routes of one MAC-VRF and the gateways in it mean for forwarding, whatever does that: a Linux bridge with a VXLAN device, or the
 * flows of a switch. A call changes the desired state and never fails; the same one again changes nothing.
 */
export interface MacVrfForwarding {
  /** Frames to the address go to this VTEP with this VNI, no longer to another one. */
  setRemoteMac(mac: Mac, vtep: Ip, vni: number): void
  /** The address is behind no VTEP; it may be that of a local port. */
  removeRemoteMac(mac: Mac): void
  /** ARP and ND requests for the address are answered with this MAC; `router`: it is a router (RFC 9047 §3.1). */
  setNeighbour(ip: Ip, mac: Mac, router: boolean): void
  /** Requests for the address are not answered by this node. */
  removeNeighbour(ip: Ip): void
  /** A copy of BUM traffic goes through the tunnel. */
  addFlood(tunnel: VxlanTunnel): void
  removeFlood(tunnel: VxlanTunnel): void
  /** The gateway has a port in the instance, to which frames for its MAC go. */
  addGateway(gateway: Pick<Gateway, 'port' | 'mac'>): void
  removeGateway(gateway: Pick<Gateway, 'port' | 'mac'>): void
}
