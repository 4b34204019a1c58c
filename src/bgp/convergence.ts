import type { Clock } from '../clock.ts'
import type { Ip } from '../values/address.ts'
import type { BgpPeer } from './bgp-peer.ts'
import { VPN_FAMILIES } from './family.ts'
import { HEADLESS_SETTLE_MS, MEMBERSHIP_SETTLE_MS } from './rib/stale-routes.ts'

export interface ConvergenceOptions {
  /** The longest wait for End-of-RIB while a session is up. */
  readonly waitSeconds: number
  /** The longest wait for a session. */
  readonly headlessSeconds: number
  /** The peers are our clients (RFC 4456): none of them knows another's routes. */
  readonly reflects: boolean
  /** Whether dynamic peers may connect. */
  isOpen(): boolean
}

/** While another peer is complete, a peer that is down is waited for this many times its `connectRetrySeconds`. */
const PATIENCE = 2
/** Routes that the first complete peer advertises within this time of its completion predate this start. */
const NEWS_MS = 10_000

/** The wait after a start until all peers have converged, or are no longer waited for. */
export class InitialConvergence {
  /** Since when it is complete, in epoch milliseconds; null before. */
  since: number | null = null
  /**
   * Until when a received route may be older than every attachment of this start: shortly after the first peer is complete,
   * and not beyond the end of a session. Infinity before.
   */
  newsUntil = Number.POSITIVE_INFINITY
  private readonly options: ConvergenceOptions
  private readonly clock: Clock
  private readonly peers: ReadonlyMap<Ip, BgpPeer>
  private readonly startedAt: number
  private readonly onConverged: () => void
  private isRunning = false
  /** A session is established. */
  private isUp = false
  /** All peers are complete; a wait for routes they may have omitted is under way. */
  private settling = false
  private cancelWait = (): void => {}
  private cancelCheck = (): void => {}

  /** `peers` is a live view; `onConverged` is called once. */
  constructor(
    options: ConvergenceOptions,
    clock: Clock,
    peers: ReadonlyMap<Ip, BgpPeer>,
    onConverged: () => void,
  ) {
    this.options = options
    this.clock = clock
    this.peers = peers
    this.startedAt = clock.now()
    this.onConverged = onConverged
  }

  start(): void {
    this.isRunning = true
    this.waitForSession()
    this.check()
  }

  stop(): void {
    this.isRunning = false
    this.cancelWait()
    this.cancelCheck()
  }

  /** Milliseconds, on the monotonic clock. */
  now(): number {
    return this.clock.now()
  }

  /** Milliseconds since 1970. */
  epoch(): number {
    return this.clock.epoch()
  }

  /** A session is established. */
  sessionUp(): void {
    if (this.isUp) return
    this.isUp = true
    if (!this.isOver) this.wait(this.options.waitSeconds)
  }

  /** A peer has advertised all its routes. */
  peerComplete(): void {
    this.newsUntil = Math.min(this.newsUntil, this.clock.now() + NEWS_MS)
    this.check()
  }

  /** A session is lost, or a peer was removed. */
  peerDown(): void {
    if (this.isUp) this.newsUntil = Math.min(this.newsUntil, this.clock.now())
    if (this.isUp && ![...this.peers.values()].some(({ negotiated }) => negotiated !== null)) this.allDown()
    this.check()
  }

  /** Peers whose routes are waited for. */
  awaited(): readonly BgpPeer[] {
    if (this.isOver) return []
    const wanted = [...this.peers.values()].filter(({ disabled }) => !disabled)
    const complete = wanted.filter((peer) => peer.complete)
    return wanted.filter((peer) => !peer.complete && !this.isReplaced(peer, complete))
  }

  /** What peers have not advertised yet, they advertise after a session is back. */
  private allDown(): void {
    this.isUp = false
    if (!this.isOver) this.waitForSession()
  }

  private get isOver(): boolean {
    return !this.isRunning || this.since !== null
  }

  private waitForSession(): void {
    this.wait(Math.max(this.options.waitSeconds, this.options.headlessSeconds))
  }

  private wait(seconds: number): void {
    this.cancelWait()
    this.cancelWait = this.clock.after(seconds * 1000, () => this.end())
  }

  private check(): void {
    this.cancelCheck()
    if (this.isOver) return
    if (!this.isComplete()) {
      const ms = this.untilNextCheck()
      if (ms !== null) this.cancelCheck = this.clock.after(ms, () => this.check())
      return
    }
    const settles = [...this.peers.values()].some(({ isConstrained, isSilent }) => isConstrained && !isSilent)
    if (!settles) return this.end()
    if (this.settling) return
    this.settling = true
    this.clock.after(MEMBERSHIP_SETTLE_MS, () => {
      this.settling = false
      if (this.isOver) return
      if (this.isComplete()) this.end()
      else this.check()
    })
  }

  private end(): void {
    if (this.isOver) return
    this.cancelWait()
    this.cancelCheck()
    this.since = this.clock.epoch()
    this.onConverged()
  }

  private isComplete(): boolean {
    // Unknown clients come back within the time that a reflector takes to settle.
    if (this.options.isOpen() && this.untilClientsAreBack() > 0) return false
    return this.awaited().length === 0
  }

  private untilClientsAreBack(): number {
    return this.startedAt + HEADLESS_SETTLE_MS - this.clock.now()
  }

  /** Whether a peer that is down is not waited for, since another has advertised all its routes of the same families. */
  private isReplaced(peer: BgpPeer, complete: readonly BgpPeer[]): boolean {
    const isDown = peer.negotiated === null
    if (this.options.reflects || !isDown || this.untilReplaced(peer) > 0) return false
    const families = peer.sessions.config.families.filter((family) => VPN_FAMILIES.has(family))
    return families.every((family) =>
      complete.some(({ negotiated }) => negotiated?.families.has(family) === true),
    )
  }

  /** How long a peer that is down is still waited for. */
  private untilReplaced({ lostAt, sessions }: BgpPeer): number {
    const since = lostAt ?? this.startedAt
    return since + PATIENCE * sessions.config.connectRetrySeconds * 1000 - this.clock.now()
  }

  /** When the passing of time can change the result; null when it cannot. */
  private untilNextCheck(): number | null {
    const down = this.awaited().filter(({ negotiated }) => negotiated === null)
    const waits = down.map((peer) => this.untilReplaced(peer))
    if (this.options.isOpen()) waits.push(this.untilClientsAreBack())
    const ahead = waits.filter((ms) => ms > 0)
    return ahead.length === 0 ? null : Math.min(...ahead)
  }
}
