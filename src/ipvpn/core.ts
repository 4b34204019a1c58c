import { TunnelType } from '../bgp/constants.ts'
import type { Prefix } from '../bgp/nlri/prefix.ts'
import type { Dataplane, Encapsulation, Hop, NextHop, Tunnel, VrfPort } from '../dataplane/model.ts'
import { formatIp, type Ip, isIpv4, mapped } from '../values/address.ts'
import { assert } from '../values/assert.ts'
import { ensure } from '../values/map.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import { type NetworkEntry, type Place, projectVrf } from './project.ts'

/** Mark of the VRF in which nothing is ever reachable. */
export const DEAD_END = 'chanter:dead end'

/** How labelled packets leave: by an interface that carries MPLS, or in tunnels, of this kind unless the other end asks for another one. */
export type Carrier = { readonly interface: string } | { readonly tunnels: Encapsulation }

/** How labelled packets get to other provider edges. */
export interface CoreConfig {
  /** Next hop of our routes, and where our tunnels start. */
  readonly address: Ip
  readonly ends: TunnelEnds
  readonly carrier: Carrier
  /** The interface that tunnels leave by; null where nobody knows. */
  readonly underlay: string | null
  /** Whether tunnels take labelled packets of all machines, not only of provider edges that routes lead to. */
  readonly fromAnyone: boolean
  /** A VRF in which nothing is ever reachable: for what may not be sent, or not be reached. */
  readonly deadEnd: () => Place
  /** The name of a tunnel to `remote`, or of one from all, of those that nobody has. */
  readonly tunnelName: (
    encapsulation: Encapsulation,
    remote: Ip | null,
    isTaken: (name: string) => boolean,
  ) => string
}

/** An endpoint that packets with one of our labels go to. */
export interface Site {
  readonly port: string
  readonly ip: Ip
  /** The subnet whose hosts are on the link of the port, each for itself; null: whatever else is reached here is behind `ip`. */
  readonly link: Prefix | null
}

/** What takes packets to another provider edge: MPLS itself, or tunnels. */
export type Carriage = 'mpls' | Encapsulation

/** A way to another provider edge. */
export interface Way {
  readonly remote: Ip
  readonly by: Carriage
}

/** What the core tells of routes. */
export interface CoreFacts {
  readonly address: Ip
  readonly ends: Pick<TunnelEnds, 'whyNot'>
  /** Tunnels reach next hops of our own address family only. */
  readonly tunnels: boolean
  /** What takes packets to who announces these tunnel types, ours first; undefined where there is nothing. */
  carriageTo(tunnelTypes: readonly number[]): Carriage | undefined
  /** Where packets with this label of ours go that are for `ip`, or for something behind an endpoint of its family. */
  siteOf(label: number, ip: Ip): Site | undefined
}

/** What a route announces that takes packets by each of them. */
const TUNNEL_TYPES: Readonly<Record<Carriage, readonly [announced: number, ...others: readonly number[]]>> = {
  mpls: [TunnelType.Mpls],
  gre: [TunnelType.Gre, TunnelType.MplsInGre],
  udp: [TunnelType.MplsInUdp],
}

/** The tunnel type that routes of a node announce. */
export function tunnelTypeOf(carrier: Carrier): number {
  return TUNNEL_TYPES[carriageBy(carrier)][0]
}

function carriageBy(carrier: Carrier): Carriage {
  return 'interface' in carrier ? 'mpls' : carrier.tunnels
}

interface Used {
  readonly tunnel: Tunnel
  /** What is in a tunnel and has no label goes nowhere. */
  readonly port: VrfPort
  users: number
}

interface Followed {
  /** How the machine itself sends there, null where it does not; undefined until that is known. */
  way: NextHop | null | undefined
  users: number
}

/** Who asked the core for something, and is told when the answer has become another one. */
export interface CoreListener {
  /** What goes to that provider edge is to be held anew. */
  wayChanged(remote: Ip): void
  /** These may be provider edges that packets go to now, or no more. */
  endsChanged(changed: ReadonlySet<Ip>): void
  /** Packets with that label of ours go elsewhere. */
  sitesChanged(label: number): void
}

/** What the VRFs of a machine share: the way into the core, tunnels as long as routes need them, and who has which label. */
export class Core implements CoreFacts {
  readonly config: CoreConfig
  private readonly dataplane: Dataplane
  private readonly used = new Map<string, Used>()
  private readonly sites = new Map<number, readonly Site[]>()
  /** Provider edges that packets go to by an interface, and how. */
  private readonly followed = new Map<Ip, Followed>()
  private readonly listeners = new Set<CoreListener>()

  constructor(config: CoreConfig, dataplane: Dataplane) {
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

  get deadEnd(): Place {
    return this.config.deadEnd()
  }

  get tunnels(): boolean {
    return this.own !== 'mpls'
  }

  /** The tunnel type that our routes announce: what we take packets from everybody in. */
  get tunnelType(): number {
    return tunnelTypeOf(this.config.carrier)
  }

  carriageTo(tunnelTypes: readonly number[]): Carriage | undefined {
    if (tunnelTypes.includes(TunnelType.None)) return this.own
    const ours: readonly Carriage[] = this.tunnels ? [this.own, 'gre', 'udp'] : [this.own]
    return ours.find((by) => TUNNEL_TYPES[by].some((type) => tunnelTypes.includes(type)))
  }

  siteOf(label: number, ip: Ip): Site | undefined {
    const sites = this.sites.get(label)?.filter((site) => site.ip.length === ip.length)
    return sites?.find((site) => site.ip === ip) ?? sites?.[0]
  }

  /** Entries wanted as long as there is any VRF. */
  entries(): NetworkEntry[] {
    const { carrier, address, fromAnyone } = this.config
    const entries: NetworkEntry[] = projectVrf(this.deadEnd, DEAD_END)
    if ('interface' in carrier) return [...entries, { kind: 'mpls-interface', device: carrier.interface }]
    if (carrier.tunnels === 'udp') entries.push({ kind: 'udp-port', device: 'lo', ip: address })
    if (!fromAnyone) return entries
    const { tunnel, port } = this.tunnel(carrier.tunnels, null)
    return [...entries, tunnel, port]
  }

  /** Has packets with that label go to a site, in the place of what was told of its address before. */
  plug(label: number, site: Site): void {
    const before = this.sites.get(label) ?? []
    const index = before.findIndex(({ ip }) => ip === site.ip)
    if (index >= 0 && isSameSite(before[index]!, site)) return
    this.setSites(label, index < 0 ? [...before, site] : before.with(index, site))
  }

  unplug(label: number, ip: Ip): void {
    const before = this.sites.get(label) ?? []
    const rest = before.filter((site) => site.ip !== ip)
    if (rest.length < before.length) this.setSites(label, rest)
  }

  /**
   * How packets to `prefix` go on by a way to a provider edge, which is kept until it is released as often; null while it is
   * not known how the machine itself sends there, of which listeners are told.
   */
  hold(way: Way, label: number, prefix: Ip): Hop | null {
    const { remote, by } = way
    const { carrier } = this.config
    if ('interface' in carrier) {
      const followed = this.follow(remote)
      followed.users++
      if (followed.way === undefined) return null
      // it may be behind a router, or at the end of a label-switched path; what leaves by another interface is taken for a neighbour
      const way = followed.way?.device === carrier.interface ? followed.way : null
      const next = way?.via ?? remote
      // An IPv6 route has no IPv4 gateway, but takes the mapped address for one.
      const via = isIpv4(prefix) ? next : mapped(next)
      return {
        device: carrier.interface,
        via,
        labels: way === null ? [label] : [...way.labels, label],
        weight: 1,
      }
    }
    for (const encapsulation of tunnelsOf(by, carrier.tunnels)) {
      const used = ensure(this.used, keyOf(encapsulation, remote), () => this.tunnel(encapsulation, remote))
      if (used.users++ > 0) continue
      this.dataplane.want(used.tunnel)
      this.dataplane.want(used.port)
    }
    return { device: this.used.get(keyOf(by, remote))!.tunnel.device, via: null, labels: [label], weight: 1 }
  }

  release({ remote, by }: Way): void {
    const { carrier } = this.config
    if ('interface' in carrier) return this.unfollow(remote)
    for (const encapsulation of tunnelsOf(by, carrier.tunnels)) {
      const key = keyOf(encapsulation, remote)
      const used = this.used.get(key)
      assert(used !== undefined && used.users > 0, 'a tunnel is released that nobody holds', key)
      if (--used.users > 0) continue
      this.used.delete(key)
      this.dataplane.unwant(used.port)
      this.dataplane.unwant(used.tunnel)
    }
  }

  listen(listener: CoreListener): void {
    this.listeners.add(listener)
  }

  unlisten(listener: CoreListener): void {
    this.listeners.delete(listener)
  }

  /** That a label has a first site, or none any more, routes tell. */
  private setSites(label: number, sites: readonly Site[]): void {
    const wasKnown = this.sites.has(label)
    if (sites.length > 0) this.sites.set(label, sites)
    else this.sites.delete(label)
    if (wasKnown && sites.length > 0) for (const listener of this.listeners) listener.sitesChanged(label)
  }

  private follow(remote: Ip): Followed {
    const known = this.followed.get(remote)
    if (known !== undefined) return known
    const followed: Followed = { way: undefined, users: 0 }
    this.followed.set(remote, followed)
    this.dataplane.follow(remote, (way) => {
      const isKnown = followed.users > 0
      followed.way = way
      // whoever follows it first is about to ask
      if (isKnown) for (const listener of this.listeners) listener.wayChanged(remote)
    })
    return followed
  }

  private unfollow(remote: Ip): void {
    const followed = this.followed.get(remote)
    assert(followed !== undefined && followed.users > 0, 'a provider edge is released that nobody follows')
    if (--followed.users > 0) return
    this.followed.delete(remote)
    this.dataplane.unfollow(remote)
  }

  private get own(): Carriage {
    return carriageBy(this.config.carrier)
  }

  private tunnel(encapsulation: Encapsulation, remote: Ip | null): Used {
    const { address: local, underlay } = this.config
    const taken = new Set([...this.used.values()].map(({ tunnel }) => tunnel.device))
    const device = this.config.tunnelName(encapsulation, remote, (name) => taken.has(name))
    const alias = `chanter:${remote === null ? 'from anyone' : `to ${formatIp(remote)}`}`
    return {
      tunnel: { kind: 'tunnel', device, alias, encapsulation, local, remote, mtu: null, underlay },
      port: { kind: 'vrf-port', device, vrf: this.deadEnd.device },
      users: 0,
    }
  }
}

function isSameSite(a: Site, b: Site): boolean {
  return a.port === b.port && a.link?.ip === b.link?.ip && a.link?.length === b.link?.length
}

/** The tunnels with another provider edge: packets to it go in what it announces, those from it come in what we announce. */
function tunnelsOf(by: Carriage, ours: Encapsulation): readonly Encapsulation[] {
  return by === ours || by === 'mpls' ? [ours] : [by, ours]
}

function keyOf(encapsulation: Carriage, remote: Ip): string {
  return `${encapsulation} ${remote}`
}
