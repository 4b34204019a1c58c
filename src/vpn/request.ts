import { VPN_TYPES } from '../api/attachment.ts'
import { RequestError } from '../api/errors.ts'
import type { RouteTarget } from '../bgp/values/extended-community.ts'
import type { Irb } from '../ipvpn/irb.ts'
import type { ReadvertiseTargets } from '../ipvpn/readvertise.ts'
import type { InterfaceAddress, Ip } from '../values/address.ts'
import { isNestedWithin } from '../values/json.ts'
import type { Mac } from '../values/mac.ts'
import type { Attachment } from './attachments.ts'

export { VPN_TYPES }
export type VpnType = (typeof VPN_TYPES)[number]

/** Maximum nesting of JSON: deeper values help no reader, and some of them can be parsed but not be written again. */
const MAX_NESTING = 100

/** As the agent sends it, which describes the switch port and the MAC addresses of the router. */
export type Fallback = Readonly<Record<string, unknown>>

/** The properties of an endpoint that an agent sets, and that stay as they are. */
export type RequestedEndpoint = Pick<
  Attachment,
  'mac' | 'direction' | 'localPref' | 'sticky' | 'gatewayIp' | 'hashOrder' | 'advertiseSubnet' | 'description'
>

/** An attachment that an agent asks for, checked for form. */
export interface AttachRequest extends RequestedEndpoint {
  readonly instanceId: string
  readonly type: VpnType
  readonly importTargets: readonly RouteTarget[]
  readonly exportTargets: readonly RouteTarget[]
  /** Null: any address of that MAC. */
  readonly ip: InterfaceAddress | null
  /** Name of the Linux interface, or for an IP VPN's endpoint the EVPN instance that it is in. For a port of Open vSwitch it is only a key. */
  readonly port: string | { readonly evpn: string }
  /** Whether it is a port of Open vSwitch, where a VLAN identifies the network. */
  readonly isOvsPort: boolean
  /** Name of the bridge to use instead of an owned one; created where it is missing. */
  readonly linuxBridge: string | null
  readonly vni: number | null
  /** Routes that an IP VPN re-advertises; null: unchanged. Without targets on either side there are none. */
  readonly readvertise: ReadvertiseTargets | null
  /** The target of an IP VPN's packets without a route; null: unchanged. */
  readonly fallback: Fallback | null
  /** Any JSON, for people to read. */
  readonly instanceDescription: unknown
}

/** An attachment whose port has a name. */
export interface ResolvedRequest extends AttachRequest {
  readonly port: string
  /** Its IRB, where the port is in an EVPN instance. */
  readonly irb: Irb | null
  /** Whether the port may be in an owned bridge or VRF already. */
  readonly mayBeStale: boolean
  /** Whether it is to-port though the agent asked for both directions: another IP VPN has what the port sends. */
  readonly confined: boolean
}

export interface DetachRequest {
  readonly instanceId: string
  readonly type: VpnType
  readonly mac: Mac
  /** Null: every address of that MAC. */
  readonly ip: Ip | null
}

/** Throws `RequestError` for a description that cannot be stored. */
export function checkDescriptions({ description, instanceDescription }: AttachRequest): void {
  for (const [parameter, value] of Object.entries({ description, instance_description: instanceDescription }))
    if (!isNestedWithin(value, MAX_NESTING))
      throw new RequestError('PARAMETER_INVALID', `${parameter}: it is nested more than ${MAX_NESTING} times`)
}
