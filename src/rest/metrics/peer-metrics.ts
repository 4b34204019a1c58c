import { Counter, Gauge, type Registry } from 'prom-client'
import { MessageType } from '../../bgp/constants.ts'
import {
  EVPN,
  type Family,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
  familyName,
  ROUTE_TARGET,
  VPNV4,
  VPNV6,
} from '../../bgp/family.ts'
import type { Neighbour } from '../../bgp/neighbour.ts'
import type { Speaker } from '../../bgp/speaker.ts'
import { formatIp, ipv4FromNumber } from '../../values/address.ts'

/** As GoBGP names them. */
const ROUTE_FAMILIES: ReadonlyMap<Family, string> = new Map([
  [EVPN, 'l2vpn-evpn'],
  [VPNV4, 'l3vpn-ipv4-unicast'],
  [VPNV6, 'l3vpn-ipv6-unicast'],
  [FLOWSPEC_VPNV4, 'l3vpn-ipv4-flowspec'],
  [FLOWSPEC_VPNV6, 'l3vpn-ipv6-flowspec'],
  [ROUTE_TARGET, 'rtc'],
])

const MESSAGES = {
  open: MessageType.Open,
  update: MessageType.Update,
  notification: MessageType.Notification,
  keepalive: MessageType.Keepalive,
  refresh: MessageType.RouteRefresh,
} as const

/** What GoBGP serves of peers, under its names and labels: its dashboards and alerts fit. */
export function addPeerMetrics(registry: Registry, { neighbours, clock }: Speaker): void {
  const registers = [registry]
  const counter = (name: string, help: string, value: (peer: Neighbour) => number) =>
    new Counter({
      name,
      help,
      labelNames: ['peer'],
      registers,
      collect() {
        this.reset()
        for (const one of neighbours.values()) this.inc({ peer: one.peer.name }, value(one))
      },
    })
  type Values = readonly [Readonly<Record<string, string>>, number]
  const gauge = (name: string, help: string, labels: string[], values: (peer: Neighbour) => Values[]) =>
    new Gauge({
      name,
      help,
      labelNames: ['peer', ...labels],
      registers,
      collect() {
        this.reset()
        for (const one of neighbours.values())
          for (const [own, value] of values(one)) this.set({ peer: one.peer.name, ...own }, value)
      },
    })

  for (const direction of ['received', 'sent'] as const) {
    const total = (counts: Readonly<Record<number, number>>) =>
      Object.values(counts).reduce((sum, count) => sum + count, 0)
    for (const [name, type] of Object.entries(MESSAGES)) {
      const help = `Number of ${direction} BGP ${name.toUpperCase()} messages`
      counter(`bgp_${direction}_${name}_total`, help, ({ peer }) => peer.messages[direction][type] ?? 0)
    }
    counter(`bgp_${direction}_message_total`, `Number of ${direction} BGP messages`, ({ peer }) =>
      total(peer.messages[direction]),
    )
  }
  counter(
    'bgp_received_withdraw_update_total',
    'Number of received BGP UPDATE messages that withdraw routes',
    ({ routesIn }) => routesIn.counters.withdrawUpdates,
  )
  counter(
    'bgp_received_withdraw_prefix_total',
    'Number of routes withdrawn by received BGP UPDATE messages',
    ({ routesIn }) => routesIn.counters.withdrawn,
  )
  gauge(
    'bgp_peer_state',
    'State of the BGP session with the peer and its administrative state; always 1',
    ['session_state', 'admin_state'],
    ({ peer, disabled }) => [
      [{ session_state: peer.state.toUpperCase(), admin_state: disabled ? 'DOWN' : 'UP' }, 1],
    ],
  )
  gauge('bgp_peer_uptime', 'Seconds for which the session has been established, else 0', [], ({ peer }) => [
    [{}, peer.state === 'Established' ? (clock.now() - peer.establishedAt) / 1000 : 0],
  ])
  gauge('bgp_peer_asn', 'AS number of the peer', ['router_id'], ({ peer, negotiated }) => [
    [{ router_id: routerId(negotiated?.peer.identifier) }, peer.config.as],
  ])
  gauge('bgp_peer_local_asn', 'AS number presented to the peer', ['router_id'], ({ peer }) => [
    [{ router_id: formatIp(peer.localAddress) }, peer.localAs],
  ])
  gauge('bgp_peer_type', 'Type of the peer: internal (0) or external (1)', [], ({ peer }) => [
    [{}, Number(peer.config.as !== peer.localAs)],
  ])
  gauge('bgp_peer_password_set', 'Whether the peer has a key of TCP MD5 signatures', [], ({ peer }) => [
    [{}, Number(peer.config.md5Key !== null)],
  ])
  gauge(
    'bgp_routes_received',
    'Number of routes received from the peer, stale ones with them',
    ['route_family'],
    (peer) => families(peer).map((family) => [labelOf(family), received(peer, family)]),
  )
  gauge('bgp_routes_accepted', 'Number of routes of the peer in the RIB', ['route_family'], (peer) =>
    families(peer).map((family) => [labelOf(family), inRib(peer, family)]),
  )
}

function families({ source, negotiated }: Neighbour): Family[] {
  return [...new Set([...(negotiated?.families ?? []), ...source.routes.keys()])]
}

function inRib({ source }: Neighbour, family: Family): number {
  return source.routes.get(family)?.size ?? 0
}

function received(peer: Neighbour, family: Family): number {
  return inRib(peer, family) + peer.routesIn.dropped.countOf(family)
}

function labelOf(family: Family): Readonly<Record<string, string>> {
  return { route_family: ROUTE_FAMILIES.get(family) ?? familyName(family) }
}

function routerId(identifier: number | undefined): string {
  return identifier === undefined ? '' : formatIp(ipv4FromNumber(identifier))
}
