import type { Mac } from '../values/mac.ts'
import { ensure } from '../values/map.ts'

/** What makes a MAC address that is claimed in two places a duplicate (RFC 7432 §15.1). */
export interface MobilityOptions {
  /** Moves within the window from which on it is one; 0: never. */
  readonly moves: number
  readonly windowSeconds: number
  /** After how long it is given another chance; 0: when it is detached. */
  readonly recoverySeconds: number
}

/** RFC 7432 §15.1; the recovery time is what FRR and others propose. */
export const MOBILITY_DEFAULTS: MobilityOptions = { moves: 5, windowSeconds: 180, recoverySeconds: 1800 }

/** The time, and how far routes tell of what was before this start. */
export interface Completeness {
  /** Milliseconds, on the clock that never goes back. */
  now(): number
  /** Milliseconds since 1970. */
  epoch(): number
  /**
   * Until when a route that arrives may be older than all that was attached here: shortly after the first peer is complete, and not
   * beyond the end of a session. Infinity before.
   */
  readonly newsUntil: number
}

/** What peers tell of a route target within that time of our asking for it is older than what we attach meanwhile. */
const NEWS_MS = 10_000
const HIGHEST = 0xffff_ffff
/** Sequences from here on say when an address was attached, in seconds since 1970: no address moves as often. */
const FIRST_TIME = 1_000_000_000

interface LocalMac {
  sequence: number
  /** The highest that was received since, where that is higher: a move is a rise of it, however many routes tell of it. */
  highest: number
  readonly attachedAt: number
  /** The same in seconds since 1970. */
  readonly attachedEpoch: number
  /** It was attached before any peer was complete. */
  readonly isEarly: boolean
  /** It has outbid a route that arrived after the attach; it does so only once. */
  outbid: boolean
}

/**
 * Mobility of the MAC addresses that are attached here (RFC 7432 §7.7, §15). An attach is the word of the orchestrator: it
 * outbids every route for the address that is known, and those that turn up just after it because we have only just asked for
 * them, since they are older.
 */
export class Mobility {
  private readonly options: MobilityOptions
  private readonly completeness: Completeness
  private readonly local = new Map<Mac, LocalMac>()
  /** When each address moved lately, here or away. */
  private readonly moves = new Map<Mac, number[]>()
  private readonly duplicates = new Map<Mac, number>()
  private listeningSince = 0

  constructor(options: MobilityOptions, completeness: Completeness) {
    this.options = options
    this.completeness = completeness
  }

  /** From now on there are routes to be heard that were not before. */
  listens(): void {
    this.listeningSince = this.completeness.now()
  }

  has(mac: Mac): boolean {
    return this.local.has(mac)
  }

  sequenceOf(mac: Mac): number {
    return this.local.get(mac)?.sequence ?? 0
  }

  /** Since when it is taken for a duplicate, on the clock that never goes back; undefined when it is not. */
  duplicateSince(mac: Mac): number | undefined {
    const since = this.duplicates.get(mac)
    const { recoverySeconds } = this.options
    if (since === undefined || recoverySeconds === 0) return since
    if (this.completeness.now() - since < recoverySeconds * 1000) return since
    this.duplicates.delete(mac)
    this.moves.delete(mac)
    return undefined
  }

  /** The addresses attached here that are taken for duplicates. */
  *duplicateMacs(): Iterable<Mac> {
    for (const mac of [...this.duplicates.keys()])
      if (this.local.has(mac) && this.duplicateSince(mac) !== undefined) yield mac
  }

  /** Adds a local address: `highest` is the highest sequence that others advertise, undefined when nobody does. True when it became a duplicate. */
  attach(mac: Mac, highest: number | undefined): boolean {
    const duplicate = highest !== undefined && this.moved(mac)
    const sequence = highest === undefined ? 0 : this.next(mac, highest)
    this.add(mac, sequence, false)
    return duplicate
  }

  /** Adds one that was here before a restart. */
  restore(mac: Mac, sequence: number): void {
    this.add(mac, sequence, true)
  }

  detach(mac: Mac): void {
    this.local.delete(mac)
    this.prune()
  }

  /**
   * Somebody else advertises a local address. `outbids` when ours has a new sequence to be advertised, `duplicate` when it has
   * now moved too often.
   */
  routeReceived(mac: Mac, sequence: number): { readonly outbids: boolean; readonly duplicate: boolean } {
    const local = this.local.get(mac)
    if (local === undefined || sequence < local.sequence) return { outbids: false, duplicate: false }
    if (this.isOlder(local, sequence))
      return { outbids: this.outbidOnce(mac, local, sequence), duplicate: false }
    if (sequence <= Math.max(local.sequence, local.highest)) return { outbids: false, duplicate: false }
    local.highest = sequence
    return { outbids: false, duplicate: this.moved(mac) }
  }

  /** As `heard`, of another MAC address with one of the IP addresses of a local one (RFC 9721 §6); true when ours has a new sequence. */
  ipRouteReceived(mac: Mac, sequence: number): boolean {
    const local = this.local.get(mac)
    if (local === undefined || sequence < local.sequence || !this.isOlder(local, sequence)) return false
    return this.outbidOnce(mac, local, sequence)
  }

  /**
   * A local MAC address gets an IP address that `highest` is the highest sequence of with other MAC addresses (RFC 9721 §6);
   * true when ours has a new sequence. It does not count as a move of the MAC address.
   */
  takeIp(mac: Mac, highest: number): boolean {
    const local = this.local.get(mac)
    if (local === undefined || highest < local.sequence) return false
    const before = local.sequence
    local.sequence = this.next(mac, highest)
    return local.sequence > before
  }

  /** Where both are new they do this both: the later attach wins, as far as clocks agree. */
  private outbidOnce(mac: Mac, local: LocalMac, sequence: number): boolean {
    const before = local.sequence
    local.outbid = true
    local.sequence = Math.max(this.next(mac, sequence), local.attachedEpoch)
    return local.sequence > before
  }

  private add(mac: Mac, sequence: number, outbid: boolean): void {
    const isEarly = this.completeness.newsUntil === Number.POSITIVE_INFINITY
    const attachedEpoch = this.epochSeconds()
    const attachedAt = this.completeness.now()
    this.local.set(mac, { sequence, highest: sequence, attachedAt, attachedEpoch, isEarly, outbid })
  }

  /** One more than the highest, and no earlier where that is a time; a duplicate does not take part in the race. */
  private next(mac: Mac, highest: number): number {
    if (this.duplicateSince(mac) !== undefined) return highest
    return Math.min(HIGHEST, Math.max(highest + 1, highest < FIRST_TIME ? 0 : this.epochSeconds()))
  }

  private epochSeconds(): number {
    return Math.floor(this.completeness.epoch() / 1000) % HIGHEST
  }

  /** Whether a route that arrives is of before the attach. */
  private isOlder(local: LocalMac, sequence: number): boolean {
    if (local.outbid) return false
    if (sequence >= FIRST_TIME && sequence !== local.attachedEpoch) return sequence < local.attachedEpoch
    return this.isFresh(local)
  }

  /** Whether what arrives may be what we have only just asked for. */
  private isFresh({ attachedAt, isEarly }: LocalMac): boolean {
    const now = this.completeness.now()
    if (attachedAt >= this.listeningSince && now - this.listeningSince < NEWS_MS) return true
    return isEarly && now < this.completeness.newsUntil
  }

  /** Notes a move; true when it was the one too many. */
  private moved(mac: Mac): boolean {
    const { moves, windowSeconds } = this.options
    if (moves === 0) return false
    const now = this.completeness.now()
    const times = ensure(this.moves, mac, () => [])
    times.push(now)
    while (times.length > moves || times[0]! < now - windowSeconds * 1000) times.shift()
    if (times.length < moves || this.duplicateSince(mac) !== undefined) return false
    this.duplicates.set(mac, now)
    return true
  }

  /** Forgets what has not moved lately and is not here. */
  private prune(): void {
    const since = this.completeness.now() - this.options.windowSeconds * 1000
    for (const [mac, times] of this.moves) {
      if (this.local.has(mac) || times.at(-1)! >= since || this.duplicateSince(mac) !== undefined) continue
      this.moves.delete(mac)
    }
    if (this.options.recoverySeconds > 0) return
    for (const mac of this.duplicates.keys()) if (!this.local.has(mac)) this.duplicates.delete(mac)
  }
}
