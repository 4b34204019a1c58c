import { VPN_TYPES } from '../api/attachment.ts'
import type { RouteTarget } from '../bgp/values/extended-community.ts'
import type { Direction } from '../evpn/endpoint.ts'
import type { Irb } from '../ipvpn/irb.ts'
import type { ReadvertiseTargets } from '../ipvpn/readvertise.ts'
import type { InterfaceAddress, Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'

export { VPN_TYPES }
export type VpnType = (typeof VPN_TYPES)[number]

/** As the agent gives it, which describes the switch port and the MAC addresses of the router. */
export type Fallback = Readonly<Record<string, unknown>>

/** An attachment that an agent asks for, checked for form. */
export interface AttachRequest {
  readonly instanceId: string
  readonly type: VpnType
  readonly importTargets: readonly RouteTarget[]
  readonly exportTargets: readonly RouteTarget[]
  readonly mac: Mac
  /** Null: any address of that MAC. */
  readonly ip: InterfaceAddress | null
  readonly gatewayIp: Ip | null
  /** Name of the Linux interface, or of an IP VPN's endpoint the EVPN instance that it is in. Of a port of Open vSwitch it is only a key. */
  readonly port: string | { readonly evpn: string }
  /** Whether the port is described as one of Open vSwitch, where a VLAN tells networks apart. */
  readonly isOvsPort: boolean
  /** Name of the bridge to use instead of one of ours; made where it is missing. */
  readonly linuxBridge: string | null
  readonly vni: number | null
  readonly localPref: number | null
  readonly direction: Direction
  readonly sticky: boolean
  /** Where it stands among others that share its traffic, in an IP VPN. */
  readonly hashOrder: number
  /** Advertise the subnet in the place of the address, in an IP VPN. */
  readonly advertiseSubnet: boolean
  /** Routes that an IP VPN re-advertises; null: as before. Without targets on one of both sides there are none. */
  readonly readvertise: ReadvertiseTargets | null
  /** Where an IP VPN sends what it has no route for; null: as before. */
  readonly fallback: Fallback | null
  /** Any JSON, for people to read. */
  readonly description: unknown
  readonly instanceDescription: unknown
}

/** An attachment whose port has a name. */
export interface ResolvedRequest extends Omit<AttachRequest, 'port'> {
  readonly port: string
  readonly plug: Irb | null
}

export interface DetachRequest {
  readonly instanceId: string
  readonly type: VpnType
  readonly mac: Mac
  /** Null: every address of that MAC. */
  readonly ip: Ip | null
}
