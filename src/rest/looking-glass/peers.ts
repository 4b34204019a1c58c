import type { PeerSummary } from '../../api/peers.ts'
import type { QuarantinedNlri } from '../../bgp/attribute/mp.ts'
import type { BgpPeer } from '../../bgp/bgp-peer.ts'
import { ErrorCode, MessageType } from '../../bgp/constants.ts'
import { type Family, familyName, familyNames, ROUTE_TARGET } from '../../bgp/family.ts'
import { formatNotification } from '../../bgp/message/notification.ts'
import { KEEPALIVES_PER_HOLD_TIME } from '../../bgp/session/fsm/open-sent.ts'
import type { PeerNotification } from '../../bgp/session/peer-sessions.ts'
import { formatIp } from '../../values/address.ts'
import { hex, octets } from '../../values/bytes.ts'
import { formatTime } from '../../values/time.ts'
import { showCapabilities } from './capabilities.ts'
import { logsNode, type RecentRecords } from './logs.ts'
import { chains, routeView, showRoutes, subscription } from './routes.ts'
import { inline, leaf, type Node, tree } from './tree.ts'

/** A peer in a list of them. */
export function peerSummary(peer: BgpPeer): PeerSummary {
  const { sessions, source } = peer
  return {
    id: sessions.name,
    state: sessions.state,
    as: sessions.config.as,
    since: formatTime(sessions.lastTransition),
    routes: source.routeCount,
    reason: whyDown(peer),
  }
}

/** Why there is no session, for an operator; null when there is one. */
export function whyDown({ sessions }: BgpPeer): string | null {
  if (sessions.state === 'Established') return null
  const { downReason, lastNotification: last, lastError, establishedCount } = sessions
  if (downReason !== null) return downReason
  // an attempt may end before the reason shows again, as when the peer closes the connection first
  const refusal = last?.establishedCount === establishedCount ? reasonFor(last) : null
  const reasons = new Set([refusal, lastError, sessions.md5Trouble()].filter((one) => one !== null))
  if (reasons.size > 0) return [...reasons].join('; then ')
  return sessions.config.passive ? 'waiting for the peer to connect' : 'connecting'
}

/** Why the peer refuses us, or we the peer; null for an end that says nothing of the next attempt. */
function reasonFor({ direction, notification, reason }: PeerNotification): string | null {
  if (direction === 'received') return `received ${formatNotification(notification)}`
  return notification.code === ErrorCode.Cease ? null : reason
}

/** One peer: what bagpipe-bgp shows of it, then the session's parameters and message counts. */
export function peerNode(
  peer: BgpPeer,
  routeTargetConstraint: boolean,
  recentLog: RecentRecords,
  base: string,
): Node {
  const { sessions, negotiated, source, routesIn, routesOut } = peer
  const families = [...(negotiated?.families ?? [])]
  return tree(() => ({
    name: inline(() => source.name),
    peeringAddresses: inline(() => addresses(peer)),
    as_info: inline(() => ({ local: sessions.localAs, peer: sessions.config.as })),
    protocol: inline(() => protocol(peer)),
    active_families: inline(() => families.map(bagpipeName)),
    rtc: inline(() => ({ enabled: routeTargetConstraint, active: families.includes(ROUTE_TARGET) })),
    configuration: inline(() => configuration(peer)),
    timers: inline(() => timers(peer)),
    capabilities: inline(
      () => negotiated && showCapabilities(negotiated, sessions.session?.localOpen?.capabilities),
    ),
    internals: inline(() => ({
      'event queue length': 0,
      subscriptions: families.map((family) => subscription(family, '*')),
    })),
    messages: inline(() => ({
      received: byName(sessions.messages.received),
      sent: byName(sessions.messages.sent),
    })),
    routes: inline(() => routeCounts(peer)),
    logs: logsNode(recentLog, () => [`peer ${sessions.name}`]),
    received_routes: leaf(() => received(peer, base)),
    adv_routes: leaf(() => showRoutes(routesOut.routes(), base)),
    quarantine: leaf(() => routesIn.quarantine.map(showQuarantined)),
  }))
}

function addresses({ sessions }: BgpPeer) {
  return {
    local_address: formatIp(sessions.session?.connection?.localAddress ?? sessions.localAddress),
    peer_address: sessions.name,
  }
}

function protocol(peer: BgpPeer) {
  const { sessions, negotiated } = peer
  return {
    state: sessions.state,
    previous_state: `(${sessions.previousState})`,
    last_transition_time: formatTime(sessions.lastTransition),
    hold_time: negotiated?.holdTimeSeconds ?? sessions.config.holdTimeSeconds,
    last_error: sessions.lastError,
    last_notification: showNotification(peer),
    down_reason: whyDown(peer),
    established_count: sessions.establishedCount,
  }
}

function configuration({ sessions: { config, localAs }, disabled }: BgpPeer) {
  return {
    enabled: !disabled,
    passive: config.passive,
    port: config.port,
    reflector_client: config.reflectorClient,
    ebgp_policy: config.as === localAs ? null : config.external,
    md5: config.md5Key !== null,
    ttl_security_hops: config.ttlSecurityHops,
    max_prefixes: config.maxPrefixes,
  }
}

function timers({ sessions: { config }, negotiated }: BgpPeer) {
  return {
    hold_time_configured: config.holdTimeSeconds,
    hold_time: negotiated?.holdTimeSeconds ?? null,
    keepalive: negotiated && negotiated.holdTimeSeconds / KEEPALIVES_PER_HOLD_TIME,
    connect_retry: config.connectRetrySeconds,
  }
}

function routeCounts({ source, routesIn, routesOut, staleRoutes }: BgpPeer) {
  return {
    ...routesIn.counters,
    ...routesOut.counters,
    in_rib: source.routeCount,
    by_family: Object.fromEntries([...source.routes].map(([family, { size }]) => [familyName(family), size])),
    stale_families: [...staleRoutes.families].map(familyName),
    end_of_rib: [...routesIn.complete.keys()].map(familyName),
  }
}

function bagpipeName(family: Family): string {
  const { afi, safi } = familyNames(family)
  return `(${afi}, ${safi})`
}

function showQuarantined({ family, reason, bytes }: QuarantinedNlri) {
  return { family: familyName(family), reason, bytes: hex(octets(bytes)) }
}

function* received({ source, rib }: BgpPeer, base: string): Iterable<unknown> {
  const show = routeView(base)
  for (const family of rib.families()) {
    for (const route of chains(rib.best(family))) yield route.source === source ? show(route) : undefined
  }
}

function showNotification({ sessions }: BgpPeer): unknown {
  const last = sessions.lastNotification
  return last && { [last.direction]: formatNotification(last.notification), time: formatTime(last.time) }
}

function byName(counts: Readonly<Record<number, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(MessageType).map(([name, type]) => [name.toLowerCase(), counts[type] ?? 0]),
  )
}
