import { EVPN } from '../bgp/family.ts'
import { Imports, sameTargets } from '../bgp/imports.ts'
import { localSource, type Route, type Source } from '../bgp/rib/route.ts'
import type { Subscriber } from '../bgp/rib/subscriptions.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { RouteTarget } from '../bgp/values/extended-community.ts'
import type { Rd } from '../bgp/values/rd.ts'
import type { Dataplane, Entry, Flood } from '../dataplane/model.ts'
import type { Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import { ensure } from '../values/map.ts'
import { type Advertisement, type Advertiser, advertiseEndpoint, advertiseNetwork } from './advertise.ts'
import type { Endpoint } from './endpoint.ts'
import { Mobility, type MobilityTerms } from './mobility.ts'
import {
  type Devices,
  type EndpointEntry,
  type Gateway,
  type NetworkEntry,
  projectEndpoint,
  projectGateway,
  projectGatewayIp,
  projectIp,
  projectMac,
  projectNetwork,
  type Tunnelling,
} from './project.ts'
import {
  floodTunnel,
  isMacRoute,
  isMulticastRoute,
  type LocalFacts,
  type MacRoute,
  type MulticastRoute,
  mobilityOf,
} from './select.ts'

export interface EvpnConfig extends Tunnelling {
  /** The id that the agents know it by. */
  readonly id: string
  /** `EVI-n`. */
  readonly name: string
  readonly rd: Rd
  readonly vni: number
  readonly devices: Devices
  /** Mark of our devices. */
  readonly alias: string
  readonly bgpAddress: Ip
  readonly mobility: MobilityTerms
  /** Told of a MAC address that moves too often to be in one place (RFC 7432 §15.1). */
  readonly duplicate: (mac: Mac) => void
}

/** One MAC-VRF: announces its endpoints, and turns the routes it imports into desired state. */
export class EvpnInstance implements Subscriber {
  readonly config: EvpnConfig
  readonly source: Source
  readonly imports: Imports
  exportTargets: readonly RouteTarget[] = []
  gatewayIp: Ip | null = null
  private started = false
  private readonly speaker: Speaker
  private readonly dataplane: Dataplane
  private readonly endpoints = new Map<string, Endpoint>()
  readonly mobility: Mobility
  /** How many endpoints have the address. */
  private readonly localMacs = new Map<Mac, number>()
  private readonly localIps = new Map<Ip, number>()
  /** VRFs that are plugged into the bridge. */
  gateways: readonly Gateway[] = []
  private readonly imported = new Map<string, Route>()
  private readonly byMac = new Map<Mac, MacRoute[]>()
  private readonly byIp = new Map<Ip, MacRoute[]>()
  /** Multicast routes by the tunnel they ask for. */
  private readonly floods = new Map<string, { readonly entry: Flood; readonly routes: Set<string> }>()

  constructor(config: EvpnConfig, speaker: Speaker, dataplane: Dataplane) {
    this.config = config
    this.speaker = speaker
    this.imports = new Imports(speaker, this)
    this.dataplane = dataplane
    this.source = localSource(config.name)
    this.mobility = new Mobility(config.mobility, speaker.completeness)
  }

  /** Entries for the network itself, wanted from the first endpoint to the last. */
  networkEntries(): NetworkEntry[] {
    const { devices, alias, vni } = this.config
    return projectNetwork(devices, alias, vni, this.config)
  }

  /** Entries that an endpoint needs beside the network's. */
  endpointEntries({ port, mac }: Pick<Endpoint, 'port' | 'mac'>): EndpointEntry[] {
    return projectEndpoint(this.config.devices, port, mac)
  }

  /** Endpoints have entries of their own alone. */
  routeEntries(): Entry[] {
    return []
  }

  /** Imports and exports by these targets from now on, and announces the network. */
  setTargets(importTargets: readonly RouteTarget[], exportTargets: readonly RouteTarget[]): void {
    const narrower = this.imports.set(new Set(importTargets), () => this.mobility.listens())
    if (narrower) this.forgetStrangers()
    if (this.started && sameTargets(exportTargets, this.exportTargets)) return
    this.started = true
    this.exportTargets = exportTargets
    this.announce(advertiseNetwork(this.advertiser()))
    for (const endpoint of this.endpoints.values()) this.announceEndpoint(endpoint)
  }

  setGateway(ip: Ip | null): void {
    if (ip === this.gatewayIp) return
    this.gatewayIp = ip
    for (const mac of this.byMac.keys()) this.refreshMac(mac)
    for (const address of this.byIp.keys()) this.refreshIp(address)
  }

  /** Has these VRFs in the bridge from now on; never announced, since they are on every machine. */
  setGateways(gateways: readonly Gateway[]): void {
    const before = this.gateways
    this.gateways = gateways
    const kept = new Set(gateways.map(({ device }) => device))
    for (const gateway of before)
      if (!kept.has(gateway.device))
        for (const entry of this.gatewayEntries(gateway)) this.dataplane.unwant(entry)
    for (const gateway of gateways)
      for (const entry of this.gatewayEntries(gateway)) this.dataplane.want(entry)
    const all = [...before, ...gateways]
    for (const mac of new Set(all.map(({ mac }) => mac))) this.refreshMac(mac)
    for (const ip of new Set(all.flatMap(({ ips }) => [...ips]))) this.refreshIp(ip)
  }

  /** Entries that a VRF in the bridge needs there. */
  gatewayEntries(gateway: Pick<Gateway, 'device' | 'mac'>): EndpointEntry[] {
    return projectGateway(this.config.devices, gateway)
  }

  /** Adds an endpoint, or changes what is said of it. One that was here before a restart keeps its mobility sequence. */
  addEndpoint(endpoint: Endpoint, sequence?: number): void {
    const { mac, ip } = endpoint
    const key = endpointKey(mac, ip)
    if (!this.endpoints.has(key)) {
      if (!this.mobility.has(mac)) this.arrive(mac, sequence)
      this.localMacs.set(mac, (this.localMacs.get(mac) ?? 0) + 1)
      if (ip !== null) this.localIps.set(ip, (this.localIps.get(ip) ?? 0) + 1)
    }
    this.endpoints.set(key, endpoint)
    this.refreshMac(mac)
    if (ip !== null) this.refreshIp(ip)
    this.announceEndpoint(endpoint)
  }

  removeEndpoint({ mac, ip }: Endpoint): void {
    const key = endpointKey(mac, ip)
    const endpoint = this.endpoints.get(key)
    if (endpoint === undefined) return
    this.endpoints.delete(key)
    this.withdraw(advertiseEndpoint(this.advertiser(), endpoint, 0))
    if (release(this.localMacs, mac)) this.mobility.detach(mac)
    if (ip !== null) release(this.localIps, ip)
    this.refreshMac(mac)
    if (ip !== null) this.refreshIp(ip)
  }

  /** Ends the instance: nothing announced, nothing imported, nothing wanted for remote addresses. */
  stop(): void {
    for (const endpoint of [...this.endpoints.values()]) this.removeEndpoint(endpoint)
    this.setGateways([])
    this.withdraw(advertiseNetwork(this.advertiser()))
    this.imports.set(new Set())
    this.forgetStrangers()
  }

  routeChanged(route: Route): void {
    if (route.source === this.source || route.family !== EVPN) return
    const before = this.imported.get(route.key)
    if (before === route) return this.refreshRivals(route)
    if (before !== undefined) this.forget(before)
    this.imported.set(route.key, route)
    if (isMacRoute(route)) {
      ensure(this.byMac, route.nlri.mac, () => []).push(route)
      if (route.nlri.ip !== null) ensure(this.byIp, route.nlri.ip, () => []).push(route)
      this.contend(route)
    } else if (isMulticastRoute(route)) this.addFlood(route)
    this.refresh(route)
  }

  routeGone({ family, key }: Route): void {
    if (family !== EVPN) return
    const route = this.imported.get(key)
    if (route === undefined) return
    this.imported.delete(key)
    this.forget(route)
    this.refresh(route)
  }

  /** Routes that the import targets brought, as a live view. */
  importedRoutes(): Iterable<Route> {
    return this.imported.values()
  }

  /** Whether the import targets brought this very route. */
  hasRoute(route: Route): boolean {
    return this.imported.get(route.key) === route
  }

  /** Routes of this instance in the RIB. */
  *advertisedRoutes(): Iterable<Route> {
    for (const route of this.speaker.rib.ownRoutes(EVPN)) if (route.source === this.source) yield route
  }

  /** What tells usable routes from others. */
  get facts(): LocalFacts {
    return { vtep: this.config.vtep, gatewayIp: this.gatewayIp }
  }

  private advertiser(): Advertiser {
    const { rd, vni, bgpAddress, vtep } = this.config
    return { rd, vni, bgpAddress, vtep, exportTargets: this.exportTargets }
  }

  private announceEndpoint(endpoint: Endpoint): void {
    const route = advertiseEndpoint(this.advertiser(), endpoint, this.mobility.sequenceOf(endpoint.mac))
    if (endpoint.direction === 'from-port') this.withdraw(route)
    else this.announce(route)
  }

  /** Nobody imports what carries no target: it is not announced at all. */
  private announce(route: Advertisement): void {
    const { nlri, attributes, nextHop } = route
    if (this.exportTargets.length === 0) this.withdraw(route)
    else this.speaker.originate(this.source, EVPN, nlri, attributes, nextHop)
  }

  private withdraw({ nlri }: Advertisement): void {
    this.speaker.withdraw(this.source, EVPN, nlri)
  }

  private forgetStrangers(): void {
    for (const route of [...this.imported.values()]) if (!this.imports.brings(route)) this.routeGone(route)
  }

  private arrive(mac: Mac, sequence: number | undefined): void {
    if (sequence !== undefined) return this.mobility.restore(mac, sequence)
    const routes = this.byMac.get(mac)
    const highest = routes && Math.max(...routes.map(({ set }) => mobilityOf(set).sequence))
    if (this.mobility.attach(mac, highest)) this.config.duplicate(mac)
  }

  /** Somebody else announces a MAC address; where it is ours, that may be news of where it was before, or of where it went. */
  private contend({ nlri: { mac }, set }: MacRoute): void {
    const { outbids, duplicate } = this.mobility.heard(mac, mobilityOf(set).sequence)
    if (duplicate) this.config.duplicate(mac)
    if (!outbids) return
    for (const endpoint of this.endpoints.values()) if (endpoint.mac === mac) this.announceEndpoint(endpoint)
  }

  private forget(route: Route): void {
    if (isMacRoute(route)) {
      drop(this.byMac, route.nlri.mac, route)
      if (route.nlri.ip !== null) drop(this.byIp, route.nlri.ip, route)
    } else if (isMulticastRoute(route)) this.removeFlood(route)
  }

  /** Where there are others for the address, a route that was in doubt may be the best now. */
  private refreshRivals(route: Route): void {
    if (isMacRoute(route) && (this.byMac.get(route.nlri.mac)?.length ?? 0) > 1) this.refresh(route)
  }

  private refresh(route: Route): void {
    if (!isMacRoute(route)) return
    this.refreshMac(route.nlri.mac)
    if (route.nlri.ip !== null) this.refreshIp(route.nlri.ip)
  }

  private refreshMac(mac: Mac): void {
    const { devices } = this.config
    const isLocal = this.localMacs.has(mac) || this.gateways.some((gateway) => gateway.mac === mac)
    const entry = projectMac(devices, mac, isLocal, this.byMac.get(mac) ?? [], this.facts)
    if (entry !== null) this.dataplane.want(entry)
    else
      this.dataplane.unwant({
        kind: 'remote-mac',
        device: devices.vxlan,
        mac,
        dst: this.config.vtep,
        vni: this.config.vni,
      })
  }

  private refreshIp(ip: Ip): void {
    const { devices } = this.config
    const gateway = this.gateways.find(({ ips }) => ips.has(ip))
    const entry =
      gateway !== undefined
        ? projectGatewayIp(devices, ip, gateway.mac)
        : projectIp(devices, ip, this.localIps.has(ip), this.byIp.get(ip) ?? [], this.facts)
    if (entry !== null) this.dataplane.want(entry)
    else this.dataplane.unwant({ kind: 'neighbour', device: devices.bridge, ip, mac: 0, router: false })
  }

  private addFlood(route: MulticastRoute): void {
    const tunnel = floodTunnel(route, this.facts)
    if ('reason' in tunnel) return
    const entry: Flood = { kind: 'flood', device: this.config.devices.vxlan, ...tunnel }
    const flood = ensure(this.floods, floodKey(entry), () => ({ entry, routes: new Set() }))
    flood.routes.add(route.key)
    this.dataplane.want(entry)
  }

  private removeFlood(route: MulticastRoute): void {
    const tunnel = floodTunnel(route, this.facts)
    if ('reason' in tunnel) return
    const key = floodKey(tunnel)
    const flood = this.floods.get(key)
    flood?.routes.delete(route.key)
    if (flood?.routes.size !== 0) return
    this.floods.delete(key)
    this.dataplane.unwant(flood.entry)
  }
}

function endpointKey(mac: Mac, ip: Ip | null): string {
  return `${mac} ${ip ?? ''}`
}

function floodKey({ dst, vni }: { dst: Ip; vni: number }): string {
  return `${vni} ${dst}`
}

/** Takes one user away; true when it was the last. */
function release<K>(counts: Map<K, number>, key: K): boolean {
  const count = (counts.get(key) ?? 0) - 1
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
  return count <= 0
}

function drop<K>(index: Map<K, MacRoute[]>, key: K, route: MacRoute): void {
  const routes = index.get(key)?.filter((other) => other !== route) ?? []
  if (routes.length === 0) index.delete(key)
  else index.set(key, routes)
}
