import type { Clock } from '../clock.ts'
import type { EventSink } from '../events/event.ts'
import { formatIp, type Ip, ipv4ToNumber } from '../values/address.ts'
import { type Attributes, noAttributes } from './attribute/attributes.ts'
import type { BgpPeer, BgpPeerHost } from './bgp-peer.ts'
import { ConfiguredPeers } from './configured-peers.ts'
import { DEFAULT_LOCAL_PREF, Origin } from './constants.ts'
import { InitialConvergence } from './convergence.ts'
import { ConnectedPeers } from './dynamic-peers.ts'
import { type Family, ROUTE_TARGET, VPN_FAMILIES } from './family.ts'
import { Listeners } from './listeners.ts'
import type { GracefulRestart } from './message/capability.ts'
import type { Nlri } from './nlri/index.ts'
import { membership, WILDCARD } from './nlri/route-target.ts'
import { Rib } from './rib/rib.ts'
import { localSource, type Source } from './rib/route.ts'
import type { Subscriber } from './rib/subscriptions.ts'
import type { PeerConfig } from './session/peer-config.ts'
import type { Connection, ConnectionHandlers, Transport } from './session/transport.ts'
import type { DynamicPeers, SpeakerConfig, SpeakerTimes } from './speaker-config.ts'
import type { RouteTarget } from './values/extended-community.ts'

export interface SpeakerEnvironment {
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly transport: Transport
  readonly events: EventSink
}

/** The name of the source of our route target memberships. */
export const MEMBERSHIPS = 'RTC'

/** A BGP speaker for VPN services: keeps sessions, holds routes, notifies subscribers of routes by route target. */
export class Speaker {
  readonly rib: Rib
  private readonly byAddress = new Map<Ip, BgpPeer>()
  /** Configured and dynamic ones, as a live view. */
  readonly peers: ReadonlyMap<Ip, BgpPeer> = this.byAddress
  config: SpeakerConfig
  /** Whether initial convergence is complete. */
  readonly convergence: InitialConvergence
  readonly clock: Clock
  private readonly environment: SpeakerEnvironment
  private readonly host: BgpPeerHost
  private readonly memberships: Source = localSource(MEMBERSHIPS)
  /** Established peers that are reflected to and send no memberships. */
  private readonly receiversOfAll = new Set<BgpPeer>()
  private readonly startedAt: number
  readonly listeners: Pick<Listeners, 'failures' | 'open' | 'close' | 'setPeers'>
  private holdsEndOfRib: boolean
  private wasHeadless = false
  private readonly configured: ConfiguredPeers
  private readonly dynamic: ConnectedPeers
  private readonly onComplete: () => void

  /** `onComplete` is called once, when all peers have converged or the wait for them is over. */
  constructor(config: SpeakerConfig, environment: SpeakerEnvironment, onComplete: () => void) {
    this.config = config
    this.environment = environment
    this.clock = environment.clock
    this.onComplete = onComplete
    this.startedAt = environment.clock.now()
    this.holdsEndOfRib = config.restart.holdsEndOfRib || config.restart.followsOthers
    this.rib = new Rib(environment.clock)
    this.convergence = new InitialConvergence(
      {
        waitSeconds: config.completeWaitSeconds,
        headlessSeconds: config.headlessSeconds,
        reflects: config.clusterId !== null,
        isOpen: () => this.dynamic.groups.length > 0,
      },
      environment.clock,
      this.peers,
      () => this.converged(),
    )
    this.host = {
      rib: this.rib,
      local: { as: config.as, identifier: ipv4ToNumber(config.identifier), address: config.localAddress },
      clusterId: config.clusterId === null ? null : ipv4ToNumber(config.clusterId),
      environment,
      holdsEndOfRib: () => this.holdsEndOfRib,
      gracefulRestart: () => this.gracefulRestart(),
      headlessSeconds: (peer, family) => this.headlessSeconds(peer, family),
      settledPeers: (peer, family) => this.settledPeers(peer, family),
      established: (peer) => {
        this.convergence.sessionUp()
        if (peer.receivesAll) this.needAll(peer)
        this.noteHeadless()
      },
      endOfRib: (peer, family) => {
        for (const other of this.peers.values()) if (other !== peer) other.staleRoutes.relieve(family)
      },
      complete: () => this.convergence.peerComplete(),
      down: (peer) => {
        this.needAllNoMore(peer)
        this.convergence.peerDown()
        this.noteHeadless()
      },
      staleReleased: () => this.noteHeadless(),
      gone: (peer) => this.dynamic.remove(peer),
    }
    this.listeners = new Listeners(config, environment, (connection) => this.accept(connection))
    this.configured = new ConfiguredPeers(config.peers, this.byAddress, this.host)
    this.dynamic = new ConnectedPeers(config.dynamicPeers, this.byAddress, this.host)
  }

  /** Starts connecting and listening; resolves to why it cannot listen, which prevents incoming sessions only, or null. */
  async start(): Promise<string | null> {
    this.configured.start()
    this.convergence.start()
    return this.listeners.open()
  }

  /** Ends all sessions and changes nothing else. */
  stop(reason: string): void {
    this.configured.stop()
    this.convergence.stop()
    this.listeners.close()
    for (const peer of [...this.peers.values()]) peer.shutdown(reason)
  }

  /** The configured peers. */
  get peerConfigs(): readonly PeerConfig[] {
    return this.configured.peers
  }

  /**
   * Replaces the configured peers, and the prefixes of dynamic ones: sessions of unchanged peers continue untouched, and so do those
   * whose changes do not affect the session. Counters of a changed peer continue, unless it is dynamic. Resolves to why it cannot listen for new ones, or null.
   */
  setPeers(
    peers: readonly PeerConfig[],
    dynamicPeers: readonly DynamicPeers[] = this.dynamic.groups,
  ): Promise<string | null> {
    for (const { address } of peers) {
      const known = this.peers.get(address)
      if (known !== undefined) this.dynamic.handOver(known)
    }
    this.configured.set(peers)
    this.dynamic.set(dynamicPeers)
    return this.listeners.setPeers(peers, dynamicPeers)
  }

  /** Changes times; periods that have begun end as they would have. */
  setTimes({ headlessSeconds, vanishedSeconds, restartSeconds: timeSeconds }: SpeakerTimes): void {
    const restart = { ...this.config.restart, timeSeconds }
    this.config = { ...this.config, headlessSeconds, vanishedSeconds, restart }
  }

  /** Advertises one of our routes, or changes it. The next hop is our address unless given. */
  originate(
    source: Source,
    family: Family,
    nlri: Nlri,
    attributes: Partial<Attributes>,
    nextHop: Ip = this.config.localAddress,
  ): void {
    const all = {
      ...noAttributes(),
      origin: Origin.Igp,
      asPath: [],
      localPref: DEFAULT_LOCAL_PREF,
      ...attributes,
    }
    this.rib.advertise(source, family, nlri, 0, this.rib.pool.originated(all, nextHop))
  }

  withdraw(source: Source, family: Family, nlri: Nlri): void {
    this.rib.withdraw(source, family, nlri, 0)
  }

  /** Our own routes are complete: peers may remove those that we do not re-advertise. */
  routesComplete(): void {
    this.holdsEndOfRib = false
    for (const { routesOut } of this.peers.values()) routesOut.releaseEnd()
  }

  /** Notifies `subscriber` of the best routes that carry `target`, and advertises a membership for it. */
  subscribe(subscriber: Subscriber, target: RouteTarget): void {
    const isFirst = this.rib.subscriptions.add(subscriber, target)
    if (isFirst && this.config.routeTargetConstraint)
      this.originate(this.memberships, ROUTE_TARGET, membership(this.config.as, target), {})
  }

  /** The subscriber itself removes the routes that it has through `target` alone. */
  unsubscribe(subscriber: Subscriber, target: RouteTarget): void {
    const wasLast = this.rib.subscriptions.remove(subscriber, target)
    if (wasLast && this.config.routeTargetConstraint)
      this.withdraw(this.memberships, ROUTE_TARGET, membership(this.config.as, target))
  }

  /** Advertises a membership for the default route target: routes for a peer without memberships have to be requested (RFC 4684 §4). */
  private needAll(peer: BgpPeer): void {
    this.receiversOfAll.add(peer)
    this.originate(this.memberships, ROUTE_TARGET, WILDCARD, {})
  }

  private needAllNoMore(peer: BgpPeer): void {
    if (this.receiversOfAll.delete(peer) && this.receiversOfAll.size === 0)
      this.withdraw(this.memberships, ROUTE_TARGET, WILDCARD)
  }

  private accept(connection: Connection): ConnectionHandlers | null {
    const peer = this.peers.get(connection.remoteAddress) ?? this.dynamic.admit(connection.remoteAddress)
    if (peer !== undefined) return peer.sessions.accept(connection)
    const address = formatIp(connection.remoteAddress)
    this.environment.events.emit({ type: 'connection-refused', address })
    return null
  }

  private gracefulRestart(): GracefulRestart {
    const { timeSeconds, families, isRestart } = this.config.restart
    const restarting = isRestart && this.environment.clock.now() - this.startedAt < timeSeconds * 1000
    // After a session comes back, the forwarding of the last one is still programmed.
    const kept = isRestart || [...this.peers.values()].some(({ sessions }) => sessions.establishedCount > 0)
    return {
      restarting,
      notification: true,
      restartTimeSeconds: timeSeconds,
      families: timeSeconds === 0 ? [] : families.map((family) => ({ family, forwarding: kept })),
    }
  }

  /** A reflector keeps no routes: its clients would take them for current ones. */
  private headlessSeconds(peer: BgpPeer, family: Family): number {
    if (this.config.clusterId !== null || !VPN_FAMILIES.has(family)) return 0
    return this.settledPeers(peer, family).size > 0 ? 0 : this.config.headlessSeconds
  }

  /** Prefixes from which no more peers may connect, each with an address that was refused for that. */
  get fullPrefixes(): ReadonlyMap<DynamicPeers, Ip> {
    return this.dynamic.refused
  }

  /** In words. */
  get sessionCounts(): string {
    return `${[...this.peers.values()].filter(isUp).length} of ${this.peers.size} sessions established`
  }

  /** Whether no session is established, and routes are kept that no peer confirms. */
  get isHeadless(): boolean {
    const peers = [...this.peers.values()]
    return peers.some(({ staleRoutes }) => staleRoutes.isHeadless) && !peers.some(isUp)
  }

  private noteHeadless(): void {
    if (this.config.headlessSeconds === 0 || this.isHeadless === this.wasHeadless) return
    this.wasHeadless = !this.wasHeadless
    this.environment.events.emit({ type: this.wasHeadless ? 'headless-began' : 'headless-ended' })
  }

  private settledPeers(peer: BgpPeer, family: Family): ReadonlySet<Source> {
    const sources = new Set<Source>()
    for (const other of this.peers.values())
      if (other !== peer && other.isSettled(family)) sources.add(other.source)
    return sources
  }

  /** All routes are in the RIB; their subscribers are notified first. */
  private converged(): void {
    this.rib.settled(() => {
      this.environment.events.emit({ type: 'initial-convergence' })
      this.onComplete()
      const { holdsEndOfRib, followsOthers } = this.config.restart
      if (followsOthers && !holdsEndOfRib) this.routesComplete()
    })
  }
}

function isUp({ sessions }: BgpPeer): boolean {
  return sessions.state === 'Established'
}
