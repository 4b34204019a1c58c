import type { Ip } from '../values/address.ts'
import type { Endpoint } from '../values/endpoint.ts'
import type { Irb } from './irb.ts'

/** An endpoint of an IP VPN. Without an IP address it is the port alone, which is a member of the VRF and advertises nothing. */
export interface IpEndpoint extends Endpoint {
  /** Of the subnet that the address is in, as the agent set it; null without an address. */
  readonly prefixLength: number | null
  /** The IRB by which the port leads into an EVPN instance; null: the port is the endpoint's own. */
  readonly irb: Irb | null
  /** Its subnet's gateway, which this node is on the port. */
  readonly gatewayIp: Ip | null
  /** MPLS label, one for each MAC address. */
  readonly label: number
  /** Its position among the endpoints that share its traffic. */
  readonly hashOrder: number
  /** Its whole subnet is behind it, and advertised instead of the address. */
  readonly advertiseSubnet: boolean
  /** Of its own route distinguisher, where other endpoints advertise the same prefix; null: the instance's. */
  readonly rdNumber: number | null
  /** Of the route distinguisher for re-advertised prefixes; null where there are none. */
  readonly readvertiseRd: number | null
}
