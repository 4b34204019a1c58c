import { ERRORS, RequestError } from '../../src/api/errors.ts'
import type { Clock } from '../../src/clock.ts'
import { formatIp } from '../../src/values/address.ts'
import { formatMac } from '../../src/values/mac.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import type { VpnService } from '../../src/vpn/service.ts'
import type { Random } from './random.ts'

/** How long an agent waits after an accident, and how long after a refusal, which will be the same for a while. */
const RETRY_MS = 2000
const REFUSED_RETRY_MS = 60_000
/** The longest that a hasty agent waits for an answer. */
const PATIENCE_MS = 40

/** Whether the answer will be the same for a while. */
const isLasting = (error: unknown) => error instanceof RequestError && ERRORS[error.code].status < 500

/** Whether the kernel gave no answer to what the daemon had to know. */
const isLost = (error: unknown) =>
  error instanceof Error && /^(connection lost|not connected)$/.test(error.message)

/** The agent of a node: knows what should be attached, and goes on asking the daemon for it. */
export class Agent {
  /** What is to be attached, by instance, MAC and IP. */
  readonly wanted = new Map<string, AttachRequest>()
  /** What the daemon granted though it must not, in words. */
  readonly wrongAnswers: string[] = []
  private readonly clock: Clock
  private daemon: VpnService | null = null
  /** What was asked for last of each endpoint, and which of it was not granted yet. */
  private readonly asked = new Map<string, AttachRequest>()
  private readonly unanswered = new Set<string>()
  /** What the daemon may have: what it granted, and what it did not answer because it died. */
  private readonly maybeThere = new Set<string>()
  private readonly retrying = new Set<string>()
  /** The number of the last request for each endpoint. */
  private readonly sent = new Map<string, number>()
  /** Null: it waits for each answer. */
  private readonly haste: Random | null
  /** The agent does one thing at a time. */
  private errands: Promise<void> = Promise.resolve()
  /** Settled when the daemon dies: it will never answer what it was asked. */
  private death: Promise<void> = Promise.resolve()
  private die = (): void => {}

  constructor(clock: Clock, haste: Random | null) {
    this.clock = clock
    this.haste = haste
  }

  /** What is wanted and was granted. */
  *attached(): Iterable<AttachRequest> {
    for (const [key, request] of this.wanted) if (!this.unanswered.has(key)) yield request
  }

  /** What is wanted and was refused whenever it was asked for. */
  *refused(): Iterable<AttachRequest> {
    for (const [key, request] of this.wanted) if (this.unanswered.has(key)) yield request
  }

  /** There is a daemon to be asked; `isNew`: it has nothing of one before. */
  start(daemon: VpnService, isNew: boolean): void {
    if (isNew) this.maybeThere.clear()
    this.death = new Promise((resolve) => {
      this.die = resolve
    })
    this.daemon = daemon
  }

  stop(): void {
    this.daemon = null
    this.die()
  }

  /** Sends everything again, as agents do when the ping number has changed. */
  refresh(): void {
    for (const key of this.asked.keys()) this.runErrand(key)
  }

  attach(request: AttachRequest): void {
    const key = keyOf(request)
    this.wanted.set(key, request)
    this.asked.set(key, request)
    this.runErrand(key)
  }

  detach(key: string): void {
    if (this.wanted.delete(key)) this.runErrand(key)
  }

  private runErrand(key: string): void {
    this.unanswered.add(key)
    const errand = async () => {
      const { daemon } = this
      const asked = this.asked.get(key)
      if (daemon === null || asked === undefined) return
      const request = this.wanted.get(key)
      if (request === undefined) await this.askToDetach(daemon, key, asked)
      else await this.askToAttach(daemon, key, request)
    }
    this.errands = this.errands.then(() => {
      const answer = Promise.race([errand(), this.death])
      return this.haste === null ? answer : Promise.race([answer, this.timeout(key, this.haste)])
    })
  }

  /** It does not wait for the answer any longer: it goes on, and asks again. */
  private timeout(key: string, haste: Random): Promise<void> {
    return new Promise((resolve) =>
      this.clock.after(haste.between(0, PATIENCE_MS), () => {
        if (this.unanswered.has(key)) this.retry(key, RETRY_MS)
        resolve()
      }),
    )
  }

  private send(key: string): () => boolean {
    const number = (this.sent.get(key) ?? 0) + 1
    this.sent.set(key, number)
    return () => this.sent.get(key) === number
  }

  private async askToDetach(daemon: VpnService, key: string, asked: AttachRequest): Promise<void> {
    const { instanceId, type, mac, ip } = asked
    const isLast = this.send(key)
    await daemon.detach({ instanceId, type, mac, ip: ip?.ip ?? null }).catch((error) => {
      if (!(error instanceof RequestError)) this.wrongAnswers.push(`fails to detach ${key}: ${error}`)
    })
    if (this.daemon !== daemon || !isLast()) return
    if (!this.wanted.has(key)) this.unanswered.delete(key)
    this.maybeThere.delete(key)
  }

  /** Tries again a little later when that failed, as long as it is wanted. */
  private async askToAttach(daemon: VpnService, key: string, request: AttachRequest): Promise<void> {
    const wasThere = this.maybeThere.has(key)
    const mustFail = !wasThere && this.leadsNowhere(request)
    const isLast = this.send(key)
    this.maybeThere.add(key)
    try {
      await daemon.attach(request)
      if (this.daemon !== daemon) return
      // meanwhile something else may be wanted
      if (this.wanted.get(key) === request) this.unanswered.delete(key)
      if (mustFail) this.wrongAnswers.push(`grants ${key}, joined to nothing`)
    } catch (error) {
      if (this.daemon !== daemon) return
      if (!wasThere && isLast()) this.maybeThere.delete(key)
      if (!(error instanceof RequestError || isLost(error)))
        this.wrongAnswers.push(`fails for ${key}: ${error}`)
      this.retry(key, isLasting(error) ? REFUSED_RETRY_MS : RETRY_MS)
    }
  }

  private retry(key: string, delayMs: number): void {
    if (this.retrying.has(key)) return
    this.retrying.add(key)
    this.clock.after(delayMs, () => {
      this.retrying.delete(key)
      if (this.unanswered.has(key)) this.runErrand(key)
    })
  }

  /** Whether the daemon cannot have the EVPN instance of an IRB endpoint. */
  private leadsNowhere({ port }: AttachRequest): boolean {
    if (typeof port === 'string') return false
    return ![...this.maybeThere].some((key) => this.asked.get(key)?.instanceId === port.evpn)
  }
}

export function keyOf({ instanceId, mac, ip }: AttachRequest): string {
  return `${instanceId} ${formatMac(mac)} ${ip === null ? '-' : formatIp(ip.ip)}`
}
