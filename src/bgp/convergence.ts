import type { Clock } from '../clock.ts'
import type { Ip } from '../values/address.ts'
import type { BgpPeer } from './bgp-peer.ts'
import { VPN_FAMILIES } from './family.ts'
import { HEADLESS_SETTLE_MS, MEMBERSHIP_SETTLE_MS } from './rib/stale-routes.ts'

export interface ConvergenceOptions {
  /** After the first session of all is up, the longest wait for End-of-RIB. */
  readonly waitSeconds: number
  /** The longest wait for a first session. */
  readonly headlessSeconds: number
  /** The peers are clients of ours (RFC 4456): none of them knows what another has. */
  readonly reflects: boolean
  /** Peers may come that are not configured. */
  readonly isOpen: boolean
}

/** A peer that is down is waited for that many times its `connectRetrySeconds` where another one is complete. */
const PATIENCE = 2
/** What the first complete peer advertises within that time of being so was there before this start. */
const NEWS_MS = 10_000

/** The wait after a start until the routes of all peers are here, or no longer waited for. */
export class InitialConvergence {
  /** Since when it is over, in epoch milliseconds; null before. */
  since: number | null = null
  /**
   * Until when a route that arrives may be older than all that this start has attached: shortly after the first peer is complete,
   * and not beyond the end of a session. Infinity before.
   */
  newsUntil = Number.POSITIVE_INFINITY
  private readonly options: ConvergenceOptions
  private readonly clock: Clock
  private readonly peers: ReadonlyMap<Ip, BgpPeer>
  private readonly startedAt: number
  private readonly onConverged: () => void
  private isRunning = false
  private hasSession = false
  /** All peers are complete; a wait for what they may have left out is under way. */
  private settling = false
  private cancelWait = (): void => {}
  private cancelCheck = (): void => {}

  /** `neighbours` is a live view; `onConverged` is called once. */
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
    this.wait(Math.max(this.options.waitSeconds, this.options.headlessSeconds))
    this.check()
  }

  stop(): void {
    this.isRunning = false
    this.cancelWait()
    this.cancelCheck()
  }

  /** Milliseconds, on the clock that never goes back. */
  now(): number {
    return this.clock.now()
  }

  /** Milliseconds since 1970. */
  epoch(): number {
    return this.clock.epoch()
  }

  /** A session is established. */
  sessionUp(): void {
    if (this.hasSession) return
    this.hasSession = true
    if (!this.isOver) this.wait(this.options.waitSeconds)
  }

  /** A peer has advertised all it has. */
  peerComplete(): void {
    this.newsUntil = Math.min(this.newsUntil, this.clock.now() + NEWS_MS)
    this.check()
  }

  /** A session is lost, or a peer is not wanted any more. */
  peerDown(): void {
    if (this.hasSession) this.newsUntil = Math.min(this.newsUntil, this.clock.now())
    this.check()
  }

  /** Peers whose routes are waited for. */
  awaited(): readonly BgpPeer[] {
    if (this.isOver) return []
    const wanted = [...this.peers.values()].filter(({ disabled }) => !disabled)
    const complete = wanted.filter((peer) => peer.complete)
    return wanted.filter((peer) => !peer.complete && !this.isReplaced(peer, complete))
  }

  private get isOver(): boolean {
    return !this.isRunning || this.since !== null
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
    // Clients that nothing is known of before they connect come back within the time that a reflector takes to settle.
    if (this.options.isOpen && this.untilClientsAreBack() > 0) return false
    return this.awaited().length === 0
  }

  private untilClientsAreBack(): number {
    return this.startedAt + HEADLESS_SETTLE_MS - this.clock.now()
  }

  /** Whether a peer that is down is not waited for, since another has advertised all it has of the same families. */
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

  /** When time alone may make the difference; null when it cannot. */
  private untilNextCheck(): number | null {
    const down = this.awaited().filter(({ negotiated }) => negotiated === null)
    const waits = down.map((peer) => this.untilReplaced(peer))
    if (this.options.isOpen) waits.push(this.untilClientsAreBack())
    const ahead = waits.filter((ms) => ms > 0)
    return ahead.length === 0 ? null : Math.min(...ahead)
  }
}
