import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { Irb } from './irb.ts'

/** An IP address behind a local port. */
export interface IpEndpoint {
  readonly mac: Mac
  /** Null: the port alone, which is a member of the VRF and advertises nothing. */
  readonly ip: Ip | null
  /** Of the subnet that the address is in. */
  readonly prefixLength: number | null
  readonly port: string
  /** The IRB by which the port leads into the bridge of an EVPN instance; null: the port is the endpoint's own. */
  readonly plug: Irb | null
  /** Direction of its traffic: `to-port` may not send into the VRF, `from-port` is not reached from it. */
  readonly direction: 'both' | 'to-port' | 'from-port'
  /** Its subnet's gateway, which this node is on the port. */
  readonly gatewayIp: Ip | null
  /** MPLS label, one for each MAC address. */
  readonly label: number
  /** LOCAL_PREF of its route; null is the default. */
  readonly localPref: number | null
  /** Its position among the endpoints that share its traffic. */
  readonly hashOrder: number
  /** Its whole subnet is behind it, and advertised instead of the address. */
  readonly advertiseSubnet: boolean
  /** Of its own route distinguisher, where other endpoints advertise the same prefix; null: the instance's. */
  readonly rdNumber: number | null
  /** Of the route distinguisher for re-advertised prefixes; null where there are none. */
  readonly readvertiseRd: number | null
}
