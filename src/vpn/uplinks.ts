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
  needing(name: string): string | null {
    return this.first(name, [...this.tunnels(), ...this.sessions()])
  }

  /** As `needing`, for tunnels alone. */
  tunnelsNeeding(name: string): string | null {
    return this.first(name, this.tunnels())
  }

  private *tunnels(): Generator<Use, void> {
    const { vtep, ipvpn } = this.config
    for (const ip of new Set([vtep, ipvpn.address]))
      yield* this.holder(ip, `has the tunnel address ${formatIp(ip)}`)
    if ('interface' in ipvpn.carrier) yield { device: ipvpn.carrier.interface, why: 'is the mpls_interface' }
  }

  private *sessions(): Generator<Use, void> {
    const { bgpAddress } = this.config
    yield* this.holder(bgpAddress, `has the BGP address ${formatIp(bgpAddress)}`)
    for (const peer of this.peers) {
      const way = this.dataplane.wayTo(peer)
      if (way !== null) yield { device: way.device, why: `leads to BGP peer ${formatIp(peer)}` }
    }
  }

  private *holder(ip: Ip, why: string): Generator<Use, void> {
    const device = this.dataplane.holderOf(ip)
    if (device !== null) yield { device, why }
  }

  private first(name: string, uses: Iterable<Use>): string | null {
    for (const { device, why } of uses) {
      if (device === name) return why
      if (this.standsOn(device, name, new Set())) return `carries ${device}, which ${why}`
    }
    return null
  }

  private standsOn(device: string, name: string, seen: Set<string>): boolean {
    seen.add(device)
    return this.below(device).some(
      (lower) => lower === name || (!seen.has(lower) && this.standsOn(lower, name, seen)),
    )
  }

  private below(device: string): string[] {
    const link = this.dataplane.interfaceNamed(device)
    if (link === undefined) return []
    const ports = AGGREGATES.has(link.kind) ? this.dataplane.portsOf(link.name) : []
    return [...ports.map(({ name }) => name), ...(link.lower === null ? [] : [link.lower])]
  }
}
