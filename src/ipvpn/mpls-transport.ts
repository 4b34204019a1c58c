import { TunnelType } from '../bgp/constants.ts'
import type { Prefix } from '../bgp/nlri/prefix.ts'
import type { Dataplane, Encapsulation, Hop, MplsTunnel, NextHop, VrfPort } from '../dataplane/model.ts'
import { formatIp, type Ip, isIpv4, mapped } from '../values/address.ts'
import { assert } from '../values/assert.ts'
import { ensure } from '../values/map.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import { projectVrf, type VrfEntry, type VrfTable } from './project.ts'

/** Mark of the VRF in which nothing is ever reachable. */
export const BLACKHOLE_ALIAS = 'chanter:dead end'

/** How labelled packets leave: by an interface that carries MPLS, or in tunnels, of this kind unless the other end asks for another one. */
export type TransportConfig = { readonly interface: string } | { readonly tunnels: Encapsulation }

/** How labelled packets get to other provider edges. */
export interface MplsTransportConfig {
  /** Next hop of our routes, and where our tunnels start. */
  readonly address: Ip
  readonly ends: TunnelEnds
  readonly transport: TransportConfig
  /** The interface that tunnels leave by; null where nobody knows. */
  readonly underlay: string | null
  /** Whether tunnels take labelled packets of all machines, not only of provider edges that routes lead to. */
  readonly fromAnyone: boolean
  /** A VRF in which nothing is ever reachable: for what may not be sent, or not be reached. */
  readonly blackhole: () => VrfTable
  /** The name of a tunnel to `remote`, or of one from all, of those that nobody has. */
  readonly tunnelName: (
    encapsulation: Encapsulation,
    remote: Ip | null,
    isTaken: (name: string) => boolean,
  ) => string
}

/** An endpoint that packets with one of our labels go to. */
export interface LabelDestination {
  readonly port: string
  readonly ip: Ip
  /** The subnet whose hosts are on the link of the port, each for itself; null: whatever else is reached here is behind `ip`. */
  readonly link: Prefix | null
}

/** What takes packets to another provider edge: MPLS itself, or tunnels. */
export type TransportType = 'mpls' | Encapsulation

/** A way to another provider edge. */
export interface TransportPath {
  readonly remote: Ip
  readonly type: TransportType
}

/** What the core tells of routes. */
export interface MplsTransportView {
  readonly address: Ip
  readonly ends: Pick<TunnelEnds, 'whyNot'>
  /** Tunnels reach next hops of our own address family only. */
  readonly tunnels: boolean
  /** What takes packets to who advertises these tunnel types, ours first; undefined where there is nothing. */
  transportTo(tunnelTypes: readonly number[]): TransportType | undefined
  /** Where packets with this label of ours go that are for `ip`, or for something behind an endpoint of its family. */
  destinationOf(label: number, ip: Ip): LabelDestination | undefined
}

/** What a route advertises that takes packets by each of them. */
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
  /** What is in a tunnel and has no label goes nowhere. */
  readonly port: VrfPort
  users: number
}

interface WatchedNextHop {
  /** How the machine itself sends there, null where it does not; undefined until that is known. */
  nextHop: NextHop | null | undefined
  users: number
}

/** Who asked the core for something, and is told when the answer has become another one. */
export interface MplsTransportListener {
  /** What goes to that provider edge is to be held anew. */
  nextHopChanged(remote: Ip): void
  /** These may be provider edges that packets go to now, or no more. */
  endsChanged(changed: ReadonlySet<Ip>): void
  /** Packets with that label of ours go elsewhere. */
  destinationsChanged(label: number): void
}

/** What the VRFs of a machine share: the way into the core, tunnels as long as routes need them, and who has which label. */
export class MplsTransport implements MplsTransportView {
  readonly config: MplsTransportConfig
  private readonly dataplane: Dataplane
  private readonly used = new Map<string, Used>()
  private readonly destinations = new Map<number, readonly LabelDestination[]>()
  /** Provider edges that packets go to by an interface, and how. */
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

  /** The tunnel type that our routes advertise: what we take packets from everybody in. */
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

  /** Has packets with that label go to a site, in the place of what was told of its address before. */
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
   * How packets to `prefix` go on by a way to a provider edge, which is kept until it is released as often; null while it is
   * not known how the machine itself sends there, of which listeners are told.
   */
  hold(path: TransportPath, label: number, prefix: Ip): Hop | null {
    const { remote, type } = path
    const { transport } = this.config
    if ('interface' in transport) {
      const followed = this.watch(remote)
      followed.users++
      if (followed.nextHop === undefined) return null
      // it may be behind a router, or at the end of a label-switched path; what leaves by another interface is taken for a neighbour
      const nextHop = followed.nextHop?.device === transport.interface ? followed.nextHop : null
      const next = nextHop?.via ?? remote
      // An IPv6 route has no IPv4 gateway, but takes the mapped address for one.
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
      assert(used !== undefined && used.users > 0, 'a tunnel is released that nobody holds', key)
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

  /** That a label has a first site, or none any more, routes tell. */
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
      // whoever follows it first is about to ask
      if (isKnown) for (const listener of this.listeners) listener.nextHopChanged(remote)
    })
    return followed
  }

  private unwatch(remote: Ip): void {
    const followed = this.watched.get(remote)
    assert(followed !== undefined && followed.users > 0, 'a provider edge is released that nobody follows')
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

/** The tunnels with another provider edge: packets to it go in what it advertises, those from it come in what we advertise. */
function tunnelsOf(by: TransportType, ours: Encapsulation): readonly Encapsulation[] {
  return by === ours || by === 'mpls' ? [ours] : [by, ours]
}

function tunnelKey(encapsulation: TransportType, remote: Ip): string {
  return `${encapsulation} ${remote}`
}
