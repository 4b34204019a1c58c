import { EVPN } from '../bgp/family.ts'
import { type Importer, Imports, sameTargets } from '../bgp/imports.ts'
import { mobilityOf } from '../bgp/rib/best-path.ts'
import { localSource, type Route, type Source } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { RouteTarget } from '../bgp/values/extended-community.ts'
import type { Rd } from '../bgp/values/rd.ts'
import type { Ip } from '../values/address.ts'
import type { Closable } from '../values/closable.ts'
import type { Mac } from '../values/mac.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import { Addresses } from './addresses.ts'
import { type EvpnAdvertisement, type MacVrfAdvertiser, macIpRoute, multicastRoute } from './advertise.ts'
import type { EvpnEndpoint } from './endpoint.ts'
import { FloodList } from './flood-list.ts'
import type { Gateway, MacVrfForwarding } from './forwarding.ts'
import { Mobility, type MobilityOptions } from './mobility.ts'
import { isMacRoute, isMulticastRoute, type MacRoute } from './select.ts'

export interface MacVrfConfig {
  /** The id that agents use for it. */
  readonly id: string
  /** `EVI-n`. */
  readonly name: string
  readonly rd: Rd
  /** Our VTEP address. */
  readonly vtep: Ip
  readonly vni: number
  readonly ends: TunnelEnds
  readonly mobility: MobilityOptions
  /** Called for a MAC address that moves too often (RFC 7432 §15.1). */
  readonly duplicate: (mac: Mac) => void
  /** Called when a mobility sequence has changed since the attach: it has to survive a restart. */
  readonly sequenceChanged: (mac: Mac) => void
}

/** One MAC-VRF: advertises its endpoints, and tells forwarding what the routes it imports mean. */
export class MacVrf implements Importer<Route>, Closable {
  readonly config: MacVrfConfig
  readonly source: Source
  readonly imports: Imports<Route>
  exportTargets: readonly RouteTarget[] = []
  readonly mobility: Mobility
  readonly addresses: Addresses
  /** From the agent, for display: the gateway is an ordinary host, unless a VRF here is the gateway. */
  gatewayIp: Ip | null = null
  private started = false
  private readonly speaker: Speaker
  private readonly forwarding: MacVrfForwarding
  private readonly endpoints = new Map<string, EvpnEndpoint>()
  private readonly floodList: FloodList
  private readonly unlisten: () => void

  constructor(config: MacVrfConfig, speaker: Speaker, forwarding: MacVrfForwarding) {
    this.config = config
    this.speaker = speaker
    this.forwarding = forwarding
    this.source = localSource(config.name)
    this.imports = new Imports(speaker, this.source, this)
    this.mobility = new Mobility(config.mobility, speaker.convergence)
    this.addresses = new Addresses(config.vtep, config.ends, forwarding, () => speaker.convergence.now())
    this.floodList = new FloodList(config.vtep, config.ends, forwarding)
    this.unlisten = config.ends.listen((changed) => {
      this.addresses.endsChanged(changed)
      this.floodList.endsChanged(changed)
    })
  }

  /** Imports and exports by these targets from now on, and advertises the instance. */
  setTargets(importTargets: readonly RouteTarget[], exportTargets: readonly RouteTarget[]): void {
    this.imports.set(new Set(importTargets), () => this.mobility.listens())
    if (this.started && sameTargets(exportTargets, this.exportTargets)) return
    this.started = true
    this.exportTargets = exportTargets
    this.advertise(multicastRoute(this.advertiser()))
    for (const endpoint of this.endpoints.values()) this.advertiseEndpoint(endpoint)
  }

  setGateway(ip: Ip | null): void {
    this.gatewayIp = ip
  }

  /** Sets the VRFs with an IRB into the instance; they are never advertised, since they are on every node. */
  setGateways(gateways: readonly Gateway[]): void {
    const kept = new Set(gateways.map(({ port }) => port))
    for (const gateway of this.addresses.gateways)
      if (!kept.has(gateway.port)) this.forwarding.removeGateway(gateway)
    for (const gateway of gateways) this.forwarding.addGateway(gateway)
    this.addresses.setGateways(gateways)
  }

  /** Adds or changes an endpoint. One that was here before a restart keeps its mobility sequence. */
  addEndpoint(endpoint: EvpnEndpoint, sequence?: number): void {
    const key = endpointKey(endpoint)
    const isNew = !this.endpoints.has(key)
    if (isNew) {
      if (!this.mobility.has(endpoint.mac)) this.arrive(endpoint.mac, sequence)
      this.addresses.arrive(endpoint)
    }
    this.endpoints.set(key, endpoint)
    if (isNew && sequence === undefined && this.takesIp(endpoint)) this.advertiseMac(endpoint.mac)
    else this.advertiseEndpoint(endpoint)
  }

  removeEndpoint(endpoint: Pick<EvpnEndpoint, 'mac' | 'ip'>): void {
    const key = endpointKey(endpoint)
    const present = this.endpoints.get(key)
    if (present === undefined) return
    this.endpoints.delete(key)
    this.withdraw(macIpRoute(this.advertiser(), present, 0))
    this.addresses.depart(present)
    if (!this.addresses.isLocal(present.mac)) this.mobility.detach(present.mac)
  }

  /** Ends the instance: nothing advertised, nothing imported, nothing wanted for remote addresses. */
  close(): void {
    for (const endpoint of [...this.endpoints.values()]) this.removeEndpoint(endpoint)
    this.setGateways([])
    this.withdraw(multicastRoute(this.advertiser()))
    this.imports.set(new Set())
    this.unlisten()
  }

  accepts(route: Route): route is Route {
    return route.family === EVPN
  }

  learn(route: Route, before: Route | undefined): void {
    if (isMacRoute(route)) {
      if (before === route) return this.addresses.relearn(route)
      this.addresses.learn(route, before)
      this.contend(route)
    } else if (isMulticastRoute(route) && before !== route) {
      if (before !== undefined) this.unlearn(before)
      this.floodList.learn(route)
    }
  }

  unlearn(route: Route): void {
    if (isMacRoute(route)) {
      this.addresses.unlearn(route)
      this.regain(route)
    } else if (isMulticastRoute(route)) this.floodList.unlearn(route)
  }

  /** Routes of this instance in the RIB. */
  *advertisedRoutes(): Iterable<Route> {
    for (const route of this.speaker.rib.ownRoutes(EVPN)) if (route.source === this.source) yield route
  }

  private advertiser(): MacVrfAdvertiser {
    const { rd, vni, vtep } = this.config
    return { rd, vni, vtep, exportTargets: this.exportTargets }
  }

  private advertiseEndpoint(endpoint: EvpnEndpoint): void {
    const route = macIpRoute(this.advertiser(), endpoint, this.mobility.sequenceOf(endpoint.mac))
    if (endpoint.direction === 'from-port') this.withdraw(route)
    else this.advertise(route)
  }

  /** Without a target no peer imports a route: it is not advertised at all. */
  private advertise(route: EvpnAdvertisement): void {
    const { nlri, attributes, nextHop } = route
    if (this.exportTargets.length === 0) this.withdraw(route)
    else this.speaker.originate(this.source, EVPN, nlri, attributes, nextHop)
  }

  private withdraw({ nlri }: EvpnAdvertisement): void {
    this.speaker.withdraw(this.source, EVPN, nlri)
  }

  private arrive(mac: Mac, sequence: number | undefined): void {
    if (sequence !== undefined) return this.mobility.restore(mac, sequence)
    if (this.mobility.attach(mac, highestSequence(this.addresses.routesTo(mac)))) this.config.duplicate(mac)
  }

  /** Raises the sequence above other MAC addresses that are advertised with the IP address of a new endpoint; true when that changes its sequence. */
  private takesIp({ mac, ip }: EvpnEndpoint): boolean {
    const others = ip === null ? [] : this.addresses.routesToIp(ip).filter(({ nlri }) => nlri.mac !== mac)
    const highest = highestSequence(others)
    return highest !== undefined && this.mobility.takeIp(mac, highest)
  }

  /** A peer advertises a MAC address; if it is local, the route may show its earlier location, or a move away. */
  private contend({ nlri: { mac, ip }, set }: MacRoute): void {
    const { sequence } = mobilityOf(set)
    const { outbids, duplicate } = this.mobility.routeReceived(mac, sequence)
    if (duplicate) this.config.duplicate(mac)
    if (outbids) this.outbid(mac)
    if (ip === null || !this.addresses.isLocalIp(ip)) return
    for (const local of this.endpoints.values())
      if (local.ip === ip && local.mac !== mac && this.mobility.ipRouteReceived(local.mac, sequence))
        this.outbid(local.mac)
  }

  /** A route for a local MAC address may be withdrawn; one that is not imported any more is still advertised. */
  private regain(gone: MacRoute): void {
    const { mac } = gone.nlri
    if (!this.mobility.has(mac) || !this.imports.brings(gone)) return
    if (this.mobility.regain(mac, highestSequence(this.addresses.routesTo(mac)))) this.outbid(mac)
  }

  /** A local MAC address has a new sequence, which has to survive a restart. */
  private outbid(mac: Mac): void {
    this.config.sequenceChanged(mac)
    this.advertiseMac(mac)
  }

  private advertiseMac(mac: Mac): void {
    for (const endpoint of this.endpoints.values()) if (endpoint.mac === mac) this.advertiseEndpoint(endpoint)
  }
}

/** Undefined without routes. */
function highestSequence(routes: readonly MacRoute[]): number | undefined {
  let highest: number | undefined
  for (const { set } of routes) highest = Math.max(highest ?? 0, mobilityOf(set).sequence)
  return highest
}

function endpointKey({ mac, ip }: Pick<EvpnEndpoint, 'mac' | 'ip'>): string {
  return `${mac} ${ip ?? ''}`
}
