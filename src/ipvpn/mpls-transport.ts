import { TunnelType } from '../bgp/constants.ts'
import type { Prefix } from '../bgp/nlri/prefix.ts'
import type { Dataplane, Encapsulation, Hop, MplsTunnel, NextHop, VrfPort } from '../dataplane/model.ts'
import { formatIp, type Ip, isIpv4, mapped } from '../values/address.ts'
import { assert } from '../values/assert.ts'
import { ensure } from '../values/map.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import { projectVrf, type VrfEntry, type VrfTable } from './project.ts'

/** Mark of the blackhole VRF. */
export const BLACKHOLE_ALIAS = 'chanter:dead end'

/** How labelled packets leave: by an interface that carries MPLS, or in tunnels, of this kind unless the peer asks for another one. */
export type TransportConfig = { readonly interface: string } | { readonly tunnels: Encapsulation }

/** How labelled packets reach other provider edges. */
export interface MplsTransportConfig {
  /** Next hop of our routes, and source address of our tunnels. */
  readonly address: Ip
  readonly ends: TunnelEnds
  readonly transport: TransportConfig
  /** The underlay interface of tunnels; null where it is unknown. */
  readonly underlay: string | null
  /** Whether tunnels accept labelled packets of all nodes, not only of provider edges with routes. */
  readonly fromAnyone: boolean
  /** The blackhole VRF: for packets that may not be sent, or not be delivered. */
  readonly blackhole: () => VrfTable
  /** A free name for a tunnel to `remote`, or for one from all. */
  readonly tunnelName: (
    encapsulation: Encapsulation,
    remote: Ip | null,
    isTaken: (name: string) => boolean,
  ) => string
}

/** An endpoint that receives packets with one of our labels. */
export interface LabelDestination {
  readonly port: string
  readonly ip: Ip
  /** The subnet whose hosts are on the link of the port, each for itself; null: all other addresses reached here are behind `ip`. */
  readonly link: Prefix | null
}

/** The transport to another provider edge: MPLS itself, or tunnels. */
export type TransportType = 'mpls' | Encapsulation

/** A path to another provider edge. */
export interface TransportPath {
  readonly remote: Ip
  readonly type: TransportType
}

/** The transport's view of routes. */
export interface MplsTransportView {
  readonly address: Ip
  readonly ends: Pick<TunnelEnds, 'whyNot'>
  /** Tunnels reach next hops of our own address family only. */
  readonly tunnels: boolean
  /** The transport to a peer that advertises these tunnel types, our own type first; undefined where there is none. */
  transportTo(tunnelTypes: readonly number[]): TransportType | undefined
  /** The delivery of packets with this local label that are for `ip`, or for a prefix behind an endpoint of its family. */
  destinationOf(label: number, ip: Ip): LabelDestination | undefined
}

/** The attributes of a route that asks for each of these transports. */
const TUNNEL_TYPES: Readonly<
  Record<TransportType, readonly [announced: number, ...others: readonly number[]]>
> = {
  mpls: [TunnelType.Mpls],
  gre: [TunnelType.Gre, TunnelType.MplsInGre],
  udp: [TunnelType.MplsInUdp],
}

/** The tunnel type that routes of a node advertise. */
export function tunnelTypeOf(carrier: TransportConfig): number {
  return TUNNEL_TYPES[transportTypeOf(carrier)][0]
}

function transportTypeOf(carrier: TransportConfig): TransportType {
  return 'interface' in carrier ? 'mpls' : carrier.tunnels
}

interface Used {
  readonly tunnel: MplsTunnel
  /** Packets in a tunnel without a label are dropped. */
  readonly port: VrfPort
  users: number
}

interface WatchedNextHop {
  /** The node's own path there, null without one; undefined until that is known. */
  nextHop: NextHop | null | undefined
  users: number
}

/** Registered with the transport to be notified of changes. */
export interface MplsTransportListener {
  /** Packets to that provider edge have to be resolved anew. */
  nextHopChanged(remote: Ip): void
  /** These addresses may have become, or ceased to be, provider edges that packets go to. */
  endsChanged(changed: ReadonlySet<Ip>): void
  /** Packets with that local label have another destination. */
  destinationsChanged(label: number): void
}

/** The part that the VRFs of a node share: the path into the underlay, tunnels as long as routes need them, and the sites of labels. */
export class MplsTransport implements MplsTransportView {
  readonly config: MplsTransportConfig
  private readonly dataplane: Dataplane
  private readonly used = new Map<string, Used>()
  private readonly destinations = new Map<number, readonly LabelDestination[]>()
  /** Provider edges that are reached by an interface without a tunnel, and their paths. */
  private readonly watched = new Map<Ip, WatchedNextHop>()
  private readonly listeners = new Set<MplsTransportListener>()

  constructor(config: MplsTransportConfig, dataplane: Dataplane) {
    this.config = config
    this.dataplane = dataplane
    config.ends.listen((changed) => {
      for (const listener of this.listeners) listener.endsChanged(changed)
    })
  }

  get ends(): TunnelEnds {
    return this.config.ends
  }

  get address(): Ip {
    return this.config.address
  }

  get blackhole(): VrfTable {
    return this.config.blackhole()
  }

  get tunnels(): boolean {
    return this.own !== 'mpls'
  }

  /** The tunnel type that our routes advertise: the encapsulation in which we accept packets from all nodes. */
  get tunnelType(): number {
    return tunnelTypeOf(this.config.transport)
  }

  transportTo(tunnelTypes: readonly number[]): TransportType | undefined {
    if (tunnelTypes.includes(TunnelType.None)) return this.own
    const ours: readonly TransportType[] = this.tunnels ? [this.own, 'gre', 'udp'] : [this.own]
    return ours.find((by) => TUNNEL_TYPES[by].some((type) => tunnelTypes.includes(type)))
  }

  destinationOf(label: number, ip: Ip): LabelDestination | undefined {
    const sites = this.destinations.get(label)?.filter((destination) => destination.ip.length === ip.length)
    return sites?.find((destination) => destination.ip === ip) ?? sites?.[0]
  }

  /** Entries wanted as long as there is any VRF. */
  entries(): VrfEntry[] {
    const { transport, address, fromAnyone } = this.config
    const entries: VrfEntry[] = projectVrf(this.blackhole, BLACKHOLE_ALIAS)
    if ('interface' in transport) return [...entries, { kind: 'mpls-interface', device: transport.interface }]
    if (transport.tunnels === 'udp') entries.push({ kind: 'udp-port', device: 'lo', ip: address })
    if (!fromAnyone) return entries
    const { tunnel, port } = this.tunnel(transport.tunnels, null)
    return [...entries, tunnel, port]
  }

  /** Directs packets with that label to a site, in place of the earlier site of its address. */
  addDestination(label: number, destination: LabelDestination): void {
    const before = this.destinations.get(label) ?? []
    const index = before.findIndex(({ ip }) => ip === destination.ip)
    if (index >= 0 && isSameDestination(before[index]!, destination)) return
    this.setDestinations(label, index < 0 ? [...before, destination] : before.with(index, destination))
  }

  removeDestination(label: number, ip: Ip): void {
    const before = this.destinations.get(label) ?? []
    const rest = before.filter((destination) => destination.ip !== ip)
    if (rest.length < before.length) this.setDestinations(label, rest)
  }

  /**
   * The hop for packets to `prefix` by a path to a provider edge. The path is kept until it is released as often; null until
   * the node's own path there is known, of which listeners are notified.
   */
  hold(path: TransportPath, label: number, prefix: Ip): Hop | null {
    const { remote, type } = path
    const { transport } = this.config
    if ('interface' in transport) {
      const followed = this.watch(remote)
      followed.users++
      if (followed.nextHop === undefined) return null
      // it may be behind a router, or at the end of a label-switched path; through any other interface it counts as a neighbour
      const nextHop = followed.nextHop?.device === transport.interface ? followed.nextHop : null
      const next = nextHop?.via ?? remote
      // An IPv6 route has no IPv4 gateway, but accepts the mapped address as one.
      const via = isIpv4(prefix) ? next : mapped(next)
      return {
        device: transport.interface,
        via,
        labels: nextHop === null ? [label] : [...nextHop.labels, label],
        weight: 1,
      }
    }
    for (const encapsulation of tunnelsOf(type, transport.tunnels)) {
      const used = ensure(this.used, tunnelKey(encapsulation, remote), () =>
        this.tunnel(encapsulation, remote),
      )
      if (used.users++ > 0) continue
      this.dataplane.want(used.tunnel)
      this.dataplane.want(used.port)
    }
    return {
      device: this.used.get(tunnelKey(type, remote))!.tunnel.device,
      via: null,
      labels: [label],
      weight: 1,
    }
  }

  release({ remote, type }: TransportPath): void {
    const { transport } = this.config
    if ('interface' in transport) return this.unwatch(remote)
    for (const encapsulation of tunnelsOf(type, transport.tunnels)) {
      const key = tunnelKey(encapsulation, remote)
      const used = this.used.get(key)
      assert(used !== undefined && used.users > 0, 'a tunnel is released that is not in use', key)
      if (--used.users > 0) continue
      this.used.delete(key)
      this.dataplane.unwant(used.port)
      this.dataplane.unwant(used.tunnel)
    }
  }

  listen(listener: MplsTransportListener): void {
    this.listeners.add(listener)
  }

  unlisten(listener: MplsTransportListener): void {
    this.listeners.delete(listener)
  }

  /** Routes change when a label gets its first site or loses its last. */
  private setDestinations(label: number, sites: readonly LabelDestination[]): void {
    const wasKnown = this.destinations.has(label)
    if (sites.length > 0) this.destinations.set(label, sites)
    else this.destinations.delete(label)
    if (wasKnown && sites.length > 0)
      for (const listener of this.listeners) listener.destinationsChanged(label)
  }

  private watch(remote: Ip): WatchedNextHop {
    const known = this.watched.get(remote)
    if (known !== undefined) return known
    const followed: WatchedNextHop = { nextHop: undefined, users: 0 }
    this.watched.set(remote, followed)
    this.dataplane.watchNextHop(remote, (nextHop) => {
      const isKnown = followed.users > 0
      followed.nextHop = nextHop
      // the first follower is about to ask
      if (isKnown) for (const listener of this.listeners) listener.nextHopChanged(remote)
    })
    return followed
  }

  private unwatch(remote: Ip): void {
    const followed = this.watched.get(remote)
    assert(followed !== undefined && followed.users > 0, 'a provider edge is released that is not watched')
    if (--followed.users > 0) return
    this.watched.delete(remote)
    this.dataplane.unwatchNextHop(remote)
  }

  private get own(): TransportType {
    return transportTypeOf(this.config.transport)
  }

  private tunnel(encapsulation: Encapsulation, remote: Ip | null): Used {
    const { address: local, underlay } = this.config
    const taken = new Set([...this.used.values()].map(({ tunnel }) => tunnel.device))
    const device = this.config.tunnelName(encapsulation, remote, (name) => taken.has(name))
    const alias = `chanter:${remote === null ? 'from anyone' : `to ${formatIp(remote)}`}`
    return {
      tunnel: { kind: 'tunnel', device, alias, encapsulation, local, remote, mtu: null, underlay },
      port: { kind: 'vrf-port', device, vrf: this.blackhole.device },
      users: 0,
    }
  }
}

function isSameDestination(a: LabelDestination, b: LabelDestination): boolean {
  return a.port === b.port && a.link?.ip === b.link?.ip && a.link?.length === b.link?.length
}

/** The tunnels with another provider edge: packets to it use the type that it advertises, those from it the type that we advertise. */
function tunnelsOf(by: TransportType, ours: Encapsulation): readonly Encapsulation[] {
  return by === ours || by === 'mpls' ? [ours] : [by, ours]
}

function tunnelKey(encapsulation: TransportType, remote: Ip): string {
  return `${encapsulation} ${remote}`
}
