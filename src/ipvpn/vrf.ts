import { type Family, VPNV4, VPNV6 } from '../bgp/family.ts'
import { type Importer, Imports, sameTargets } from '../bgp/imports.ts'
import { formatPrefix, type Prefix } from '../bgp/nlri/prefix.ts'
import { localSource, type Route, type Source } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { RouteTarget } from '../bgp/values/extended-community.ts'
import type { Rd } from '../bgp/values/rd.ts'
import type { Dataplane, Hop, VrfRoute } from '../dataplane/model.ts'
import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import { type Addressed, endpointRoute, hostPrefix, isAddressed, type VpnAdvertisement } from './advertise.ts'
import type { IpEndpoint } from './endpoint.ts'
import { gatewayMac, projectIrb, type VethUnderlay } from './irb.ts'
import type { MplsTransport } from './mpls-transport.ts'
import { Prefixes } from './prefixes.ts'
import {
  destinationOf,
  gatewayOf,
  leadsToSubnet,
  projectEndpoint,
  projectVrf,
  type VrfEndpointEntry,
  type VrfEntry,
  type VrfTable,
} from './project.ts'
import { isReadvertising, Readvertisement, type ReadvertiseTargets } from './readvertise.ts'
import { isVpnRoute, type Outcome, type VpnRoute } from './select.ts'

export interface VrfConfig extends VrfTable {
  /** The id that agents use for it. */
  readonly id: string
  /** `VRF-n`. */
  readonly name: string
  readonly rd: Rd
  /** IPv4, for route distinguishers of endpoints. */
  readonly identifier: Ip
  /** Mark of its device. */
  readonly alias: string
  /** Of veth pairs to EVPN instances. */
  readonly vethUnderlay: VethUnderlay
}

const FAMILIES: readonly Family[] = [VPNV4, VPNV6]

/** One VRF: advertises its endpoints, and turns the routes it imports into desired state. */
export class Vrf implements Importer<VpnRoute> {
  readonly config: VrfConfig
  readonly source: Source
  readonly imports: Imports<VpnRoute>
  /** Its re-advertised routes. */
  readonly readvertisement: Readvertisement
  exportTargets: readonly RouteTarget[] = []
  gatewayIp: Ip | null = null
  private readonly speaker: Speaker
  private readonly transport: MplsTransport
  private readonly endpoints = new Map<string, IpEndpoint>()
  private readonly advertised = new Map<string, VpnAdvertisement>()
  private readonly prefixes: Prefixes

  constructor(config: VrfConfig, transport: MplsTransport, speaker: Speaker, dataplane: Dataplane) {
    this.config = config
    this.transport = transport
    this.speaker = speaker
    this.source = localSource(config.name)
    this.imports = new Imports(speaker, this.source, this)
    this.prefixes = new Prefixes(config, transport, dataplane, this.endpoints)
    this.prefixes.start()
    const { tunnelType, address: nextHop, ends } = transport
    const origin = { source: this.source, identifier: config.identifier, tunnelType, nextHop, ends }
    this.readvertisement = new Readvertisement(origin, speaker, this.endpoints)
  }

  /** Entries for the VRF itself, wanted from the first endpoint to the last. */
  instanceEntries(): VrfEntry[] {
    return [...projectVrf(this.config, this.config.alias), ...this.transport.entries()]
  }

  /** Entries of an endpoint beside the VRF's, except its route, which `routeEntries` returns. */
  endpointEntries(endpoint: IpEndpoint): VrfEndpointEntry[] {
    const { port, plug } = endpoint
    const veth = plug === null ? [] : projectIrb(this.config, port, plug)
    return [...veth, ...projectEndpoint(this.ingress(endpoint), endpoint, this.delivery(endpoint))]
  }

  /** The VRF as a gateway in an EVPN instance; null without an IRB into it. */
  gatewayIn(evpn: string) {
    const plugged = [...this.endpoints.values()].filter(({ plug }) => plug?.evpn === evpn)
    const port = plugged[0]?.plug?.device
    if (port === undefined) return null
    const ips = plugged.filter(isAddressed).flatMap((endpoint) => gatewayOf(endpoint) ?? [])
    return { port, mac: gatewayMac(this.config.id), ips: new Set(ips), vrf: this.config }
  }

  /** The route to an endpoint that was added, where there is one. */
  routeEntries({ ip }: Pick<IpEndpoint, 'ip'>): VrfRoute[] {
    const route = ip === null ? null : this.prefixes.wantedFor(hostPrefix(ip))
    return route === null ? [] : [route]
  }

  /** Imports and exports by these targets from now on. */
  setTargets(importTargets: readonly RouteTarget[], exportTargets: readonly RouteTarget[]): void {
    this.imports.set(new Set(importTargets))
    if (sameTargets(exportTargets, this.exportTargets)) return
    this.exportTargets = exportTargets
    for (const endpoint of this.endpoints.values()) this.advertise(endpoint)
  }

  /** Re-advertises routes with these options from now on. */
  setReadvertise(targets: ReadvertiseTargets | null): void {
    this.readvertisement.set(isReadvertising(targets) ? targets : null)
  }

  /** For display: each endpoint has the gateway of its own subnet. */
  setGateway(ip: Ip | null): void {
    this.gatewayIp = ip
  }

  /** Adds or changes an endpoint. */
  addEndpoint(endpoint: IpEndpoint): void {
    const key = endpointKey(endpoint)
    const before = this.endpoints.get(key)
    this.endpoints.set(key, endpoint)
    if (isAddressed(endpoint)) {
      const { label, ip, direction } = endpoint
      if (direction === 'from-port') this.transport.removeDestination(label, ip)
      else this.transport.addDestination(label, destinationOf(endpoint))
      this.prefixes.arrive(endpoint, before !== undefined && isAddressed(before) ? before : null)
    }
    this.advertise(endpoint)
    this.readvertisement.endpointsChanged(endpoint.mac)
  }

  removeEndpoint(endpoint: Pick<IpEndpoint, 'mac' | 'ip'>): void {
    const key = endpointKey(endpoint)
    const present = this.endpoints.get(key)
    if (present === undefined) return
    this.endpoints.delete(key)
    this.withdraw(key)
    this.readvertisement.endpointsChanged(present.mac)
    if (!isAddressed(present)) return
    this.transport.removeDestination(present.label, present.ip)
    this.prefixes.depart(present)
  }

  /** Ends the instance: nothing advertised, nothing imported, nothing wanted for any address. */
  stop(): void {
    for (const endpoint of [...this.endpoints.values()]) this.removeEndpoint(endpoint)
    this.imports.set(new Set())
    this.readvertisement.stop()
    this.prefixes.stop()
  }

  accepts(route: Route): route is VpnRoute {
    return isVpnRoute(route)
  }

  learn(route: VpnRoute, before: VpnRoute | undefined): void {
    if (before === route) this.prefixes.relearn(route)
    else this.prefixes.learn(route)
  }

  unlearn(route: VpnRoute): void {
    this.prefixes.unlearn(route)
  }

  /** Routes of this instance in the RIB. */
  *advertisedRoutes(): Iterable<Route> {
    for (const family of FAMILIES)
      for (const route of this.speaker.rib.ownRoutes(family)) if (route.source === this.source) yield route
  }

  /** The imported routes to each prefix that has any, each once, though routes come and go during iteration. */
  learned(): Iterable<readonly [VpnRoute, ...VpnRoute[]]> {
    return this.prefixes.learned()
  }

  /** The selection result of an imported route. */
  outcomeOf(route: VpnRoute): Outcome {
    return this.prefixes.outcomeOf(route)
  }

  /** The wanted route for packets to an address. */
  routeTo(ip: Ip): VrfRoute | null {
    return this.prefixes.routeTo(ip)
  }

  /** The wanted route of the prefix; null when there is no path to it. */
  wantedFor(prefix: Prefix): VrfRoute | null {
    return this.prefixes.wantedFor(prefix)
  }

  /** The target of packets from a port: a blackhole VRF where no endpoint behind it may send, since outside any VRF they would use the main table. */
  private ingress(endpoint: IpEndpoint): VrfTable {
    const key = endpointKey(endpoint)
    for (const [other, { port, direction }] of this.endpoints)
      if (other !== key && port === endpoint.port && direction !== 'to-port') return this.config
    return endpoint.direction === 'to-port' ? this.transport.blackhole : this.config
  }

  /** The target of packets with an endpoint's label: the first address of its MAC, or a lookup in the VRF where its whole subnet is meant. */
  private delivery(endpoint: IpEndpoint): Hop | null {
    const key = endpointKey(endpoint)
    const receivers = [...this.endpoints.values()].filter(
      (other): other is Addressed =>
        other.mac === endpoint.mac &&
        isAddressed(other) &&
        other.direction !== 'from-port' &&
        endpointKey(other) !== key,
    )
    if ([endpoint, ...receivers].some((one) => isAddressed(one) && leadsToSubnet(one)))
      return { device: this.config.device, via: null, labels: [], weight: 1 }
    const via = this.firstAddress(endpoint.mac) ?? endpoint.ip
    return via === null ? null : { device: endpoint.port, via, labels: [], weight: 1 }
  }

  private firstAddress(mac: Mac): Ip | null {
    for (const endpoint of this.endpoints.values())
      if (endpoint.mac === mac && endpoint.ip !== null && endpoint.direction !== 'from-port')
        return endpoint.ip
    return null
  }

  private advertise(endpoint: IpEndpoint): void {
    const key = endpointKey(endpoint)
    if (!isAddressed(endpoint) || endpoint.direction === 'from-port' || this.exportTargets.length === 0)
      return this.withdraw(key)
    const advertisement = endpointRoute(this.advertiser(), endpoint)
    const before = this.advertised.get(key)
    if (before !== undefined && !sameSubject(before, advertisement)) this.withdraw(key)
    this.advertised.set(key, advertisement)
    const { family, nlri, attributes, nextHop } = advertisement
    this.speaker.originate(this.source, family, nlri, attributes, nextHop)
  }

  private withdraw(key: string): void {
    const advertisement = this.advertised.get(key)
    if (advertisement === undefined) return
    this.advertised.delete(key)
    this.speaker.withdraw(this.source, advertisement.family, advertisement.nlri)
  }

  private advertiser() {
    const { config, transport, exportTargets } = this
    const { rd, identifier } = config
    return { rd, identifier, exportTargets, tunnelType: transport.tunnelType, nextHop: transport.address }
  }
}

function sameSubject(a: VpnAdvertisement, b: VpnAdvertisement): boolean {
  return a.nlri.rd === b.nlri.rd && formatPrefix(a.nlri) === formatPrefix(b.nlri)
}

function endpointKey({ mac, ip }: Pick<IpEndpoint, 'mac' | 'ip'>): string {
  return `${mac} ${ip ?? ''}`
}
