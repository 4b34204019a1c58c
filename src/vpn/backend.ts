import type { Entry } from '../dataplane/model.ts'
import type { Gateway, MacVrfForwarding } from '../evpn/forwarding.ts'
import type { VxlanTunnel } from '../evpn/select.ts'
import type { IpEndpoint } from '../ipvpn/endpoint.ts'
import type { EndpointForwarding, ForwardedRoute, VrfForwarding } from '../ipvpn/forwarding.ts'
import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { EvpnState } from './state.ts'

/** A local endpoint of an EVPN instance. */
type LocalMac = { readonly port: string; readonly mac: Mac }

interface InstanceForwarding {
  /** Names of the devices that hold its entries, except ports. */
  readonly deviceNames: readonly string[]
  /** Its devices as the looking glass shows them. */
  readonly shown: Readonly<Record<string, string | number>>
  /** The entries of the instance itself, wanted from the first endpoint to the last. */
  instanceEntries(): Entry[]
}

/** The forwarding of one EVPN instance. */
export interface EvpnForwarding extends MacVrfForwarding, InstanceForwarding {
  /** What a later process needs to continue it. */
  readonly state: Pick<EvpnState, 'suffix' | 'devices'>
  /** The bridge whose frames the host must not receive. */
  readonly bridge: string
  /** The entries of a local endpoint. */
  endpointEntries(endpoint: LocalMac): Entry[]
  /** The entries of a gateway. */
  gatewayEntries(gateway: Pick<Gateway, 'port' | 'mac'>): Entry[]
  /** The entries that addresses may have caused, as identities to look up; `local` are endpoints that have them. */
  addressEntries(macs: Iterable<Mac>, ips: Iterable<Ip>, local: Iterable<LocalMac>): Iterable<Entry>
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
