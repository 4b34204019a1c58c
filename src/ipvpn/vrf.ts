import { type Family, VPNV4, VPNV6 } from '../bgp/family.ts'
import { type Importer, Imports, sameTargets } from '../bgp/imports.ts'
import { formatPrefix, type Prefix } from '../bgp/nlri/prefix.ts'
import { localSource, type Route, type Source } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { RouteTarget } from '../bgp/values/extended-community.ts'
import type { Rd } from '../bgp/values/rd.ts'
import type { Ip } from '../values/address.ts'
import type { Closable } from '../values/closable.ts'
import type { Mac } from '../values/mac.ts'
import { type Addressed, endpointRoute, hostPrefix, isAddressed, type VpnAdvertisement } from './advertise.ts'
import type { IpEndpoint } from './endpoint.ts'
import type { EndpointForwarding, ForwardedRoute, VrfForwarding } from './forwarding.ts'
import { gatewayMac } from './irb.ts'
import { destinationOf, gatewayAddressOf, gatewayOf, leadsToSubnet } from './local.ts'
import { type ForwardedPrefix, Prefixes } from './prefixes.ts'
import type { ProviderEdge } from './provider-edge.ts'
import { isReadvertising, Readvertisement, type ReadvertiseTargets } from './readvertise.ts'
import { isVpnRoute, type Outcome, type VpnRoute } from './select.ts'

export interface VrfConfig {
  /** The id that agents use for it. */
  readonly id: string
  /** `VRF-n`. */
  readonly name: string
  readonly rd: Rd
  /** IPv4, for route distinguishers of endpoints. */
  readonly identifier: Ip
}

const FAMILIES: readonly Family[] = [VPNV4, VPNV6]

/** One VRF: advertises its endpoints, and tells forwarding what the routes it imports mean. */
export class Vrf implements Importer<VpnRoute>, Closable {
  readonly config: VrfConfig
  readonly source: Source
  readonly imports: Imports<VpnRoute>
  /** Its re-advertised routes. */
  readonly readvertisement: Readvertisement
  exportTargets: readonly RouteTarget[] = []
  gatewayIp: Ip | null = null
  private readonly speaker: Speaker
  private readonly edge: ProviderEdge
  private readonly endpoints = new Map<string, IpEndpoint>()
  private readonly advertised = new Map<string, VpnAdvertisement>()
  private readonly prefixes: Prefixes

  constructor(config: VrfConfig, edge: ProviderEdge, speaker: Speaker, forwarding: VrfForwarding) {
    this.config = config
    this.edge = edge
    this.speaker = speaker
    this.source = localSource(config.name)
    this.imports = new Imports(speaker, this.source, this)
    this.prefixes = new Prefixes(edge, forwarding, this.endpoints)
    const { tunnelType, address: nextHop, ends } = edge
    const origin = { source: this.source, identifier: config.identifier, tunnelType, nextHop, ends }
    this.readvertisement = new Readvertisement(origin, speaker, this.endpoints)
  }

  /** What an endpoint needs beside its route. */
  forwardingOf(endpoint: IpEndpoint): EndpointForwarding {
    return {
      endpoint,
      isAdmitted: this.isAdmitted(endpoint),
      gateway: isAddressed(endpoint) ? gatewayAddressOf(endpoint) : null,
      delivery: isAddressed(endpoint) && endpoint.direction !== 'from-port' ? this.delivery(endpoint) : null,
    }
  }

  /** The VRF as a gateway in an EVPN instance; null without an IRB into it. */
  gatewayIn(evpn: string) {
    const joined = [...this.endpoints.values()].filter(({ irb }) => irb?.evpn === evpn)
    const port = joined[0]?.irb?.device
    if (port === undefined) return null
    const ips = joined.filter(isAddressed).flatMap((endpoint) => gatewayOf(endpoint) ?? [])
    return { port, mac: gatewayMac(this.config.id), ips: new Set(ips), vrf: this.config }
  }

  /** The route to an endpoint that was added, where there is one. */
  routeOf({ ip }: Pick<IpEndpoint, 'ip'>): ForwardedRoute | null {
    return ip === null ? null : this.prefixes.forwardedFor(hostPrefix(ip))
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
      if (direction === 'from-port') this.edge.removeDestination(label, ip)
      else this.edge.addDestination(label, destinationOf(endpoint))
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
    this.edge.removeDestination(present.label, present.ip)
    this.prefixes.depart(present)
  }

  /** Ends the instance: nothing advertised, nothing imported, nothing wanted for any address. */
  close(): void {
    for (const endpoint of [...this.endpoints.values()]) this.removeEndpoint(endpoint)
    this.imports.set(new Set())
    this.readvertisement.close()
    this.prefixes.close()
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

  /** The longest of the forwarded prefixes with the address; null when there is none. */
  longestWith(ip: Ip): ForwardedPrefix | null {
    return this.prefixes.longestWith(ip)
  }

  /** The prefix as forwarding has it; null when there is no path to it. */
  forwardedFor(prefix: Prefix): ForwardedRoute | null {
    return this.prefixes.forwardedFor(prefix)
  }

  /** Whether an endpoint behind the port may send. */
  private isAdmitted(endpoint: IpEndpoint): boolean {
    if (endpoint.direction !== 'to-port') return true
    const key = endpointKey(endpoint)
    for (const [other, { port, direction }] of this.endpoints)
      if (other !== key && port === endpoint.port && direction !== 'to-port') return true
    return false
  }

  /** The target of packets with an endpoint's label: the first address of its MAC, or a lookup in the VRF where its whole subnet is meant. */
  private delivery(endpoint: Addressed): EndpointForwarding['delivery'] {
    const key = endpointKey(endpoint)
    const receivers = [...this.endpoints.values()].filter(
      (other): other is Addressed =>
        other.mac === endpoint.mac &&
        isAddressed(other) &&
        other.direction !== 'from-port' &&
        endpointKey(other) !== key,
    )
    if ([endpoint, ...receivers].some(leadsToSubnet)) return 'lookup'
    return { port: endpoint.port, via: this.firstAddress(endpoint.mac) ?? endpoint.ip }
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
    const { config, edge, exportTargets } = this
    const { rd, identifier } = config
    return { rd, identifier, exportTargets, tunnelType: edge.tunnelType, nextHop: edge.address }
  }
}

function sameSubject(a: VpnAdvertisement, b: VpnAdvertisement): boolean {
  return a.nlri.rd === b.nlri.rd && formatPrefix(a.nlri) === formatPrefix(b.nlri)
}

function endpointKey({ mac, ip }: Pick<IpEndpoint, 'mac' | 'ip'>): string {
  return `${mac} ${ip ?? ''}`
}
