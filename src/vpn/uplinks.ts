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

/** All are asked for at once: an answer may have a long way. */
type Asked = Promise<Use | null> | Use

export interface UplinksParts {
  readonly config: Pick<VpnConfig, 'bgpAddress' | 'vtep' | 'ipvpn'>
  /** The addresses of configured BGP peers at the moment. */
  readonly peers: () => readonly Ip[]
  readonly dataplane: Dataplane
}

/** The interfaces that tunnels and sessions of the machine itself go by: none of them can be part of a VPN. */
export class Uplinks {
  private readonly config: UplinksParts['config']
  private readonly peers: UplinksParts['peers']
  private readonly dataplane: Dataplane

  constructor({ config, peers, dataplane }: UplinksParts) {
    this.config = config
    this.peers = peers
    this.dataplane = dataplane
  }

  /** What of the machine itself depends on the interface, as a clause about it; null where nothing does. */
  needing(name: string): Promise<string | null> {
    return this.first(name, [...this.tunnels(), ...this.sessions()])
  }

  /** As `needing`, for tunnels alone. */
  tunnelsNeeding(name: string): Promise<string | null> {
    return this.first(name, this.tunnels())
  }

  private tunnels(): Asked[] {
    const { vtep, ipvpn } = this.config
    const asked: Asked[] = [...new Set([vtep, ipvpn.address])].map((ip) =>
      this.holder(ip, `has the tunnel address ${formatIp(ip)}`),
    )
    return 'interface' in ipvpn.carrier
      ? [...asked, { device: ipvpn.carrier.interface, why: 'is the mpls_interface' }]
      : asked
  }

  private sessions(): Asked[] {
    const { bgpAddress } = this.config
    return [
      this.holder(bgpAddress, `has the BGP address ${formatIp(bgpAddress)}`),
      ...this.peers().map((peer) => this.way(peer)),
    ]
  }

  private async holder(ip: Ip, why: string): Promise<Use | null> {
    const device = await this.dataplane.holderOf(ip)
    return device === null ? null : { device, why }
  }

  private async way(peer: Ip): Promise<Use | null> {
    const way = await this.dataplane.wayTo(peer)
    return way === null ? null : { device: way.device, why: `leads to BGP peer ${formatIp(peer)}` }
  }

  private async first(name: string, asked: readonly Asked[]): Promise<string | null> {
    const seen = new Set<string>()
    for (const use of await Promise.all(asked)) {
      if (use === null || seen.has(use.device)) continue
      const { device, why } = use
      if (device === name) return why
      if (await this.standsOn(device, name, seen)) return `carries ${device}, which ${why}`
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
