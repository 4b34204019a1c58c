import type { Mac } from '../values/mac.ts'
import { ensure } from '../values/map.ts'

/** When a MAC address that is advertised from two locations is a duplicate (RFC 7432 §15.1). */
export interface MobilityOptions {
  /** Number of moves within the window that make it a duplicate; 0: never. */
  readonly moves: number
  readonly windowSeconds: number
  /** After how long it is retried; 0: when it is detached. */
  readonly recoverySeconds: number
}

/** RFC 7432 §15.1; the recovery time is the default of FRR and others. */
export const MOBILITY_DEFAULTS: MobilityOptions = { moves: 5, windowSeconds: 180, recoverySeconds: 1800 }

/** The time, and until when received routes may predate this start. */
export interface Completeness {
  /** Milliseconds, on the monotonic clock. */
  now(): number
  /** Milliseconds since 1970. */
  epoch(): number
  /**
   * Until when a received route may be older than every attachment here: shortly after the first peer has converged, and not
   * beyond the end of a session. Infinity before.
   */
  readonly newsUntil: number
}

/** Routes that peers send within this time after our first import of a route target are older than attachments made meanwhile. */
const NEWS_MS = 10_000
const HIGHEST = 0xffff_ffff
/** Sequences from here on are the time of the attach, in seconds since 1970: no address moves as often. */
const FIRST_TIME = 1_000_000_000

interface AttachedMac {
  sequence: number
  /** The highest received since, where that is higher: a move is a rise of it, however many routes carry it. */
  highest: number
  readonly attachedAt: number
  /** The same in seconds since 1970. */
  readonly attachedEpoch: number
  /** It was attached before any peer had converged. */
  readonly isEarly: boolean
  /** It has been raised above a route that arrived after the attach; that happens only once. */
  outbid: boolean
  /** It outbids a route of the same sequence, once: a node that had the address before took that sequence while ours was withdrawn. */
  claimsTie: boolean
}

/**
 * Mobility of the MAC addresses that are attached here (RFC 7432 §7.7, §15). The orchestrator's attach is authoritative: its sequence
 * exceeds those of all known routes for the address, and of routes that arrive just after it because their import has only just begun,
 * since they are older.
 */
export class Mobility {
  private readonly options: MobilityOptions
  private readonly completeness: Completeness
  private readonly local = new Map<Mac, AttachedMac>()
  /** Recent moves of each address, here or away. */
  private readonly moves = new Map<Mac, number[]>()
  private readonly duplicates = new Map<Mac, number>()
  private listeningSince = 0

  constructor(options: MobilityOptions, completeness: Completeness) {
    this.options = options
    this.completeness = completeness
  }

  /** From now on routes may arrive that were not imported before. */
  listens(): void {
    this.listeningSince = this.completeness.now()
  }

  has(mac: Mac): boolean {
    return this.local.has(mac)
  }

  sequenceOf(mac: Mac): number {
    return this.local.get(mac)?.sequence ?? 0
  }

  /** Since when it counts as a duplicate, on the monotonic clock; undefined when it does not. */
  duplicateSince(mac: Mac): number | undefined {
    const since = this.duplicates.get(mac)
    const { recoverySeconds } = this.options
    if (since === undefined || recoverySeconds === 0) return since
    if (this.completeness.now() - since < recoverySeconds * 1000) return since
    this.duplicates.delete(mac)
    this.moves.delete(mac)
    return undefined
  }

  /** The local addresses that count as duplicates. */
  *duplicateMacs(): Iterable<Mac> {
    for (const mac of [...this.duplicates.keys()])
      if (this.local.has(mac) && this.duplicateSince(mac) !== undefined) yield mac
  }

  /** Adds a local address: `highest` is the highest sequence that peers advertise, undefined when none does. True when it became a duplicate. */
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
   * A peer advertises a local address. `outbids`: ours has a new sequence to advertise. `duplicate`: it has
   * now moved too often.
   */
  routeReceived(mac: Mac, sequence: number): { readonly outbids: boolean; readonly duplicate: boolean } {
    const local = this.local.get(mac)
    if (local === undefined || sequence < local.sequence) return { outbids: false, duplicate: false }
    if (this.isOlder(local, sequence))
      return { outbids: this.outbidOnce(mac, local, sequence), duplicate: false }
    if (sequence === local.sequence && sequence > 0 && local.claimsTie)
      return { outbids: this.claimTie(mac, local), duplicate: false }
    if (sequence <= Math.max(local.sequence, local.highest)) return { outbids: false, duplicate: false }
    local.highest = sequence
    return { outbids: false, duplicate: this.moved(mac) }
  }

  /** As `routeReceived`, for another MAC address with an IP address of a local one (RFC 9721 §6); true when ours has a new sequence. */
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

  /**
   * A route that outbid a local address is withdrawn, as after a migration that was given up: the address is here again. `left` is the highest sequence
   * that is still received, undefined where there is none. Returns whether ours has a new sequence, that of the route: peers such as FRR ignore one below
   * the highest they had. If the other node was only away, it claims the tie.
   */
  regain(mac: Mac, left: number | undefined): boolean {
    const local = this.local.get(mac)
    if (local === undefined || local.highest <= local.sequence) return false
    if (left !== undefined && left >= local.sequence) return false
    local.sequence = local.highest
    local.claimsTie = false
    return true
  }

  private claimTie(mac: Mac, local: AttachedMac): boolean {
    const before = local.sequence
    local.claimsTie = false
    local.sequence = this.next(mac, before)
    return local.sequence > before
  }

  /** Two new attachments both do this: the later one wins, as far as clocks agree. */
  private outbidOnce(mac: Mac, local: AttachedMac, sequence: number): boolean {
    const before = local.sequence
    local.outbid = true
    local.sequence = Math.max(this.next(mac, sequence), local.attachedEpoch)
    return local.sequence > before
  }

  private add(mac: Mac, sequence: number, outbid: boolean): void {
    const isEarly = this.completeness.newsUntil === Number.POSITIVE_INFINITY
    const attachedEpoch = this.epochSeconds()
    const attachedAt = this.completeness.now()
    this.local.set(mac, {
      sequence,
      highest: sequence,
      attachedAt,
      attachedEpoch,
      isEarly,
      outbid,
      claimsTie: true,
    })
  }

  /** One more than the highest, and no earlier where that is a time; a duplicate keeps its sequence. */
  private next(mac: Mac, highest: number): number {
    if (this.duplicateSince(mac) !== undefined) return highest
    return Math.min(HIGHEST, Math.max(highest + 1, highest < FIRST_TIME ? 0 : this.epochSeconds()))
  }

  private epochSeconds(): number {
    return Math.floor(this.completeness.epoch() / 1000) % HIGHEST
  }

  /** Whether a received route is older than the attach. */
  private isOlder(local: AttachedMac, sequence: number): boolean {
    if (local.outbid) return false
    if (sequence >= FIRST_TIME && sequence !== local.attachedEpoch) return sequence < local.attachedEpoch
    return this.isFresh(local)
  }

  /** Whether a received route may belong to an import that has only just begun. */
  private isFresh({ attachedAt, isEarly }: AttachedMac): boolean {
    const now = this.completeness.now()
    if (attachedAt >= this.listeningSince && now - this.listeningSince < NEWS_MS) return true
    return isEarly && now < this.completeness.newsUntil
  }

  /** Records a move; true when it exceeds the limit. */
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

  /** Forgets addresses that have not moved recently and are not local. */
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
