import type { Imports } from '../bgp/imports.ts'
import type { Route } from '../bgp/rib/route.ts'
import type { RouteTarget } from '../bgp/values/extended-community.ts'
import type { Rd } from '../bgp/values/rd.ts'
import type { Entry } from '../dataplane/model.ts'
import type { MacVrf } from '../evpn/mac-vrf.ts'
import { isReadvertising } from '../ipvpn/readvertise.ts'
import type { Vrf } from '../ipvpn/vrf.ts'
import type { Ip } from '../values/address.ts'
import type { Closable } from '../values/closable.ts'
import type { Attachment, Attachments } from './attachments.ts'
import type { EvpnForwarding, IpVpnForwarding } from './backend.ts'
import type { Fallback, ResolvedRequest } from './request.ts'
import type { AttachmentState, InstanceState, Value } from './state.ts'

/** An instance of either type as the service uses it. */
export interface RoutingInstance extends Closable {
  readonly config: { readonly id: string; readonly name: string; readonly rd: Rd }
  readonly imports: Imports<Route>
  readonly exportTargets: readonly RouteTarget[]
  readonly gatewayIp: Ip | null
  setTargets(importTargets: readonly RouteTarget[], exportTargets: readonly RouteTarget[]): void
  setGateway(ip: Ip | null): void
  addEndpoint(endpoint: Attachment, sequence?: number): void
  removeEndpoint(endpoint: Attachment): void
  /** Routes of the instance in the RIB. */
  advertisedRoutes(): Iterable<Route>
}

interface Shared {
  readonly number: number
  /** The instance with its own type. */
  readonly routing: RoutingInstance
  readonly attachments: Attachments
  readonly rdNumber: number
  description: unknown
  /** Prefix length of the subnet, from the first endpoint that set one. */
  readonly subnetPrefixLength: number | null
}

export interface EvpnVpnInstance extends Shared {
  readonly type: 'evpn'
  readonly macVrf: MacVrf
  /** The agent asked for the VNI. */
  readonly vniGiven: boolean
  readonly forwarding: EvpnForwarding
}

export interface IpVpnInstance extends Shared {
  readonly type: 'ipvpn'
  readonly vrf: Vrf
  readonly forwarding: IpVpnForwarding
  /** From the last agent that set it; for display only. */
  fallback: Fallback | null
}

/** A VPN instance as the agents know it. */
export type VpnInstance = EvpnVpnInstance | IpVpnInstance

/** The entries of an endpoint's own, without those of an IRB in the bridge. */
export function endpointEntries(instance: VpnInstance, endpoint: Attachment): Entry[] {
  return instance.type === 'evpn'
    ? instance.forwarding.endpointEntries(endpoint)
    : instance.forwarding.endpointEntries(instance.vrf.forwardingOf(endpoint))
}

/** The entries of the gateways in an instance. */
export function gatewayEntries(instance: VpnInstance): Entry[] {
  if (instance.type === 'ipvpn') return []
  return instance.macVrf.addresses.gateways.flatMap((one) => instance.forwarding.gatewayEntries(one))
}

/** The devices on which an instance has entries, except shared ones. */
export function devicesOf(instance: VpnInstance): Set<string> {
  const gateways = instance.type === 'evpn' ? instance.macVrf.addresses.gateways : []
  const attached = [...instance.attachments].flatMap(({ port, irb }) => [port, ...(irb ? [irb.device] : [])])
  return new Set([...instance.forwarding.deviceNames, ...gateways.map(({ port }) => port), ...attached])
}

/** Whether the instance re-advertises routes once the request is granted. */
export function readvertises(
  instance: VpnInstance,
  { readvertise }: Pick<ResolvedRequest, 'readvertise'>,
): boolean {
  if (instance.type === 'evpn') return false
  return isReadvertising(readvertise ?? instance.vrf.readvertisement.targets)
}

/** The state that a later process needs to continue the instance. */
export function instanceState(instance: VpnInstance): InstanceState {
  const attachments = [...instance.attachments].map((one) => attachmentState(instance, one))
  return { ...identityState(instance), attachments }
}

/** As `instanceState`, of one of its attachments. */
export function attachmentState(instance: VpnInstance, attachment: Attachment): AttachmentState {
  const sequence = instance.type === 'evpn' ? instance.macVrf.mobility.sequenceOf(attachment.mac) : 0
  return { ...attachment, sequence, description: attachment.description ?? null }
}

/** As `instanceState`, without attachments. */
export function identityState(instance: VpnInstance): Value<'instance'> {
  const { routing, number, rdNumber, description, subnetPrefixLength } = instance
  const shared = {
    id: routing.config.id,
    number,
    rdNumber,
    importTargets: [...routing.imports.targets],
    exportTargets: [...routing.exportTargets],
    gatewayIp: routing.gatewayIp,
    subnetPrefixLength,
    description,
  }
  if (instance.type === 'ipvpn') {
    const { vrf, forwarding, fallback } = instance
    return {
      type: 'ipvpn',
      ...shared,
      ...forwarding.state,
      readvertise: vrf.readvertisement.targets,
      fallback,
    }
  }
  const { macVrf, vniGiven, forwarding } = instance
  return { type: 'evpn', ...shared, vni: macVrf.config.vni, vniGiven, ...forwarding.state }
}
