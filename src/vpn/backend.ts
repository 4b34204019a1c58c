import type { RequestError } from '../api/errors.ts'
import type { Entry, EntryStatus } from '../dataplane/model.ts'
import type { EventSink } from '../events/event.ts'
import type { Gateway, MacVrfForwarding } from '../evpn/forwarding.ts'
import type { VxlanTunnel } from '../evpn/select.ts'
import type { IpEndpoint } from '../ipvpn/endpoint.ts'
import type { EndpointForwarding, ForwardedRoute, VrfForwarding } from '../ipvpn/forwarding.ts'
import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { Attachment } from './attachments.ts'
import type { VpnConfig } from './config.ts'
import type { Dataplanes } from './dataplanes.ts'
import type { Time } from './identifiers.ts'
import type { VpnInstance } from './instance.ts'
import type { AttachRequest, ResolvedRequest } from './request.ts'
import type { EvpnState, InstanceState, IpState } from './state.ts'

/** A local endpoint of an EVPN instance. */
type PortMac = { readonly port: string; readonly mac: Mac }

interface InstanceForwarding {
  /** Names of the devices that hold its entries, except ports. */
  readonly deviceNames: readonly string[]
  /** Whether an earlier process may have left devices of it in the kernel. */
  readonly mayBeStale: boolean
  /** Its devices as the looking glass shows them. */
  readonly shown: Readonly<Record<string, string | number>>
  /** The entries of the instance itself, wanted from the first endpoint to the last. */
  instanceEntries(): Entry[]
  /** Gives back the names and numbers of its devices. */
  free(): void
}

/** The forwarding of one EVPN instance. */
export interface EvpnForwarding extends MacVrfForwarding, InstanceForwarding {
  /** What a later process needs to continue it. */
  readonly state: Pick<EvpnState, 'suffix' | 'devices'>
  /** The bridge whose frames the host must not receive. */
  readonly bridge: string
  /** The entries of a local endpoint. */
  endpointEntries(endpoint: PortMac): Entry[]
  /** The entries of a gateway. */
  gatewayEntries(gateway: Pick<Gateway, 'port' | 'mac'>): Entry[]
  /** The entries that addresses may have caused, as identities to look up; `local` are endpoints that have them. */
  addressEntries(macs: Iterable<Mac>, ips: Iterable<Ip>, local: Iterable<PortMac>): Iterable<Entry>
  /** As `addressEntries`, of the flood list. */
  floodEntries(tunnels: Iterable<VxlanTunnel>): Iterable<Entry>
}

/** The forwarding of one IP VPN instance. */
export interface IpVpnForwarding extends VrfForwarding, InstanceForwarding {
  /** What a later process needs to continue it. */
  readonly state: { readonly table: number; readonly device: string }
  /** The entries of a local endpoint, except its route. */
  endpointEntries(endpoint: EndpointForwarding): Entry[]
  /** The entries of a route. */
  routeEntries(route: ForwardedRoute): Entry[]
  /** The entries that packets to an address meet, as identities to look up: those of its route, or of none, and those of the endpoints that have it. */
  addressEntries(route: ForwardedRoute | null, ip: Ip | null, local: Iterable<IpEndpoint>): Iterable<Entry>
  /** The entries of labels, as identities to look up. */
  labelEntries(labels: Iterable<number>): Entry[]
}

/** What a backend is made of. */
export interface BackendDependencies {
  readonly config: VpnConfig
  readonly dataplanes: Dataplanes
  readonly events: EventSink
  /** As a live view. */
  readonly instances: ReadonlyMap<string, VpnInstance>
  /** The addresses of the currently configured peers. */
  readonly peers: () => readonly Ip[]
  readonly time: Time
}

/**
 * One way to forward the packets of VPNs, such as by Linux devices: it decides which ports and bridges an attach may name, and which devices
 * and entries instances and their endpoints need. It changes no desired state itself but by the forwarding of instances.
 */
export interface VpnBackend {
  /** The request as this node can serve it: by an IRB where its port is in an EVPN instance. */
  joined(request: AttachRequest): AttachRequest
  /** The request with the name of its port, and with the direction that the port can have. Throws `RequestError` for what cannot work; nothing has changed. */
  admit(request: AttachRequest): Promise<ResolvedRequest>
  /** Why the instance is refused once its entries are programmed; null where it is not. */
  flawOf(instance: VpnInstance): Promise<RequestError | null>

  /** Prepares for instances that are to be restored. */
  reserve(states: readonly InstanceState[]): Promise<void>
  /** The VNI of the devices that bagpipe-bgp left for an instance; null where there are none. */
  vniLeftFor(id: string): Promise<number | null>
  /** Whether devices of the node use the VNI already. */
  isVniTaken(vni: number): boolean | Promise<boolean>
  /** Chooses and claims the devices of a new instance. Throws `RequestError`. */
  createEvpn(id: string, vni: number, linuxBridge: string | null): Promise<EvpnForwarding>
  restoreEvpn(state: EvpnState): EvpnForwarding
  /** As `createEvpn`; `number` is that of the instance. */
  createIpVpn(
    request: ResolvedRequest,
    nextNumber: () => number,
  ): Promise<{ readonly number: number; readonly forwarding: IpVpnForwarding }>
  restoreIpVpn(state: IpState): IpVpnForwarding

  /** Claims the port for the attachment. Returns the conflicting instance, if there is one. */
  claimPort(instance: VpnInstance, attachment: Attachment): string | null
  /** The instance uses the port as its present attachments do. Returns the instances that use it at all. */
  settlePort(instance: VpnInstance, port: string): Iterable<string>
  /** The entries that an endpoint needs before it is advertised. */
  endpointEntries(instance: VpnInstance, attachment: Attachment): Entry[]
  /** The entries of an added endpoint whose programming `attach` waits for. */
  awaitedEntries(instance: VpnInstance, attachment: Attachment): Promise<Entry[]>
  /** The attachment was added to the instance, or changed. */
  attached(instance: VpnInstance, attachment: Attachment): void
  /** The attachment was removed from the instance. */
  detached(instance: VpnInstance, attachment: Attachment): void
  /** All instances of an earlier process are here. */
  restored(): void
  /** Why an attach fails whose entry is not programmed. */
  refusalOf(instance: VpnInstance, port: string, failure: EntryStatus): Promise<RequestError>
  /** Whether another program uses the MPLS label. */
  isLabelTaken(label: number): boolean | Promise<boolean>
}
