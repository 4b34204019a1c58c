import { assert } from '../values/assert.ts'
import { CeaseSubcode, ErrorCode, MessageType } from './constants.ts'
import { type Notification, notification } from './errors.ts'
import { Afi, type Family, ROUTE_TARGET, VPN_FAMILIES, VPNV4 } from './family.ts'
import { AddPathMode, type Capabilities, type GracefulRestart, noCapabilities } from './message/capability.ts'
import { ceaseWithText, hardReset } from './message/notification.ts'
import { encodeRouteRefresh, RefreshKind, type RouteRefresh } from './message/route-refresh.ts'
import type { Update } from './message/update.ts'
import { exceededLimit } from './peer-limits.ts'
import { AdjRibIn } from './rib/adj-rib-in.ts'
import { AdjRibOut, type Outlet } from './rib/adj-rib-out.ts'
import { exportPolicy } from './rib/export-policy.ts'
import type { Rib } from './rib/rib.ts'
import { identify, newSource, type Source } from './rib/route.ts'
import { HEADLESS_SETTLE_MS, StaleRoutes } from './rib/stale-routes.ts'
import type { Ending } from './session/fsm/types.ts'
import type { Negotiated } from './session/negotiate.ts'
import type { PeerConfig } from './session/peer-config.ts'
import {
  type LocalSpeaker,
  type PeerEnvironment,
  type PeerListener,
  PeerSessions,
} from './session/peer-sessions.ts'
import { isGraceful, restartSeconds } from './session/restart-time.ts'

/** What a peer needs of the speaker it belongs to. */
export interface BgpPeerHost {
  readonly rib: Rib
  readonly local: LocalSpeaker
  /** Our cluster, when we reflect routes (RFC 4456); null when we do not. */
  readonly clusterId: number | null
  readonly environment: PeerEnvironment
  /** Whether our own routes are incomplete: then End-of-RIB waits. */
  holdsEndOfRib(): boolean
  /** The graceful restart capability to advertise at this moment. */
  gracefulRestart(): GracefulRestart
  /** How long to keep the routes of a family when no other peer can update them; 0 where one can. */
  headlessSeconds(peer: BgpPeer, family: Family): number
  /** Other peers whose routes of the family have been complete for long enough to be relied on. */
  settledPeers(peer: BgpPeer, family: Family): ReadonlySet<Source>
  established(peer: BgpPeer): void
  /** The peer has advertised all its routes of a family. */
  endOfRib(peer: BgpPeer, family: Family): void
  /** The peer has advertised all its routes. */
  complete(): void
  /** A session that was established has ended, or the peer was removed. */
  down(peer: BgpPeer): void
  /** Stale routes of a peer were removed. */
  staleReleased(): void
  /** The peer has no session, and none of its routes are kept. */
  gone(peer: BgpPeer): void
}

/** A peer that sends no End-of-RIB counts as complete when it has been silent for this long. */
const SILENCE_MS = 10_000

/** A peer with its Adj-RIB-In and Adj-RIB-Out. */
export class BgpPeer implements PeerListener {
  readonly sessions: PeerSessions
  readonly source: Source
  readonly routesIn: AdjRibIn
  readonly routesOut: AdjRibOut
  readonly staleRoutes: StaleRoutes
  readonly rib: Rib
  negotiated: Negotiated | null = null
  /** Kept down by an operator. */
  disabled = false
  /** It sends no End-of-RIB, and has been silent for a while. */
  isSilent = false
  /** When the last session ended, on the monotonic clock; before the first one, when the peer was added. */
  lostAt: number
  private readonly host: BgpPeerHost
  /** When the last UPDATE was received. */
  private updatedAt = 0
  private cancelSilence = (): void => {}

  constructor(config: PeerConfig, host: BgpPeerHost) {
    const { rib, local, environment, clusterId } = host
    const { clock, events } = environment
    this.host = host
    this.lostAt = clock.now()
    this.rib = rib
    this.sessions = new PeerSessions(config, local, environment, this)
    const internal = config.as === local.as
    const isClient = config.reflectorClient
    const sender = { address: config.address, as: config.as, internal, isClient, identifier: 0 }
    this.source = newSource(`BGP-${this.sessions.name}`, sender)
    const isAccepted = internal || config.external === 'accept'
    const policy = exportPolicy({
      rib,
      localAs: local.as,
      localIdentifier: local.identifier,
      localAddress: this.sessions.localAddress,
      peer: this.source,
      isExternal: !internal,
      isAccepted,
      isClient,
      clusterId,
    })
    const { name } = this.sessions
    this.routesOut = new AdjRibOut(clock, rib, policy, this.outlet(), host.holdsEndOfRib(), name, events)
    const options = { as: local.as, identifier: local.identifier, clusterId, isAccepted }
    this.routesIn = new AdjRibIn(clock, rib, this.source, options, this.routesOut, events)
    this.staleRoutes = new StaleRoutes(clock, rib, this.source, {
      headlessMs: (family) => host.headlessSeconds(this, family) * 1000,
      settledPeers: (family) => host.settledPeers(this, family),
      released: () => {
        host.staleReleased()
        this.checkGone()
      },
    })
  }

  /** Whether the established peer has sent the End-of-RIB of every family, or need not send it and has been silent for a while. */
  get complete(): boolean {
    if (this.negotiated === null) return false
    return (
      this.isSilent || [...this.negotiated.families].every((family) => this.routesIn.complete.has(family))
    )
  }

  /** Whether routes of a family that the peer does not advertise can be relied on not to exist. */
  isSettled(family: Family): boolean {
    if (this.negotiated?.families.has(family) !== true) return false
    const { gracefulRestart } = this.negotiated.peer.capabilities
    // Only a peer with this capability has to send End-of-RIB (RFC 4724 §2).
    const since =
      this.routesIn.complete.get(family) ?? (gracefulRestart === null ? this.sessions.establishedAt : null)
    return since !== null && this.host.environment.clock.now() - since >= HEADLESS_SETTLE_MS
  }

  /** Whether the peer filters its advertisements by our memberships (RFC 4684). */
  get isConstrained(): boolean {
    return this.negotiated?.families.has(ROUTE_TARGET) === true
  }

  /** Whether we reflect routes to the peer without its memberships to filter them. */
  get receivesAll(): boolean {
    const { negotiated, host, sessions } = this
    if (negotiated === null || host.clusterId === null || this.isConstrained) return false
    if (!negotiated.internal && sessions.config.external === 'reject') return false
    return [...negotiated.families].some((family) => VPN_FAMILIES.has(family))
  }

  /** Ends the session with a reason, deletes its routes, and stays down until `enable` (RFC 9003). */
  disable(text: string): void {
    this.disabled = true
    const reason = text === '' ? 'disabled' : `disabled: ${text}`
    this.end(ceaseWithText(CeaseSubcode.AdministrativeShutdown, text), reason, true)
    this.staleRoutes.releaseAll()
    this.host.down(this)
  }

  /** Lets a peer that is down for whatever reason come up. */
  enable(): void {
    this.disabled = false
    this.sessions.start()
    this.checkGone()
  }

  /** Ends the session at the end of this process; without a NOTIFICATION where that would cost us the routes that the peer keeps for our return. */
  shutdown(text: string): void {
    const { negotiated } = this
    const { families, restartTimeSeconds } = this.host.gracefulRestart()
    const returns = negotiated?.gracefulRestart === true && families.length > 0 && restartTimeSeconds > 0
    const silent = returns && !negotiated.gracefulNotification
    this.sessions.stop(
      silent ? null : ceaseWithText(CeaseSubcode.AdministrativeShutdown, text),
      'stopped',
      true,
    )
  }

  /** Ends the session and deletes its routes: the peer was removed from the configuration, or changed in it (RFC 4486 §4). */
  retire(subcode: number, reason: string): void {
    this.end(notification(ErrorCode.Cease, subcode), reason, true)
    this.staleRoutes.releaseAll()
    this.host.down(this)
  }

  /** Takes over the counters of a retired peer, and stays down where that one was disabled. */
  succeed({ sessions, routesIn, routesOut, disabled }: BgpPeer): void {
    Object.assign(this.sessions.messages.received, sessions.messages.received)
    Object.assign(this.sessions.messages.sent, sessions.messages.sent)
    Object.assign(this.routesIn.counters, routesIn.counters)
    Object.assign(this.routesOut.counters, routesOut.counters)
    this.sessions.establishedCount = sessions.establishedCount
    this.disabled = disabled
  }

  /** Takes over changes that do not affect the session. */
  reconfigure(config: PeerConfig): void {
    this.sessions.config = config
    this.checkLimit()
  }

  /** Ends the session with a reason, and lets it come up again, unless it is disabled. */
  reset(text: string): void {
    if (this.disabled) return
    this.end(ceaseWithText(CeaseSubcode.AdministrativeReset, text), 'reset', true)
    this.enable()
  }

  /** Requests a refresh of a family (RFC 2918); false when the peer does not support it. */
  requestRefresh(family: Family): boolean {
    const { negotiated } = this
    if (negotiated?.peer.capabilities.routeRefresh !== true || !negotiated.families.has(family)) return false
    this.sendRefresh({ family, kind: RefreshKind.Request })
    return true
  }

  capabilities(): Capabilities {
    const { families, addPath } = this.sessions.config
    return {
      ...noCapabilities(),
      families: [...families],
      routeRefresh: true,
      enhancedRouteRefresh: true,
      extendedMessage: true,
      fourOctetAs: this.host.local.as,
      extendedNextHop: families.includes(VPNV4) ? [{ family: VPNV4, nextHopAfi: Afi.Ipv6 }] : [],
      gracefulRestart: this.host.gracefulRestart(),
      addPath: addPath
        ? families.filter(hasPaths).map((family) => ({ family, mode: AddPathMode.Receive }))
        : [],
    }
  }

  established(negotiated: Negotiated): void {
    assert(this.negotiated === null, 'a peer has two established sessions', this.sessions.name)
    this.negotiated = negotiated
    this.identify(negotiated.peer.identifier)
    this.staleRoutes.back(negotiated.families, negotiated.peer.capabilities)
    this.routesIn.start(negotiated)
    this.routesOut.start(negotiated)
    this.host.established(this)
    this.isSilent = false
    this.updatedAt = this.host.environment.clock.now()
    // Only a peer with this capability has to send End-of-RIB (RFC 4724 §2): others are not waited for.
    if (negotiated.peer.capabilities.gracefulRestart === null) this.awaitSilence(SILENCE_MS)
    // A restarting peer advertises only after our End-of-RIB, and we have few routes for it, unless we reflect.
    const restarts = negotiated.peer.capabilities.gracefulRestart?.restarting === true
    if (!negotiated.gracefulRestart) this.routesOut.membershipsComplete()
    else if (restarts && this.host.clusterId === null) this.routesOut.advertiseFirst()
  }

  down(negotiated: Negotiated, ending: Ending): void {
    this.negotiated = null
    this.lostAt = this.host.environment.clock.now()
    this.cancelSilence()
    this.routesOut.stop()
    const { families, peer } = negotiated
    const mayReturn = ending.kind !== 'stopped'
    const restartMs = 1000 * (isGraceful(negotiated, ending) ? restartSeconds(negotiated, ending) : 0)
    this.staleRoutes.lost(families, peer.capabilities, restartMs, mayReturn)
    this.host.down(this)
  }

  sessionless(): void {
    this.checkGone()
  }

  update(update: Update): void {
    this.updatedAt = this.host.environment.clock.now()
    this.routesIn.apply(update)
    const { endOfRib } = update
    if (endOfRib !== null) {
      this.staleRoutes.endOfRib(endOfRib)
      this.host.endOfRib(this, endOfRib)
      if (endOfRib === ROUTE_TARGET) this.routesOut.membershipsComplete()
      if (this.complete) this.host.complete()
    }
    this.checkLimit()
  }

  routeRefresh({ family, kind }: RouteRefresh): void {
    // Without enhanced route refresh there are no subtypes: all are requests (RFC 2918 §3).
    const isRequest = kind === RefreshKind.Request || this.negotiated?.enhancedRouteRefresh !== true
    if (isRequest) this.routesOut.refresh(family)
    else if (kind === RefreshKind.Begin) this.routesIn.refreshing(family)
    else if (kind === RefreshKind.End) this.routesIn.refreshed(family)
  }

  drained(): void {
    this.routesOut.drained()
  }

  /** A peer that is kept down stays known: it must not come back as a new dynamic one. */
  private checkGone(): void {
    const { session, downReason } = this.sessions
    if (session === null && downReason === null && this.staleRoutes.families.size === 0) this.host.gone(this)
  }

  /** Ends the session for good: a peer that would keep our routes learns that this is no restart (RFC 8538 §4). */
  private end(cease: Notification, reason: string, isOrdered = false): void {
    const promised = this.sessions.session?.localOpen?.capabilities.gracefulRestart?.families ?? []
    const keeps = this.negotiated?.gracefulNotification === true && promised.length > 0
    this.sessions.stop(keeps ? hardReset(cease) : cease, reason, isOrdered)
  }

  private awaitSilence(ms: number): void {
    const { clock } = this.host.environment
    this.cancelSilence = clock.after(ms, () => {
      const left = this.updatedAt + SILENCE_MS - clock.now()
      if (left > 0) return this.awaitSilence(left)
      this.isSilent = true
      this.host.complete()
    })
  }

  private outlet(): Outlet {
    return {
      unsent: () => this.sessions.session?.unsent ?? 0,
      sendUpdates: (bytes, count) => this.sessions.session?.send(bytes, MessageType.Update, count),
      sendRefresh: (refresh) => this.sendRefresh(refresh),
    }
  }

  private sendRefresh(refresh: RouteRefresh): void {
    this.sessions.session?.send(encodeRouteRefresh(refresh), MessageType.RouteRefresh)
  }

  /** Kept routes of the peer are compared by its identifier (RFC 4271 §9.1.2.2). */
  private identify(identifier: number): void {
    const { source, rib } = this
    if (identify(source, identifier)) for (const family of source.routes.keys()) rib.reselect(source, family)
  }

  /** Ends the session of a peer that exceeds a limit. */
  private checkLimit(): void {
    if (this.negotiated === null) return
    const exceeded = exceededLimit(this.source, this.sessions.config.maxPrefixes)
    if (exceeded !== null) this.end(exceeded.cease, exceeded.reason)
  }
}

/** A membership exists or not: several paths of one would carry no information. */
const hasPaths = (family: Family): boolean => family !== ROUTE_TARGET
