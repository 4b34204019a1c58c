import type { Clock } from '../../clock.ts'
import { type EventSink, errorOf } from '../../events/event.ts'
import { formatIp, type Ip, ipv4FromNumber } from '../../values/address.ts'
import { CeaseSubcode, ErrorCode } from '../constants.ts'
import { type Notification, notification, SessionError } from '../errors.ts'
import type { Capabilities } from '../message/capability.ts'
import type { Open } from '../message/open.ts'
import type { RouteRefresh } from '../message/route-refresh.ts'
import type { Update } from '../message/update.ts'
import { STOPPED } from './fsm/steps.ts'
import { type Ending, type SessionState, STATES } from './fsm/types.ts'
import { type Md5Drops, md5Trouble } from './md5-drops.ts'
import { type Negotiated, refusal } from './negotiate.ts'
import type { PeerConfig } from './peer-config.ts'
import { type MessageCounters, Session, type SessionOwner } from './session.ts'
import type { Connection, ConnectionHandlers, Transport } from './transport.ts'

/** Our identity towards every peer. */
export interface LocalSpeaker {
  readonly as: number
  readonly identifier: number
  readonly address: Ip
}

export interface PeerEnvironment {
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly transport: Transport
  readonly events: EventSink
}

/** Receives the events of a peer's session. */
export interface PeerListener {
  /** The content of our OPEN at this moment. */
  capabilities(): Capabilities
  established(negotiated: Negotiated): void
  /** The established session has ended. */
  down(negotiated: Negotiated, ending: Ending): void
  /** No session is left, not even a connection attempt. */
  sessionless(): void
  update(update: Update): void
  routeRefresh(refresh: RouteRefresh): void
  drained(): void
}

/** A NOTIFICATION that ended a session. */
export interface PeerNotification {
  readonly direction: 'sent' | 'received'
  readonly notification: Notification
  /** Why the session ended. */
  readonly reason: string | null
  /** Epoch milliseconds. */
  readonly time: number
  /** How often the peer had been established by then. */
  readonly establishedCount: number
}

const MAX_BACK_OFF_SECONDS = 120
/**
 * Fast retries after a start, over some 8 seconds: a peer may close the first connections since it still has the last session, or has just lost it
 * (GoBGP takes none for 5 seconds then), or may be starting itself. Later retries wait, since a peer that flaps has to be damped (RFC 4271 §8.1.1).
 */
const FAST_TRIES = 36
const FAST_BACK_OFF_SECONDS = 0.25
const MIN_JITTER = 0.75
/** Two connections made within this time count as simultaneous. */
const COLLISION_MS = 5000
const COLLISION = notification(ErrorCode.Cease, CeaseSubcode.CollisionResolution)

/**
 * The sessions of a peer: one that we start and those that the peer starts, of which one survives
 * (RFC 4271 §6.8).
 */
export class PeerSessions implements SessionOwner {
  /** The part of it that may change during a session, see `effectOf`. */
  config: PeerConfig
  readonly clock: Clock
  readonly random: () => number
  readonly messages: MessageCounters = { received: {}, sent: {} }
  /** Epoch milliseconds of the last change of state. */
  lastTransition: number
  previousState: SessionState = 'Idle'
  /** Why the last session that failed did so. */
  lastError: string | null = null
  lastNotification: PeerNotification | null = null
  establishedCount = 0
  /** Why it is kept down; null while sessions are allowed. */
  downReason: string | null = 'not started'
  /** Whether an operator asked for it to be down. */
  private isOrdered = false
  private readonly local: LocalSpeaker
  private readonly environment: PeerEnvironment
  private readonly listener: PeerListener
  /** Null for passive peers. */
  private readonly outgoing: Session | null
  private readonly incoming = new Set<Session>()
  private failures = 0
  private fastTries = 0
  private shownState: SessionState = 'Idle'
  /** The MD5 drops before its first attempt, as far as known. */
  private md5Drops: Md5Drops | null = null
  /** When the last session was established, on the monotonic clock. */
  establishedAt = 0

  constructor(config: PeerConfig, local: LocalSpeaker, environment: PeerEnvironment, listener: PeerListener) {
    this.config = config
    this.local = local
    this.environment = environment
    this.listener = listener
    this.clock = environment.clock
    this.random = environment.random
    this.lastTransition = this.clock.epoch()
    this.outgoing = config.passive ? null : new Session(this, { passive: false })
  }

  get name(): string {
    return formatIp(this.config.address)
  }

  get localAddress(): Ip {
    return this.config.localAddress ?? this.local.address
  }

  get localAs(): number {
    return this.local.as
  }

  /** The state of the most advanced session. */
  get state(): SessionState {
    return this.session?.state ?? (this.downReason === null ? 'Active' : 'Idle')
  }

  /** The most advanced session; null when a passive peer has none. */
  get session(): Session | null {
    let furthest = this.outgoing
    for (const session of this.incoming) {
      if (furthest === null || STATES.indexOf(session.state) > STATES.indexOf(furthest.state))
        furthest = session
    }
    return furthest
  }

  /** Allows sessions; again after `stop`. */
  start(): void {
    if (this.downReason === null) return
    this.downReason = null
    this.isOrdered = false
    this.failures = 0
    this.fastTries = FAST_TRIES
    this.md5Drops = this.dropsNow()
    this.outgoing?.dispatch({ type: 'start' })
    this.noteState()
  }

  /** What indicates different MD5 keys, while no TCP connection comes up; else null. */
  md5Trouble(): string | null {
    const { md5Drops: before } = this
    const now = this.dropsNow()
    const isConnected = STATES.indexOf(this.state) >= STATES.indexOf('OpenSent')
    if (before === null || now === null || isConnected || this.downReason !== null) return null
    return md5Trouble(before, now, this.config.md5Key !== null)
  }

  private dropsNow(): Md5Drops | null {
    return this.environment.transport.md5Drops?.() ?? null
  }

  /** Ends all sessions, with this Cease or without a NOTIFICATION, and stays down for the given reason; `isOrdered`: an operator asked for that. */
  stop(cease: Notification | null, reason: string, isOrdered: boolean): void {
    this.downReason = reason
    this.isOrdered = isOrdered
    for (const session of [...this.incoming]) session.dispatch({ type: 'stop', notification: cease })
    this.outgoing?.dispatch({ type: 'stop', notification: cease })
    this.noteState()
  }

  /** Accepts a connection from the peer, in place of one without an OPEN; null refuses it. */
  accept(connection: Connection): ConnectionHandlers | null {
    if (this.downReason !== null) return null
    for (const session of [...this.incoming])
      if (!isAhead(session)) session.dispatch({ type: 'stop', notification: COLLISION })
    const session = new Session(this, { passive: true })
    this.incoming.add(session)
    return session.accept(connection)
  }

  connect(handlers: ConnectionHandlers): Connection {
    const { address, port, md5Key, ttlSecurityHops } = this.config
    const options = { address, port, localAddress: this.localAddress, md5Key, ttlSecurityHops }
    return this.environment.transport.connect(options, handlers)
  }

  localOpen(): Open {
    const { as, identifier } = this.local
    const { holdTimeSeconds } = this.config
    return { version: 4, as, identifier, holdTimeSeconds, capabilities: this.listener.capabilities() }
  }

  checkOpen(session: Session, open: Open): SessionError | null {
    const wrong = refusal(session.localOpen ?? this.localOpen(), this.config.as, open)
    if (wrong !== null) return wrong
    for (const other of this.others(session)) {
      if (other.state === 'Established') {
        // A restarted peer may be back before we noticed that it was gone (RFC 4724 §4.2).
        if (!this.mayBeRestarted(session, other)) return collision('another connection is established')
        other.dispatch({ type: 'connection-failed', reason: 'the peer has a new connection' })
      } else if (other.state === 'OpenConfirm') {
        const { keepsOurs, reason } = resolveCollision(this.local, open)
        // of two connections that the peer has made it has lost the earlier one
        const isReplaced = session !== this.outgoing && other !== this.outgoing
        if (!isReplaced && (session === this.outgoing) !== keepsOurs) return collision(reason)
        other.dispatch({ type: 'collision' })
      }
    }
    return null
  }

  backOffSeconds(): number {
    return this.jittered(Math.min(MAX_BACK_OFF_SECONDS, this.config.connectRetrySeconds * 2 ** this.failures))
  }

  retrySeconds(): number {
    if (this.fastTries === 0) return this.backOffSeconds()
    return this.jittered(Math.min(this.config.connectRetrySeconds, FAST_BACK_OFF_SECONDS))
  }

  connectTimedOut(): void {
    this.failures++
  }

  stateChanged(session: Session, from: SessionState, reason: string | null, ending: Ending): void {
    const { state } = session
    const direction = session === this.outgoing ? 'outgoing' : 'incoming'
    const lost = from === 'Established' && !this.isOrdered
    const { name: peer } = this
    this.environment.events.emit({
      type: 'session-changed',
      peer,
      direction,
      from,
      to: state,
      reason,
      lost,
    })
    if (isAhead(session)) this.silenceOthers(session)
    if (state === 'Established') {
      this.failures = 0
      this.fastTries = 0
      this.establishedCount++
      this.establishedAt = this.clock.now()
      this.md5Drops = this.dropsNow()
      this.listener.established(session.negotiated!)
    } else if ((state === 'Idle' || state === 'Active') && from !== 'Idle')
      this.ended(session, from, reason, ending)
    this.noteState()
  }

  faultOf(error: unknown): SessionError {
    this.environment.events.emit({ type: 'session-fault', peer: this.name, error: errorOf(error) })
    return new SessionError(`fault: ${String(error)}`, ErrorCode.Cease, CeaseSubcode.Unspecific)
  }

  update(session: Session, update: Update): void {
    if (session.state === 'Established') this.listener.update(update)
  }

  routeRefresh(_session: Session, refresh: RouteRefresh): void {
    this.listener.routeRefresh(refresh)
  }

  drained(session: Session): void {
    if (session.state === 'Established') this.listener.drained()
  }

  private jittered(seconds: number): number {
    return seconds * (MIN_JITTER + (1 - MIN_JITTER) * this.random())
  }

  /** With graceful restart a connection that is newer than the session means a restarted peer, unless both were made at once. */
  private mayBeRestarted({ begunAt }: Session, { negotiated }: Session): boolean {
    return negotiated?.gracefulRestart === true && begunAt - this.establishedAt > COLLISION_MS
  }

  private others(session: Session): Session[] {
    const all = this.outgoing === null ? [...this.incoming] : [this.outgoing, ...this.incoming]
    return all.filter((other) => other !== session)
  }

  /** While one session is about to be established, the others do not connect. */
  private silenceOthers(session: Session): void {
    for (const other of this.others(session)) {
      if (STATES.indexOf(other.state) < STATES.indexOf('OpenSent')) {
        other.dispatch({ type: 'stop', notification: COLLISION })
      }
    }
  }

  private ended(session: Session, from: SessionState, reason: string | null, ending: Ending): void {
    if (session !== this.outgoing && !this.incoming.has(session)) return
    if (reason !== null && reason !== STOPPED) {
      this.lastError = reason
      // a connection of the peer that ends before OPENs are agreed, such as a probe of the port, does not delay ours
      const counts = session === this.outgoing || from !== 'OpenSent'
      if (counts && this.fastTries > 0) this.fastTries--
      else if (counts) this.failures++
    }
    if (ending.kind === 'sent' || ending.kind === 'received') {
      const { establishedCount } = this
      const { kind: direction, notification } = ending
      const time = this.clock.epoch()
      this.lastNotification = { direction, notification, reason, time, establishedCount }
    }
    if (session !== this.outgoing) {
      this.incoming.delete(session)
      session.dispatch({ type: 'stop', notification: COLLISION })
      if (this.downReason === null && this.outgoing?.state === 'Idle') this.outgoing.retryLater()
    } else if ([...this.incoming].some(isAhead)) session.dispatch({ type: 'stop', notification: COLLISION })
    if (from === 'Established') this.listener.down(session.negotiated!, ending)
    if (this.session === null) this.listener.sessionless()
  }

  private noteState(): void {
    const { state } = this
    if (state === this.shownState) return
    this.previousState = this.shownState
    this.shownState = state
    this.lastTransition = this.clock.epoch()
  }
}

/** Whether it is established, or about to be. */
function isAhead({ state }: Session): boolean {
  return state === 'OpenConfirm' || state === 'Established'
}

/** Which of two connections survives: that of the speaker with the higher identifier, or the larger AS (RFC 6286 §2.3). */
function resolveCollision(
  local: LocalSpeaker,
  peer: Open,
): { readonly keepsOurs: boolean; readonly reason: string } {
  if (local.identifier === peer.identifier)
    return { keepsOurs: local.as > peer.as, reason: `AS ${Math.max(local.as, peer.as)} is the larger one` }
  const winner = formatIp(ipv4FromNumber(Math.max(local.identifier, peer.identifier)))
  return { keepsOurs: local.identifier > peer.identifier, reason: `${winner} has the higher identifier` }
}

function collision(why: string): SessionError {
  return new SessionError(`connection collision: ${why}`, ErrorCode.Cease, CeaseSubcode.CollisionResolution)
}
