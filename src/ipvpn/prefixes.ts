import { maskPrefix, type Prefix } from '../bgp/nlri/prefix.ts'
import type { AttributeSet } from '../bgp/rib/attribute-pool.ts'
import { labelOf } from '../bgp/values/label.ts'
import type { Dataplane, Hop, VrfRoute } from '../dataplane/model.ts'
import { type Ip, isIpv4 } from '../values/address.ts'
import { ensure } from '../values/map.ts'
import { type Addressed, hostPrefix, prefixesOf } from './advertise.ts'
import type { IpEndpoint } from './endpoint.ts'
import type { MplsTransport, MplsTransportListener, TransportPath } from './mpls-transport.ts'
import {
  blackholeHop,
  chooseLocal,
  destinationOf,
  gatewayOf,
  localHop,
  projectProxies,
  projectRoute,
  type VrfTable,
} from './project.ts'
import {
  choosePaths,
  encapsulationsOf,
  type Outcome,
  type RouteSelectionContext,
  unusable,
  type VpnRoute,
  whyNotChosen,
} from './select.ts'

/** The routes, endpoints and result of a prefix. There are many, most of one route: empty parts are shared. */
interface Known {
  readonly prefix: Prefix
  local: readonly Addressed[]
  learned: readonly VpnRoute[]
  wanted: VrfRoute | null
  /** Paths to provider edges that `wanted` uses. */
  held: readonly TransportPath[]
  /** Ports that answer for it, if it is an IPv6 address. */
  proxies: ReadonlySet<string>
}

/** The prefixes of one VRF: each is behind local endpoints, or at the next hops of its best routes. */
export class Prefixes implements MplsTransportListener {
  private readonly vrf: VrfTable
  private readonly transport: MplsTransport
  private readonly dataplane: Dataplane
  private readonly endpoints: ReadonlyMap<string, IpEndpoint>
  private readonly context: RouteSelectionContext
  /** Addresses of this node, by the number of endpoints that have them as gateway. */
  private readonly gateways = new Map<Ip, number>()
  private readonly known = new Map<string, Known>()
  /** Many routes have the same attributes. */
  private readonly paths = new WeakMap<AttributeSet, TransportPath>()

  /** `endpoints` are those of the VRF, as a live view. */
  constructor(
    vrf: VrfTable,
    transport: MplsTransport,
    dataplane: Dataplane,
    endpoints: ReadonlyMap<string, IpEndpoint>,
  ) {
    this.vrf = vrf
    this.transport = transport
    this.dataplane = dataplane
    this.endpoints = endpoints
    this.context = {
      address: transport.address,
      ends: transport.ends,
      tunnels: transport.tunnels,
      transportTo: (types) => transport.transportTo(types),
      destinationOf: (label, ip) => transport.destinationOf(label, ip),
      isGateway: ({ ip, length }) => length === ip.length * 8 && this.gateways.has(ip),
    }
  }

  /** From now on, uses the paths that packets to other provider edges take. */
  start(): void {
    this.transport.listen(this)
  }

  stop(): void {
    this.transport.unlisten(this)
  }

  nextHopChanged(remote: Ip): void {
    for (const known of this.known.values())
      if (known.held.some((path) => path.remote === remote)) this.refresh(known)
  }

  endsChanged(changed: ReadonlySet<Ip>): void {
    for (const known of this.known.values())
      if (known.learned.some(({ set }) => set.nextHop !== null && changed.has(set.nextHop)))
        this.refresh(known)
  }

  destinationsChanged(label: number): void {
    for (const known of this.known.values())
      if (known.learned.some((route) => this.isOf(route, label))) this.refresh(known)
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

  /** The wanted route of the prefix; null when there is no path to it. */
  wantedFor(prefix: Prefix): VrfRoute | null {
    return this.known.get(prefixKeyOf(prefix))?.wanted ?? null
  }

  /** The route for packets to an address: of the wanted ones, the one with the longest prefix. */
  routeTo(ip: Ip): VrfRoute | null {
    for (let length = ip.length * 8; length >= 0; length--) {
      const route = this.wantedFor({ ip: maskPrefix(ip, length), length })
      if (route !== null) return route
    }
    return null
  }

  /** The selection result of a learned route. */
  outcomeOf(route: VpnRoute): Outcome {
    const reason = unusable(route, this.context)
    if (reason !== null) return { fate: 'unusable', reason }
    const known = this.known.get(prefixKeyOf(route.nlri))
    const paths = known === undefined ? [] : this.pathsTo(known)
    return paths.includes(route)
      ? { fate: 'used', reason: null }
      : { fate: 'beaten', reason: whyNotChosen(route, paths) }
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

  private of(prefix: Prefix): Known {
    return ensure(this.known, prefixKeyOf(prefix), () => ({
      prefix,
      local: NOTHING,
      learned: NOTHING,
      wanted: null,
      held: NOTHING,
      proxies: NO_PORTS,
    }))
  }

  /** The learned routes that forwarding uses; a prefix behind a local endpoint is nowhere else. */
  private pathsTo({ local, learned }: Known): readonly VpnRoute[] {
    if (chooseLocal(local).length > 0) return []
    return choosePaths(learned.filter((route) => unusable(route, this.context) === null))
  }

  private refresh(known: Known): void {
    const { prefix, held } = known
    const paths = this.pathsTo(known)
    const hops = this.hops(known, paths)
    known.held = snug(paths.flatMap((route) => this.pathOf(route) ?? []))
    // until all paths are known, the wanted route stays
    if (hops.every((hop) => hop !== null)) this.want(known, hops)
    for (const path of held) this.transport.release(path)
    if (known.local.length === 0 && known.learned.length === 0) this.known.delete(prefixKeyOf(prefix))
  }

  private want(known: Known, learned: readonly Hop[]): void {
    const { prefix } = known
    const hops = [...this.localHops(known), ...learned]
    const nowhere = blackholeHop(prefix, known.local, this.transport.blackhole)
    if (hops.length === 0 && nowhere !== null) hops.push(nowhere)
    const route = projectRoute(this.vrf, prefix, hops)
    if (route !== null) this.dataplane.want(route)
    else if (known.wanted !== null) this.dataplane.unwant(known.wanted)
    known.wanted = route
    this.refreshProxies(known)
  }

  private localHops({ prefix, local }: Known): Hop[] {
    if (this.context.isGateway(prefix)) return []
    return chooseLocal(local).map((endpoint) => localHop(prefix, destinationOf(endpoint)))
  }

  private hops({ prefix }: Known, paths: readonly VpnRoute[]): (Hop | null)[] {
    return paths.map((route) => {
      const label = labelOf(route.nlri.label)
      const path = this.pathOf(route)
      if (path !== null) return this.transport.hold(path, label, prefix.ip)
      return localHop(prefix, this.transport.destinationOf(label, prefix.ip)!)
    })
  }

  /** The path to the provider edge of a usable route; null where that is this node. */
  private pathOf({ set }: VpnRoute): TransportPath | null {
    const { nextHop: remote } = set
    if (remote === null || remote === this.transport.address) return null
    const known = this.paths.get(set)
    if (known !== undefined) return known
    const path = { remote, type: this.transport.transportTo(encapsulationsOf(set))! }
    this.paths.set(set, path)
    return path
  }

  /** Whether it is a route of another VRF here, to that label. */
  private isOf({ nlri, set, source }: VpnRoute, label: number): boolean {
    return source.peer === null && set.nextHop === this.transport.address && labelOf(nlri.label) === label
  }

  private refreshProxies(known: Known): void {
    const { prefix, wanted, proxies } = known
    if (isIpv4(prefix.ip) || prefix.length !== hostPrefix(prefix.ip).length) return
    const entries = wanted === null ? [] : projectProxies(prefix.ip, wanted.hops, this.endpoints.values())
    known.proxies = entries.length === 0 ? NO_PORTS : new Set(entries.map(({ device }) => device))
    for (const entry of entries) if (!proxies.has(entry.device)) this.dataplane.want(entry)
    for (const device of proxies)
      if (!known.proxies.has(device))
        this.dataplane.unwant({ kind: 'proxy-neighbour', device, ip: prefix.ip })
  }
}

const NOTHING: readonly never[] = []
const NO_PORTS: ReadonlySet<string> = new Set()

function without<T>(all: readonly T[], one: T): readonly T[] {
  return snug(all.filter((other) => other !== one))
}

/** A copy without the spare capacity of a list that has grown. */
function snug<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? NOTHING : list.slice()
}

function prefixKeyOf({ ip, length }: Prefix): string {
  return String.fromCharCode(length) + ip
}
