import type { Clock } from '../../clock.ts'
import { ErrorCode, FsmSubcode, MessageType } from '../constants.ts'
import { DEFAULT_CONTEXT, type SessionContext } from '../context.ts'
import { findingToNotification, type Notification, SessionError } from '../errors.ts'
import { decodeMessage, KEEPALIVE } from '../message/index.ts'
import { encodeNotification } from '../message/notification.ts'
import { encodeOpen, type Open } from '../message/open.ts'
import type { RouteRefresh } from '../message/route-refresh.ts'
import type { Update } from '../message/update.ts'
import { type Frame, Framer } from '../wire/framer.ts'
import { transition } from './fsm/index.ts'
import type { Action, Ending, FsmEvent, FsmOptions, SessionState, Timer } from './fsm/types.ts'
import { type Negotiated, negotiate } from './negotiate.ts'
import type { Connection, ConnectionHandlers } from './transport.ts'

/** Number of messages by type (RFC 4271 §4.1) over all sessions; it only grows. */
export interface MessageCounters {
  readonly received: Record<number, number>
  readonly sent: Record<number, number>
}

/** What a session needs from its peer. */
export interface SessionOwner {
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly messages: MessageCounters
  connect(handlers: ConnectionHandlers): Connection
  localOpen(): Open
  /** Why the OPEN is refused, or null; resolves connection collisions on the way (RFC 4271 §6.8). */
  checkOpen(session: Session, open: Open): SessionError | null
  /** Timeout of a connection attempt in seconds, growing with every failure. */
  backOffSeconds(): number
  /** Seconds until the next attempt after a failure, in Idle or in Active. */
  retrySeconds(): number
  /** A connection attempt has timed out. */
  connectTimedOut(): void
  stateChanged(session: Session, from: SessionState, reason: string | null, ending: Ending): void
  /** The NOTIFICATION for an unexpected exception. */
  faultOf(error: unknown): SessionError
  update(session: Session, update: Update): void
  routeRefresh(session: Session, refresh: RouteRefresh): void
  drained(session: Session): void
}

/** Minimum time without progress before a session is ended whose peer does not read (RFC 9687 §4.4). */
const MIN_SEND_HOLD_MS = 480_000
/** RFC 4271 §10. */
const MIN_JITTER = 0.75
/** KEEPALIVEs leave no more often (RFC 4271 §4.4). */
const MIN_KEEPALIVE_MS = 1000

/** One connection with a peer: performs the FSM's actions, and turns sockets and timers into its events. */
export class Session {
  state: SessionState = 'Idle'
  negotiated: Negotiated | null = null
  /** The OPEN that was sent on this connection: the negotiation uses it even if we would advertise something else by now. */
  localOpen: Open | null = null
  connection: Connection | null = null
  /** When the connection was begun, on the monotonic clock. */
  begunAt = 0

  private readonly owner: SessionOwner
  private readonly options: FsmOptions
  private framer = new Framer()
  private context: SessionContext = DEFAULT_CONTEXT
  private readonly timers = new Map<Timer, () => void>()
  private readonly queue: FsmEvent[] = []
  private dispatching = false
  private receivedAt = 0
  private holdMs = 0
  private progressAt = 0
  private flushedThen = 0
  private written = 0

  constructor(owner: SessionOwner, options: FsmOptions) {
    this.owner = owner
    this.options = options
  }

  /** Takes over a connection from the peer. */
  accept(connection: Connection): ConnectionHandlers {
    this.dispatch({ type: 'start' })
    const handlers = this.attach(() => connection)
    this.dispatch({ type: 'connected' })
    return handlers
  }

  dispatch(event: FsmEvent): void {
    this.queue.push(event)
    if (this.dispatching) return
    this.dispatching = true
    try {
      for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) this.step(next)
    } finally {
      this.dispatching = false
    }
  }

  /** Sends whole messages; `count` of them are UPDATEs. */
  send(bytes: Buffer, type: number, count = 1): void {
    if (this.connection === null) return
    const { sent } = this.owner.messages
    sent[type] = (sent[type] ?? 0) + count
    this.written += bytes.length
    this.connection.write(bytes)
  }

  /** Octets waiting for the network. */
  get unsent(): number {
    return this.connection?.unsent ?? 0
  }

  /** Tries to connect again after the back-off, from Idle, if that is not due already. */
  retryLater(): void {
    if (!this.timers.has('idle-hold')) this.arm('idle-hold', this.owner.retrySeconds() * 1000)
  }

  private step(event: FsmEvent): void {
    const from = this.state
    if (event.type === 'connect-retry-expired' && from === 'Connect') this.owner.connectTimedOut()
    const { state, actions, reason } = transition(from, event, this.options)
    this.state = state
    if (state === 'Idle' && from !== 'Idle') for (const timer of [...this.timers.keys()]) this.disarm(timer)
    if (event.type === 'open' && state === 'OpenConfirm') this.agree(event.open)
    for (const action of actions) this.perform(action)
    if (state !== from) this.owner.stateChanged(this, from, reason, endingOf(event, actions))
  }

  private agree(open: Open): void {
    this.negotiated = negotiate(this.localOpen!, open)
    this.context = this.negotiated.context
    // A speaker that advertised extended messages has to accept them, whatever the peer advertised (RFC 8654 §4).
    this.framer.extended = this.localOpen!.capabilities.extendedMessage
  }

  private perform(action: Action): void {
    switch (action.do) {
      case 'connect':
        this.attach((handlers) => this.owner.connect(handlers))
        return
      case 'close':
        this.connection?.close()
        this.connection = null
        return
      case 'send-open':
        this.localOpen = this.owner.localOpen()
        return this.send(encodeOpen(this.localOpen), MessageType.Open)
      case 'send-keepalive':
        return this.send(KEEPALIVE, MessageType.Keepalive)
      case 'send-notification':
        return this.sendNotification(action.notification)
      case 'arm':
        if (action.timer === 'hold') return this.armHold(action.seconds)
        return this.armKeepalive(action.seconds)
      case 'disarm':
        return this.disarm(action.timer)
      case 'back-off':
        return this.arm(action.timer, 1000 * this.backOffSeconds(action.timer))
      case 'restart-hold':
        this.receivedAt = this.owner.clock.now()
        return
    }
  }

  private backOffSeconds(timer: 'connect-retry' | 'idle-hold'): number {
    const isAttempt = timer === 'connect-retry' && this.state === 'Connect'
    return isAttempt ? this.owner.backOffSeconds() : this.owner.retrySeconds()
  }

  private sendNotification(notification: Notification): void {
    this.send(encodeNotification(notification, this.context), MessageType.Notification)
  }

  /** Makes a connection this session's; its handlers do nothing once the session has another one, or none. */
  private attach(make: (handlers: ConnectionHandlers) => Connection): ConnectionHandlers {
    let own: Connection | null = null
    const current = (): boolean => own !== null && own === this.connection
    const handlers: ConnectionHandlers = {
      connected: () => {
        if (current()) this.dispatch({ type: 'connected' })
      },
      data: (chunk) => {
        if (current()) this.read(chunk, current)
      },
      drained: () => {
        if (current()) this.owner.drained(this)
      },
      closed: (error) => {
        if (current())
          this.dispatch({ type: 'connection-failed', reason: error?.message ?? 'closed by the peer' })
      },
    }
    own = make(handlers)
    this.connection = own
    this.framer = new Framer()
    this.context = DEFAULT_CONTEXT
    this.negotiated = null
    this.localOpen = null
    this.written = 0
    this.flushedThen = 0
    this.begunAt = this.owner.clock.now()
    this.progressAt = this.begunAt
    return handlers
  }

  private read(chunk: Buffer, current: () => boolean): void {
    this.framer.push(chunk)
    try {
      while (current()) {
        const frame = this.framer.next()
        if (frame === null) return
        this.handle(frame)
      }
    } catch (error) {
      if (error instanceof SessionError) this.dispatch({ type: 'message-error', error })
      else this.fail(error)
    }
  }

  /** An internal error ends this session and nothing else. */
  private fail(fault: unknown): void {
    this.dispatch({ type: 'message-error', error: this.owner.faultOf(fault) })
    this.connection?.close()
    this.connection = null
  }

  private handle(frame: Frame): void {
    const { received } = this.owner.messages
    received[frame.type] = (received[frame.type] ?? 0) + 1
    if (frame.type === MessageType.Update && this.state !== 'Established')
      return this.dispatch({ type: 'update' })
    // Any other message in that state is an FSM error (RFC 4271 §8.2.2).
    if (frame.type === MessageType.Open && this.state === 'Established')
      throw new SessionError('OPEN in Established', ErrorCode.FiniteStateMachine, FsmSubcode.Established)
    const message = decodeMessage(frame, this.context)
    switch (message.type) {
      case 'open': {
        const { open } = message
        const refusal = this.state === 'OpenSent' ? this.owner.checkOpen(this, open) : null
        const holdTimeSeconds = Math.min(open.holdTimeSeconds, this.localOpen?.holdTimeSeconds ?? 0)
        return this.dispatch({ type: 'open', open, refusal, holdTimeSeconds })
      }
      case 'update': {
        const { update } = message
        const fatal = update.findings.find(({ severity }) => severity === 'reset')
        if (fatal !== undefined) {
          const { code, subcode, data } = findingToNotification(fatal)
          throw new SessionError(fatal.reason, code, subcode, data)
        }
        this.dispatch({ type: 'update' })
        return this.owner.update(this, update)
      }
      case 'notification':
        return this.dispatch({ type: 'notification', notification: message.notification })
      case 'keepalive':
        return this.dispatch({ type: 'keepalive' })
      case 'route-refresh':
        this.dispatch({ type: 'route-refresh' })
        if (this.state === 'Established') this.owner.routeRefresh(this, message.refresh)
        return
    }
  }

  private arm(timer: Timer, ms: number): void {
    this.disarm(timer)
    this.timers.set(
      timer,
      this.owner.clock.after(ms, () => {
        this.timers.delete(timer)
        if (timer === 'idle-hold') this.dispatch({ type: 'idle-hold-expired' })
        else if (timer === 'connect-retry') this.dispatch({ type: 'connect-retry-expired' })
      }),
    )
  }

  private disarm(timer: Timer): void {
    this.timers.get(timer)?.()
    this.timers.delete(timer)
  }

  /** One timer for the whole session: when it fires early, because a message arrived meanwhile, it is armed for the rest. */
  private armHold(seconds: number): void {
    this.holdMs = seconds * 1000
    this.disarm('hold')
    if (seconds > 0) this.waitHold(this.holdMs)
  }

  private waitHold(ms: number): void {
    const { clock } = this.owner
    this.timers.set(
      'hold',
      clock.after(ms, () => {
        if (this.silentMs() < this.holdMs) return this.waitHold(this.holdMs - this.silentMs())
        // Messages may wait in the socket because this process was busy: they are read first.
        let cancelled = false
        this.timers.set('hold', () => {
          cancelled = true
        })
        clock.soon(() => {
          if (cancelled) return
          if (this.silentMs() < this.holdMs) return this.waitHold(this.holdMs - this.silentMs())
          this.dispatch({ type: 'hold-expired' })
        })
      }),
    )
  }

  private silentMs(): number {
    return this.owner.clock.now() - this.receivedAt
  }

  private armKeepalive(seconds: number): void {
    this.disarm('keepalive')
    if (seconds <= 0) return
    const { clock, random } = this.owner
    const jitter = MIN_JITTER + (1 - MIN_JITTER) * random()
    this.timers.set(
      'keepalive',
      clock.after(Math.max(MIN_KEEPALIVE_MS, seconds * 1000 * jitter), () => {
        this.armKeepalive(seconds)
        this.dispatch(this.stuck() ? { type: 'send-hold-expired' } : { type: 'keepalive-expired' })
      }),
    )
  }

  /** Whether the peer has read nothing for longer than a working peer would (RFC 9687 §3.2). */
  private stuck(): boolean {
    const now = this.owner.clock.now()
    const flushed = this.written - this.unsent
    if (this.unsent === 0 || flushed !== this.flushedThen) {
      this.flushedThen = flushed
      this.progressAt = now
    }
    return now - this.progressAt > Math.max(MIN_SEND_HOLD_MS, 2 * this.holdMs)
  }
}

function endingOf(event: FsmEvent, actions: readonly Action[]): Ending {
  if (event.type === 'notification') return { kind: 'received', notification: event.notification }
  const sent = actions.find((action) => action.do === 'send-notification')
  if (event.type === 'stop') return { kind: 'stopped' }
  return sent === undefined ? { kind: 'lost' } : { kind: 'sent', notification: sent.notification }
}
