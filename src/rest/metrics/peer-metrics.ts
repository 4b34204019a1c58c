import { Counter, Gauge, type Registry } from 'prom-client'
import type { BgpPeer } from '../../bgp/bgp-peer.ts'
import { MessageType } from '../../bgp/constants.ts'
import { type Family, familyName } from '../../bgp/family.ts'
import { routeCountOf } from '../../bgp/rib/route.ts'
import type { Speaker } from '../../bgp/speaker.ts'
import { formatIp, ipv4FromNumber } from '../../values/address.ts'
import { routeFamily } from './route-family.ts'

const MESSAGES = {
  open: MessageType.Open,
  update: MessageType.Update,
  notification: MessageType.Notification,
  keepalive: MessageType.Keepalive,
  refresh: MessageType.RouteRefresh,
} as const

/** GoBGP's metrics of peers, under its names and labels, so that its dashboards and alerts fit. */
export function addPeerMetrics(registry: Registry, { peers, clock }: Speaker): void {
  const metrics = new PeerMetrics(registry, peers)
  addMessageCounters(metrics)
  addSessionGauges(metrics, clock)
  addRouteGauges(metrics)
}

/** Labels, and the value with them. */
type Sample = readonly [Readonly<Record<string, string>>, number]

/** Registers metrics whose values are read of all peers at each scrape. */
class PeerMetrics {
  private readonly registers: Registry[]
  private readonly peers: Speaker['peers']

  constructor(registry: Registry, peers: Speaker['peers']) {
    this.registers = [registry]
    this.peers = peers
  }

  counter(name: string, help: string, value: (peer: BgpPeer) => number): void {
    const { peers, registers } = this
    new Counter({
      name,
      help,
      labelNames: ['peer'],
      registers,
      collect() {
        this.reset()
        for (const one of peers.values()) this.inc({ peer: one.sessions.name }, value(one))
      },
    })
  }

  gauge(name: string, help: string, labels: string[], samples: (peer: BgpPeer) => Sample[]): void {
    const { peers, registers } = this
    new Gauge({
      name,
      help,
      labelNames: ['peer', ...labels],
      registers,
      collect() {
        this.reset()
        for (const one of peers.values())
          for (const [own, value] of samples(one)) this.set({ peer: one.sessions.name, ...own }, value)
      },
    })
  }
}

function addMessageCounters(metrics: PeerMetrics): void {
  for (const direction of ['received', 'sent'] as const) {
    const total = (counts: Readonly<Record<number, number>>) =>
      Object.values(counts).reduce((sum, count) => sum + count, 0)
    for (const [name, type] of Object.entries(MESSAGES)) {
      const help = `Number of ${direction} BGP ${name.toUpperCase()} messages`
      metrics.counter(
        `bgp_${direction}_${name}_total`,
        help,
        ({ sessions }) => sessions.messages[direction][type] ?? 0,
      )
    }
    metrics.counter(`bgp_${direction}_message_total`, `Number of ${direction} BGP messages`, ({ sessions }) =>
      total(sessions.messages[direction]),
    )
  }
  metrics.counter(
    'bgp_received_withdraw_update_total',
    'Number of received BGP UPDATE messages that withdraw routes',
    ({ routesIn }) => routesIn.counters.withdrawUpdates,
  )
}

function addSessionGauges(metrics: PeerMetrics, clock: Speaker['clock']): void {
  metrics.gauge(
    'bgp_peer_state',
    'State of the BGP session with the peer and its administrative state; always 1',
    ['session_state', 'admin_state'],
    ({ sessions, disabled }) => [
      [{ session_state: sessions.state.toUpperCase(), admin_state: disabled ? 'DOWN' : 'UP' }, 1],
    ],
  )
  metrics.gauge(
    'bgp_peer_uptime',
    'Seconds for which the session has been established, else 0',
    [],
    ({ sessions }) => [
      [{}, sessions.state === 'Established' ? (clock.now() - sessions.establishedAt) / 1000 : 0],
    ],
  )
  metrics.gauge('bgp_peer_asn', 'AS number of the peer', ['router_id'], ({ sessions, negotiated }) => [
    [{ router_id: routerId(negotiated?.peer.identifier) }, sessions.config.as],
  ])
  metrics.gauge('bgp_peer_local_asn', 'AS number presented to the peer', ['router_id'], ({ sessions }) => [
    [{ router_id: formatIp(sessions.localAddress) }, sessions.localAs],
  ])
  metrics.gauge('bgp_peer_type', 'Type of the peer: internal (0) or external (1)', [], ({ sessions }) => [
    [{}, Number(sessions.config.as !== sessions.localAs)],
  ])
  metrics.gauge(
    'bgp_peer_password_set',
    'Whether the peer has a key of TCP MD5 signatures',
    [],
    ({ sessions }) => [[{}, Number(sessions.config.md5Key !== null)]],
  )
}

function addRouteGauges(metrics: PeerMetrics): void {
  metrics.gauge(
    'bgp_routes_received',
    'Number of routes received from the peer, stale ones with them',
    ['route_family'],
    (peer) => families(peer).map((family) => [routeFamily(familyName(family)), received(peer, family)]),
  )
  metrics.gauge('bgp_routes_accepted', 'Number of routes of the peer in the RIB', ['route_family'], (peer) =>
    families(peer).map((family) => [routeFamily(familyName(family)), routeCountOf(peer.source, family)]),
  )
}

function families({ source, negotiated }: BgpPeer): Family[] {
  return [...new Set([...(negotiated?.families ?? []), ...source.routes.keys()])]
}

function received({ source, routesIn }: BgpPeer, family: Family): number {
  return routeCountOf(source, family) + routesIn.dropped.countOf(family)
}

function routerId(identifier: number | undefined): string {
  return identifier === undefined ? '' : formatIp(ipv4FromNumber(identifier))
}
