import type {
  Dataplane,
  Encapsulation,
  Entry,
  Hop,
  MplsTunnel,
  NextHop,
  VrfPort,
} from '../../dataplane/model.ts'
import type { TransportPath, TransportType } from '../../ipvpn/forwarding.ts'
import type { TransportConfig } from '../../ipvpn/provider-edge.ts'
import { formatIp, type Ip, isIpv4, mapped } from '../../values/address.ts'
import { assert } from '../../values/assert.ts'
import { ensure } from '../../values/map.ts'
import { tunnelName } from './names.ts'
import { type VrfTable, vrfEntries } from './vrf.ts'

/** Mark of the blackhole VRF. */
export const BLACKHOLE_ALIAS = 'chanter:dead end'

/** How labelled packets reach other provider edges. */
export interface MplsTransportConfig {
  /** Source address of our tunnels. */
  readonly address: Ip
  readonly transport: TransportConfig
  /** The underlay interface of tunnels; null where it is unknown. */
  readonly underlay: string | null
  /** Whether tunnels accept labelled packets of all nodes, not only of provider edges with routes. */
  readonly fromAnyone: boolean
  /** The blackhole VRF: for packets that may not be sent, or not be delivered. */
  readonly blackhole: () => VrfTable
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

/** The part that the VRFs of a node share: the paths into the underlay, and tunnels as long as routes need them. */
export class MplsTransport {
  private readonly config: MplsTransportConfig
  private readonly dataplane: Dataplane
  private readonly used = new Map<string, Used>()
  /** Provider edges that are reached by an interface without a tunnel, and their paths. */
  private readonly watched = new Map<Ip, WatchedNextHop>()
  private readonly listeners = new Set<(remote: Ip) => void>()

  constructor(config: MplsTransportConfig, dataplane: Dataplane) {
    this.config = config
    this.dataplane = dataplane
  }

  get blackhole(): VrfTable {
    return this.config.blackhole()
  }

  /** Entries wanted as long as there is any VRF. */
  entries(): Entry[] {
    const { transport, address, fromAnyone } = this.config
    const entries: Entry[] = vrfEntries(this.blackhole, BLACKHOLE_ALIAS)
    if ('interface' in transport) return [...entries, { kind: 'mpls-interface', device: transport.interface }]
    if (transport.tunnels === 'udp') entries.push({ kind: 'udp-port', device: 'lo', ip: address })
    if (!fromAnyone) return entries
    const { tunnel, port } = this.tunnel(transport.tunnels, null)
    return [...entries, tunnel, port]
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
      const used = ensure(this.used, transportTunnelKey(encapsulation, remote), () =>
        this.tunnel(encapsulation, remote),
      )
      if (used.users++ > 0) continue
      this.dataplane.want(used.tunnel)
      this.dataplane.want(used.port)
    }
    return {
      device: this.used.get(transportTunnelKey(type, remote))!.tunnel.device,
      via: null,
      labels: [label],
      weight: 1,
    }
  }

  release({ remote, type }: TransportPath): void {
    const { transport } = this.config
    if ('interface' in transport) return this.unwatch(remote)
    for (const encapsulation of tunnelsOf(type, transport.tunnels)) {
      const key = transportTunnelKey(encapsulation, remote)
      const used = this.used.get(key)
      assert(used !== undefined && used.users > 0, 'a tunnel is released that is not in use', key)
      if (--used.users > 0) continue
      this.used.delete(key)
      this.dataplane.unwant(used.port)
      this.dataplane.unwant(used.tunnel)
    }
  }

  /** Reports provider edges that packets reach in another way. Returns what ends that. */
  listen(nextHopChanged: (remote: Ip) => void): () => void {
    this.listeners.add(nextHopChanged)
    return () => this.listeners.delete(nextHopChanged)
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
      if (isKnown) for (const listener of this.listeners) listener(remote)
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

  private tunnel(encapsulation: Encapsulation, remote: Ip | null): Used {
    const { address: local, underlay } = this.config
    const taken = new Set([...this.used.values()].map(({ tunnel }) => tunnel.device))
    const device = tunnelName(encapsulation, remote, (name) => taken.has(name))
    const alias = `chanter:${remote === null ? 'from anyone' : `to ${formatIp(remote)}`}`
    return {
      tunnel: { kind: 'tunnel', device, alias, encapsulation, local, remote, mtu: null, underlay },
      port: { kind: 'vrf-port', device, vrf: this.blackhole.device },
      users: 0,
    }
  }
}

/** The tunnels with another provider edge: packets to it use the type that it advertises, those from it the type that we advertise. */
function tunnelsOf(by: TransportType, ours: Encapsulation): readonly Encapsulation[] {
  return by === ours || by === 'mpls' ? [ours] : [by, ours]
}

function transportTunnelKey(encapsulation: TransportType, remote: Ip): string {
  return `${encapsulation} ${remote}`
}
