import { TunnelType } from '../bgp/constants.ts'
import type { Prefix } from '../bgp/nlri/prefix.ts'
import type { Dataplane, Gre, Hop } from '../dataplane/model.ts'
import { formatIp, type Ip, isIpv4, mapped } from '../values/address.ts'
import { ensure } from '../values/map.ts'
import { type NetworkEntry, type Place, projectVrf } from './project.ts'

/** Mark of the VRF in which nothing is ever reachable. */
export const DEAD_END = 'chanter:dead end'

/** How labelled packets get to other provider edges. */
export interface CoreConfig {
  /** Next hop of our routes, and where our tunnels start. */
  readonly address: Ip
  /** Interface that carries MPLS; null: a GRE tunnel to each provider edge. */
  readonly mplsInterface: string | null
  /** A VRF in which nothing is ever reachable: for what may not be sent, or not be reached. */
  readonly deadEnd: () => Place
  /** The name of a tunnel to `remote`, of those that nobody has. */
  readonly tunnelName: (remote: Ip, isTaken: (name: string) => boolean) => string
}

/** An endpoint that packets with one of our labels go to. */
export interface Site {
  readonly port: string
  readonly ip: Ip
  /** The subnet whose hosts are on the link of the port, each for itself; null: whatever else is reached here is behind `ip`. */
  readonly link: Prefix | null
}

/** What the core tells of routes. */
export interface CoreFacts {
  readonly address: Ip
  /** Tunnels reach next hops of our own address family only. */
  readonly tunnels: boolean
  accepts(tunnelType: number): boolean
  /** Where packets with this label of ours go that are for `ip`, or for something behind an endpoint of its family. */
  siteOf(label: number, ip: Ip): Site | undefined
}

const BARE = [TunnelType.None, TunnelType.Mpls]
const IN_GRE = [TunnelType.None, TunnelType.Gre, TunnelType.MplsInGre]

/** What the VRFs of a machine share: the way into the core, tunnels as long as routes need them, and who has which label. */
export class Core implements CoreFacts {
  readonly config: CoreConfig
  private readonly dataplane: Dataplane
  private readonly tunnelsTo = new Map<Ip, { readonly entry: Gre; users: number }>()
  private readonly sites = new Map<number, Site[]>()

  constructor(config: CoreConfig, dataplane: Dataplane) {
    this.config = config
    this.dataplane = dataplane
  }

  get address(): Ip {
    return this.config.address
  }

  get deadEnd(): Place {
    return this.config.deadEnd()
  }

  get tunnels(): boolean {
    return this.config.mplsInterface === null
  }

  /** Tunnel types that our routes announce. */
  get encapsulations(): readonly number[] {
    return [this.tunnels ? TunnelType.Gre : TunnelType.Mpls]
  }

  accepts(tunnelType: number): boolean {
    return (this.tunnels ? IN_GRE : BARE).some((type) => type === tunnelType)
  }

  siteOf(label: number, ip: Ip): Site | undefined {
    const sites = this.sites.get(label)?.filter((site) => site.ip.length === ip.length)
    return sites?.find((site) => site.ip === ip) ?? sites?.[0]
  }

  /** Entries wanted as long as there is any VRF. */
  entries(): NetworkEntry[] {
    const { mplsInterface } = this.config
    const entries: NetworkEntry[] = projectVrf(this.deadEnd, DEAD_END)
    if (mplsInterface !== null) entries.push({ kind: 'mpls-interface', device: mplsInterface })
    return entries
  }

  plug(label: number, site: Site): void {
    ensure(this.sites, label, () => []).push(site)
  }

  unplug(label: number, ip: Ip): void {
    const rest = this.sites.get(label)?.filter((site) => site.ip !== ip) ?? []
    if (rest.length > 0) this.sites.set(label, rest)
    else this.sites.delete(label)
  }

  /** A way for packets to `prefix` to a provider edge, kept until it is released as often. */
  hold(remote: Ip, label: number, prefix: Ip): Hop {
    const { mplsInterface } = this.config
    if (mplsInterface !== null) {
      // An IPv6 route has no IPv4 gateway, but takes the mapped address for one.
      const via = isIpv4(prefix) ? remote : mapped(remote)
      return { device: mplsInterface, via, labels: [label], weight: 1 }
    }
    const tunnel = ensure(this.tunnelsTo, remote, () => ({ entry: this.tunnel(remote), users: 0 }))
    if (tunnel.users++ === 0) this.dataplane.want(tunnel.entry)
    return { device: tunnel.entry.device, via: null, labels: [label], weight: 1 }
  }

  release(remote: Ip): void {
    const tunnel = this.tunnelsTo.get(remote)
    if (tunnel === undefined || --tunnel.users > 0) return
    this.tunnelsTo.delete(remote)
    this.dataplane.unwant(tunnel.entry)
  }

  private tunnel(remote: Ip): Gre {
    const taken = new Set([...this.tunnelsTo.values()].map(({ entry }) => entry.device))
    const device = this.config.tunnelName(remote, (name) => taken.has(name))
    const alias = `chanter:to ${formatIp(remote)}`
    return { kind: 'gre', device, alias, local: this.address, remote }
  }
}
