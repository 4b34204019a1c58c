import { TunnelType } from '../bgp/constants.ts'
import type { Prefix } from '../bgp/nlri/prefix.ts'
import type { Ip } from '../values/address.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import type { TransportType } from './forwarding.ts'

/** How labelled packets leave: by an interface that carries MPLS, or in tunnels, of this kind unless the peer asks for another one. */
export type TransportConfig =
  | { readonly interface: string }
  | { readonly tunnels: Exclude<TransportType, 'mpls'> }

/** An endpoint that receives packets with one of our labels. */
export interface LabelDestination {
  readonly port: string
  readonly ip: Ip
  /** The subnet whose hosts are on the link of the port, each for itself; null: all other addresses reached here are behind `ip`. */
  readonly link: Prefix | null
}

/** The provider edge's view of routes. */
export interface ProviderEdgeView {
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
  Record<TransportType, readonly [advertised: number, ...others: readonly number[]]>
> = {
  mpls: [TunnelType.Mpls],
  gre: [TunnelType.Gre, TunnelType.MplsInGre],
  udp: [TunnelType.MplsInUdp],
}

/** The tunnel type that routes of a node advertise. */
export function tunnelTypeOf(config: TransportConfig): number {
  return TUNNEL_TYPES[transportTypeOf(config)][0]
}

function transportTypeOf(config: TransportConfig): TransportType {
  return 'interface' in config ? 'mpls' : config.tunnels
}

export interface ProviderEdgeConfig {
  /** Next hop of our routes. */
  readonly address: Ip
  readonly ends: TunnelEnds
  readonly transport: TransportConfig
}

/** This node as a provider edge, which its VRFs share: the encapsulations of labelled packets, and the destinations of its labels. */
export class ProviderEdge implements ProviderEdgeView {
  readonly address: Ip
  readonly ends: TunnelEnds
  /** The tunnel type that our routes advertise: the encapsulation in which we accept packets from all nodes. */
  readonly tunnelType: number
  private readonly own: TransportType
  private readonly destinations = new Map<number, readonly LabelDestination[]>()
  private readonly listeners = new Set<(label: number) => void>()

  constructor({ address, ends, transport }: ProviderEdgeConfig) {
    this.address = address
    this.ends = ends
    this.own = transportTypeOf(transport)
    this.tunnelType = tunnelTypeOf(transport)
  }

  get tunnels(): boolean {
    return this.own !== 'mpls'
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

  /** Reports labels whose packets have another destination. Returns what ends that. */
  listen(destinationsChanged: (label: number) => void): () => void {
    this.listeners.add(destinationsChanged)
    return () => this.listeners.delete(destinationsChanged)
  }

  /** Routes change when a label gets its first site or loses its last. */
  private setDestinations(label: number, sites: readonly LabelDestination[]): void {
    const wasKnown = this.destinations.has(label)
    if (sites.length > 0) this.destinations.set(label, sites)
    else this.destinations.delete(label)
    if (wasKnown && sites.length > 0) for (const listener of this.listeners) listener(label)
  }
}

function isSameDestination(a: LabelDestination, b: LabelDestination): boolean {
  return a.port === b.port && a.link?.ip === b.link?.ip && a.link?.length === b.link?.length
}
