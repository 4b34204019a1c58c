import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { Irb } from './irb.ts'

/** An IP address behind a local port. */
export interface IpEndpoint {
  readonly mac: Mac
  /** Null: the port alone, which is a member of the VRF and has nothing to advertise. */
  readonly ip: Ip | null
  /** Of the subnet that the address is in. */
  readonly prefixLength: number | null
  readonly port: string
  /** Where the port leads into the bridge of an EVPN instance; null: it is the endpoint's own. */
  readonly plug: Irb | null
  /** Traffic that it takes part in: `to-port` may not send into the VRF, `from-port` is not reached from it. */
  readonly direction: 'both' | 'to-port' | 'from-port'
  /** Its subnet's gateway, which this machine plays on the port. */
  readonly gatewayIp: Ip | null
  /** MPLS label, one for each MAC address. */
  readonly label: number
  /** LOCAL_PREF of its route; null is the default. */
  readonly localPref: number | null
  /** Where it stands among others that share its traffic. */
  readonly hashOrder: number
  /** Its whole subnet is behind it, and advertised instead of the address. */
  readonly advertiseSubnet: boolean
  /** For a route distinguisher of its own, where others advertise the same prefix; null: the instance's. */
  readonly rdNumber: number | null
  /** For a route distinguisher that prefixes of others are re-advertised under; null where none are. */
  readonly readvertiseRd: number | null
}
