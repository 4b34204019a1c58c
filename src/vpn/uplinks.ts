import type { Dataplane } from '../dataplane/model.ts'
import { formatIp, type Ip } from '../values/address.ts'
import type { VpnConfig } from './instances.ts'

/** Kinds of interfaces that stand on what is enslaved to them. */
const AGGREGATES: ReadonlySet<string | null> = new Set(['bond', 'team', 'bridge'])

interface Use {
  readonly device: string
  /** A clause about the device. */
  readonly why: string
}

export interface UplinksParts {
  readonly config: Pick<VpnConfig, 'bgpAddress' | 'vtep' | 'ipvpn'>
  /** The addresses of configured BGP peers. */
  readonly peers: readonly Ip[]
  readonly dataplane: Dataplane
}

/** The interfaces that tunnels and sessions of the machine itself go by: none of them can be part of a VPN. */
export class Uplinks {
  private readonly config: UplinksParts['config']
  private readonly peers: readonly Ip[]
  private readonly dataplane: Dataplane

  constructor({ config, peers, dataplane }: UplinksParts) {
    this.config = config
    this.peers = peers
    this.dataplane = dataplane
  }

  /** What of the machine itself depends on the interface, as a clause about it; null where nothing does. */
  needing(name: string): Promise<string | null> {
    return this.first(name, this.all())
  }

  /** As `needing`, for tunnels alone. */
  tunnelsNeeding(name: string): Promise<string | null> {
    return this.first(name, this.tunnels())
  }

  private async *tunnels(): AsyncGenerator<Use, void> {
    const { vtep, ipvpn } = this.config
    for (const ip of new Set([vtep, ipvpn.address]))
      yield* this.holder(ip, `has the tunnel address ${formatIp(ip)}`)
    if ('interface' in ipvpn.carrier) yield { device: ipvpn.carrier.interface, why: 'is the mpls_interface' }
  }

  private async *all(): AsyncGenerator<Use, void> {
    yield* this.tunnels()
    yield* this.sessions()
  }

  private async *sessions(): AsyncGenerator<Use, void> {
    const { bgpAddress } = this.config
    yield* this.holder(bgpAddress, `has the BGP address ${formatIp(bgpAddress)}`)
    for (const peer of this.peers) {
      const way = await this.dataplane.wayTo(peer)
      if (way !== null) yield { device: way.device, why: `leads to BGP peer ${formatIp(peer)}` }
    }
  }

  private async *holder(ip: Ip, why: string): AsyncGenerator<Use, void> {
    const device = await this.dataplane.holderOf(ip)
    if (device !== null) yield { device, why }
  }

  private async first(name: string, uses: AsyncIterable<Use>): Promise<string | null> {
    for await (const { device, why } of uses) {
      if (device === name) return why
      if (await this.standsOn(device, name, new Set())) return `carries ${device}, which ${why}`
    }
    return null
  }

  private async standsOn(device: string, name: string, seen: Set<string>): Promise<boolean> {
    seen.add(device)
    for (const lower of await this.below(device))
      if (lower === name || (!seen.has(lower) && (await this.standsOn(lower, name, seen)))) return true
    return false
  }

  private async below(device: string): Promise<string[]> {
    const link = await this.dataplane.interfaceNamed(device)
    if (link === undefined) return []
    const ports = AGGREGATES.has(link.kind) ? await this.dataplane.portsOf(link.name) : []
    return [...ports.map(({ name }) => name), ...(link.lower === null ? [] : [link.lower])]
  }
}
