import { maskPrefix, type Prefix, prefixKeyOf } from '../bgp/nlri/prefix.ts'
import type { AttributeSet } from '../bgp/rib/attribute-pool.ts'
import { labelOf } from '../bgp/values/label.ts'
import { type Ip, isIpv4 } from '../values/address.ts'
import type { Closable } from '../values/closable.ts'
import { ensure } from '../values/map.ts'
import { type Addressed, hostPrefix, prefixesOf } from './advertise.ts'
import type { IpEndpoint } from './endpoint.ts'
import type { ForwardedRoute, TransportPath, VrfForwarding, VrfHop } from './forwarding.ts'
import { destinationOf, gatewayOf, localHop, onlySends, proxyPorts } from './local.ts'
import type { ProviderEdge } from './provider-edge.ts'
import {
  chooseLocal,
  choosePaths,
  encapsulationsOf,
  type Outcome,
  type RouteSelectionContext,
  unusable,
  type VpnRoute,
  whyNotChosen,
} from './select.ts'

/** The routes, endpoints and result of a prefix. There are many, most of one route: empty parts are shared. */
interface KnownPrefix {
  readonly prefix: Prefix
  local: readonly Addressed[]
  learned: readonly VpnRoute[]
  forwarded: ForwardedRoute | null
  /** Ports that answer for it, if it is an IPv6 address. */
  proxies: ReadonlySet<string>
}

/** A prefix that packets are forwarded to. */
export interface ForwardedPrefix {
  readonly prefix: Prefix
  readonly forwarded: ForwardedRoute
}

/** The prefixes of one VRF: each is behind local endpoints, or at the next hops of its best routes. */
export class Prefixes implements Closable {
  private readonly edge: ProviderEdge
  private readonly forwarding: VrfForwarding
  private readonly endpoints: ReadonlyMap<string, IpEndpoint>
  private readonly context: RouteSelectionContext
  /** Addresses of this node, by the number of endpoints that have them as gateway. */
  private readonly gateways = new Map<Ip, number>()
  private readonly known = new Map<string, KnownPrefix>()
  /** Many routes have the same attributes. */
  private readonly paths = new WeakMap<AttributeSet, TransportPath>()
  private readonly unlisten: readonly (() => void)[]

  /** `endpoints` are those of the VRF, as a live view. */
  constructor(edge: ProviderEdge, forwarding: VrfForwarding, endpoints: ReadonlyMap<string, IpEndpoint>) {
    this.edge = edge
    this.forwarding = forwarding
    this.endpoints = endpoints
    this.context = {
      address: edge.address,
      ends: edge.ends,
      tunnels: edge.tunnels,
      transportTo: (types) => edge.transportTo(types),
      destinationOf: (label, ip) => edge.destinationOf(label, ip),
      isGateway: ({ ip, length }) => length === ip.length * 8 && this.gateways.has(ip),
    }
    this.unlisten = [
      forwarding.listen((remote) => this.refreshWhere(({ set }) => set.nextHop === remote)),
      // they may have become, or ceased to be, provider edges that packets go to
      edge.ends.listen((changed) =>
        this.refreshWhere(({ set }) => set.nextHop !== null && changed.has(set.nextHop)),
      ),
      edge.listen((label) => this.refreshWhere((route) => this.isOf(route, label))),
    ]
  }

  /** From now on, no longer follows the paths to provider edges. */
  close(): void {
    for (const unlisten of this.unlisten) unlisten()
  }

  /** Adds or changes an endpoint; `before` is its earlier value. */
  arrive(endpoint: Addressed, before: Addressed | null): void {
    const gateway = gatewayOf(endpoint)
    if (gateway !== null) this.countGateway(gateway, 1)
    for (const prefix of prefixesOf(endpoint)) {
      const known = this.of(prefix)
      known.local = [...known.local, endpoint]
      this.refresh(known)
    }
    if (before !== null) this.depart(before)
    else this.linksChanged(endpoint)
  }

  depart(endpoint: Addressed): void {
    const gateway = gatewayOf(endpoint)
    if (gateway !== null) this.countGateway(gateway, -1)
    for (const prefix of prefixesOf(endpoint)) {
      const known = this.of(prefix)
      known.local = without(known.local, endpoint)
      this.refresh(known)
    }
    this.linksChanged(endpoint)
  }

  /** Adds a route, in place of the one with its key. */
  learn(route: VpnRoute): void {
    const known = this.of(route.nlri)
    const others = known.learned.filter(({ key }) => key !== route.key)
    known.learned = others.length === 0 ? [route] : [...others, route]
    this.refresh(known)
  }

  /** A route whose staleness changed may rank differently, where the prefix has several. */
  relearn({ nlri }: VpnRoute): void {
    const known = this.of(nlri)
    if (known.learned.length > 1) this.refresh(known)
  }

  unlearn(route: VpnRoute): void {
    const known = this.of(route.nlri)
    known.learned = without(known.learned, route)
    this.refresh(known)
  }

  /** The routes to each prefix that has any, each once, though routes come and go during iteration. */
  *learned(): Iterable<readonly [VpnRoute, ...VpnRoute[]]> {
    for (const key of [...this.known.keys()]) {
      const [first, ...more] = this.known.get(key)?.learned ?? NOTHING
      if (first !== undefined) yield [first, ...more]
    }
  }

  /** The prefix as forwarding has it; null when there is no path to it. */
  forwardedFor(prefix: Prefix): ForwardedRoute | null {
    const forwarded = this.known.get(prefixKeyOf(prefix))?.forwarded ?? null
    return forwarded?.isWanted === true ? forwarded : null
  }

  /** The longest of the forwarded prefixes with the address; null when there is none. */
  longestWith(ip: Ip): ForwardedPrefix | null {
    for (let length = ip.length * 8; length >= 0; length--) {
      const prefix = { ip: maskPrefix(ip, length), length }
      const forwarded = this.forwardedFor(prefix)
      if (forwarded !== null) return { prefix, forwarded }
    }
    return null
  }

  /** The selection result of a learned route. */
  outcomeOf(route: VpnRoute): Outcome {
    const reason = unusable(route, this.context)
    if (reason !== null) return { state: 'unusable', reason }
    const known = this.known.get(prefixKeyOf(route.nlri))
    const paths = known === undefined ? [] : this.pathsTo(known)
    return paths.includes(route)
      ? { state: 'used', reason: null }
      : { state: 'beaten', reason: whyNotChosen(route, paths) }
  }

  private refreshWhere(isConcerned: (route: VpnRoute) => boolean): void {
    for (const known of this.known.values()) if (known.learned.some(isConcerned)) this.refresh(known)
  }

  /** Addresses may have come onto, or left, the link of the endpoint's port. */
  private linksChanged({ ip }: Addressed): void {
    if (isIpv4(ip)) return
    for (const known of this.known.values()) this.refreshProxies(known)
  }

  private countGateway(ip: Ip, change: 1 | -1): void {
    const count = (this.gateways.get(ip) ?? 0) + change
    if (count > 0) this.gateways.set(ip, count)
    else this.gateways.delete(ip)
    const known = this.known.get(prefixKeyOf(hostPrefix(ip)))
    if (known !== undefined) this.refresh(known)
  }

  private of(prefix: Prefix): KnownPrefix {
    return ensure(this.known, prefixKeyOf(prefix), () => ({
      prefix,
      local: NOTHING,
      learned: NOTHING,
      forwarded: null,
      proxies: NO_PORTS,
    }))
  }

  /** The learned routes that forwarding uses; a prefix behind a local endpoint is nowhere else. */
  private pathsTo({ local, learned }: KnownPrefix): readonly VpnRoute[] {
    if (chooseLocal(local).length > 0) return []
    return choosePaths(learned.filter((route) => unusable(route, this.context) === null))
  }

  private refresh(known: KnownPrefix): void {
    const { prefix, local, learned, forwarded } = known
    known.forwarded = this.forwarding.setRoute(prefix, this.hopsTo(known), forwarded)
    this.refreshProxies(known)
    if (local.length === 0 && learned.length === 0) this.known.delete(prefixKeyOf(prefix))
  }

  private hopsTo(known: KnownPrefix): readonly VrfHop[] {
    const { prefix, local } = known
    const hops: VrfHop[] = this.pathsTo(known).map((route) => this.hopOf(route, prefix))
    if (local.length === 0) return hops
    if (!this.context.isGateway(prefix))
      for (const endpoint of chooseLocal(local)) hops.push(localHop(prefix, destinationOf(endpoint)))
    if (hops.length === 0 && onlySends(prefix, local)) hops.push('discard')
    return hops
  }

  private hopOf(route: VpnRoute, prefix: Prefix): VrfHop {
    const label = labelOf(route.nlri.label)
    const path = this.pathOf(route)
    return path === null ? localHop(prefix, this.edge.destinationOf(label, prefix.ip)!) : { path, label }
  }

  /** The path to the provider edge of a usable route; null where that is this node. */
  private pathOf({ set }: VpnRoute): TransportPath | null {
    const { nextHop: remote } = set
    if (remote === null || remote === this.edge.address) return null
    const known = this.paths.get(set)
    if (known !== undefined) return known
    const path = { remote, type: this.edge.transportTo(encapsulationsOf(set))! }
    this.paths.set(set, path)
    return path
  }

  /** Whether it is a route of another VRF here, to that label. */
  private isOf({ nlri, set, source }: VpnRoute, label: number): boolean {
    return source.peer === null && set.nextHop === this.edge.address && labelOf(nlri.label) === label
  }

  private refreshProxies(known: KnownPrefix): void {
    const { prefix, forwarded, proxies } = known
    const { ip, length } = prefix
    if (isIpv4(ip) || length !== hostPrefix(ip).length) return
    const isWanted = forwarded?.isWanted === true
    const ports = isWanted ? proxyPorts(ip, forwarded, this.endpoints.values()) : NO_PORTS
    known.proxies = ports.size === 0 ? NO_PORTS : ports
    for (const port of ports) if (!proxies.has(port)) this.forwarding.addProxy(port, ip)
    for (const port of proxies) if (!ports.has(port)) this.forwarding.removeProxy(port, ip)
  }
}

const NOTHING: readonly never[] = []
const NO_PORTS: ReadonlySet<string> = new Set()

function without<T>(all: readonly T[], one: T): readonly T[] {
  const rest = all.filter((other) => other !== one)
  // a copy has no spare capacity
  return rest.length === 0 ? NOTHING : rest.slice()
}
