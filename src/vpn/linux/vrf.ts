import type { Prefix } from '../../bgp/nlri/prefix.ts'
import type {
  Dataplane,
  Entry,
  FixedNeighbour,
  Hop,
  LabelRoute,
  PortAddress,
  Unreachable,
  Veth,
  VrfDevice,
  VrfPort,
  VrfRoute,
} from '../../dataplane/model.ts'
import type { IpEndpoint } from '../../ipvpn/endpoint.ts'
import type { EndpointForwarding, TransportPath, VrfHop } from '../../ipvpn/forwarding.ts'
import { ANY_IPV4, ANY_IPV6, type Ip, isIpv4 } from '../../values/address.ts'
import type { IpVpnForwarding } from '../backend.ts'
import type { MplsTransport } from './mpls-transport.ts'
import { type VethOwner, vethEntries } from './veth-pair.ts'

/** The VRF device of an instance and its routing table. */
export interface VrfTable {
  readonly device: string
  readonly table: number
}

export interface LinuxVrfConfig extends VrfTable, VethOwner {
  readonly free: () => void
}

export type VrfEndpointEntry = Veth | VrfPort | PortAddress | FixedNeighbour | LabelRoute

/** Most routes have one path: a list would double its memory. */
type TransportPaths = TransportPath | readonly TransportPath[]

/** The entry of a prefix. */
class LinuxRoute {
  entry: VrfRoute | null = null
  /** Paths to provider edges that it uses. */
  held: TransportPaths = NO_PATHS

  get isWanted(): boolean {
    return this.entry !== null
  }

  leadsTo(port: string): boolean {
    return this.entry?.hops.some(({ device }) => device === port) === true
  }
}

/** A VRF as a VRF device with its routing table. */
export class LinuxVrf implements IpVpnForwarding {
  readonly mayBeStale = true
  private readonly config: LinuxVrfConfig
  private readonly transport: MplsTransport
  private readonly dataplane: Dataplane

  constructor(config: LinuxVrfConfig, transport: MplsTransport, dataplane: Dataplane) {
    this.config = config
    this.transport = transport
    this.dataplane = dataplane
  }

  get state(): VrfTable {
    const { table, device } = this.config
    return { table, device }
  }

  get deviceNames(): readonly string[] {
    return [this.config.device]
  }

  get shown() {
    const { device, table } = this.config
    return { vrf_if: device, route_table: table }
  }

  free(): void {
    this.config.free()
  }

  /** Entries of the VRF and of the transport, wanted from the first endpoint to the last. */
  instanceEntries(): Entry[] {
    return [...vrfEntries(this.config, this.config.alias), ...this.transport.entries()]
  }

  /** The entries of a local endpoint, except its route. Packets from its port go to the VRF, or to the blackhole VRF: outside any VRF they would use the main table. */
  endpointEntries({ endpoint, isAdmitted, gateway, delivery }: EndpointForwarding): VrfEndpointEntry[] {
    const { port: device, label, mac, ip, irb } = endpoint
    const vrf = isAdmitted ? this.config.device : this.transport.blackhole.device
    const veth = irb === null ? [] : vethEntries(this.config, device, irb.device)
    const entries: VrfEndpointEntry[] = [...veth, { kind: 'vrf-port', device, vrf }]
    if (gateway !== null) entries.push({ kind: 'address', device, ...gateway })
    if (ip !== null) entries.push({ kind: 'fixed-neighbour', device, ip, mac })
    if (delivery !== null) {
      const hop = delivery === 'lookup' ? hopTo(this.config.device, null) : hopTo(delivery.port, delivery.via)
      entries.push({ kind: 'mpls', device: 'lo', label, hops: [hop] })
    }
    return entries
  }

  setRoute(prefix: Prefix, hops: readonly VrfHop[], before: LinuxRoute | null): LinuxRoute | null {
    const known = before ?? new LinuxRoute()
    const { held, entry } = known
    known.held = pathsOf(hops)
    const own = this.hopsOf(prefix.ip, hops)
    // until all paths are known, the wanted route stays
    if (own !== null) {
      known.entry = this.routeBy(prefix, own)
      if (known.entry !== null) this.dataplane.want(known.entry)
      else if (entry !== null) this.dataplane.unwant(entry)
    }
    for (const path of all(held)) this.transport.release(path)
    return known.isWanted || known.held !== NO_PATHS ? known : null
  }

  addProxy(device: string, ip: Ip): void {
    this.dataplane.want({ kind: 'proxy-neighbour', device, ip })
  }

  removeProxy(device: string, ip: Ip): void {
    this.dataplane.unwant({ kind: 'proxy-neighbour', device, ip })
  }

  listen(pathChanged: (remote: Ip) => void): () => void {
    return this.transport.listen(pathChanged)
  }

  routeEntries({ entry }: LinuxRoute): Entry[] {
    return entry === null ? [] : [entry]
  }

  *addressEntries(route: LinuxRoute | null, ip: Ip | null, local: Iterable<IpEndpoint>): Iterable<Entry> {
    if (route !== null) yield* this.routeEntries(route)
    else if (ip !== null) yield unreachable(this.config, isIpv4(ip) ? ANY_IPV4 : ANY_IPV6)
    for (const { port, ip, mac, label } of local) {
      if (ip !== null) yield { kind: 'fixed-neighbour', device: port, ip, mac }
      yield labelEntry(label)
    }
  }

  labelEntries(labels: Iterable<number>): Entry[] {
    return Array.from(labels, labelEntry)
  }

  /** Null until the node's own paths to all provider edges are known. */
  private hopsOf(prefix: Ip, hops: readonly VrfHop[]): Hop[] | null {
    const own: Hop[] = []
    let isKnown = true
    for (const hop of hops) {
      const found = this.hop(prefix, hop)
      if (found === null) isKnown = false
      else if (found !== 'none') own.push(found)
    }
    return isKnown ? own : null
  }

  /**
   * Linux accepts IPv4 packets from an address only if there is a route back to it, also where `rp_filter` is loose (RFC 3704 §2.4); IPv6
   * packets need none.
   */
  private hop(prefix: Ip, hop: VrfHop): Hop | 'none' | null {
    if (hop === 'discard') return isIpv4(prefix) ? hopTo(this.transport.blackhole.device, null) : 'none'
    if ('port' in hop) return hopTo(hop.port, hop.via)
    return this.transport.hold(hop.path, hop.label, prefix)
  }

  /** A route by these hops, each once; null where there are none. */
  private routeBy({ ip, length }: Prefix, hops: Hop[]): VrfRoute | null {
    const { device, table } = this.config
    if (hops.length === 0) return null
    return { kind: 'route', device, table, prefix: ip, prefixLength: length, hops: different(hops) }
  }
}

/** The VRF, in which nothing is reachable at first. */
export function vrfEntries(vrf: VrfTable, alias: string): (VrfDevice | Unreachable)[] {
  const { device, table } = vrf
  return [{ kind: 'vrf', device, alias, table }, unreachable(vrf, ANY_IPV4), unreachable(vrf, ANY_IPV6)]
}

function unreachable({ device, table }: VrfTable, prefix: Ip): Unreachable {
  return { kind: 'unreachable', device, table, prefix, prefixLength: 0 }
}

function labelEntry(label: number): LabelRoute {
  return { kind: 'mpls', device: 'lo', label, hops: [] }
}

function hopTo(device: string, via: Ip | null): Hop {
  return { device, via, labels: [], weight: 1 }
}

const NO_PATHS: readonly never[] = []

function pathsOf(hops: readonly VrfHop[]): TransportPaths {
  const [first, ...more] = hops.flatMap((hop) => (hop !== 'discard' && 'path' in hop ? [hop.path] : []))
  if (first === undefined) return NO_PATHS
  return more.length === 0 ? first : [first, ...more]
}

function all(paths: TransportPaths): readonly TransportPath[] {
  return 'type' in paths ? [paths] : paths
}

/** A list without spare capacity. */
function different(hops: readonly Hop[]): Hop[] {
  if (hops.length === 1) return [hops[0]!]
  const byKey = new Map(hops.map((hop) => [`${hop.device} ${hop.via} ${hop.labels.join('/')}`, hop]))
  const [only] = byKey.values()
  return byKey.size === 1 ? [only!] : [...byKey.values()]
}
