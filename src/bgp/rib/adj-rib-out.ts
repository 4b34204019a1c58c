import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import { ensure } from '../../values/map.ts'
import { type Family, familyName, ROUTE_TARGET, VPN_FAMILIES } from '../family.ts'
import { writeEndOfRib } from '../message/pack.ts'
import { RefreshKind, type RouteRefresh } from '../message/route-refresh.ts'
import { nlriCodec } from '../nlri/index.ts'
import type { Membership } from '../nlri/route-target.ts'
import type { Negotiated } from '../session/negotiate.ts'
import { Writer } from '../wire/writer.ts'
import { Advertiser, type Withheld } from './advertiser.ts'
import { Backlog } from './backlog.ts'
import type { ExportPolicy } from './export-policy.ts'
import { Interest } from './interest.ts'
import { Reconsideration } from './reconsideration.ts'
import type { BestListener, Rib } from './rib.ts'
import type { Route } from './route.ts'

/** Receives packed messages. */
export interface Outlet {
  /** Octets waiting for the network. */
  unsent(): number
  sendUpdates(bytes: Buffer, count: number): void
  sendRefresh(refresh: RouteRefresh): void
}

/** Changes of a burst are gathered this long into few messages; the first one leaves at once. */
const GATHER_MS = 5
/** Stop packing when this many octets wait for the network. */
const HIGH_WATER_OCTETS = 512 * 1024
/** Routes packed before other work gets its turn. */
const SLICE = 1000
/** The longest wait for the peer's memberships before VPN routes are sent, filtered by the memberships received so far (RFC 4684 §6). */
const MEMBERSHIP_WAIT_MS = 60_000

/** The advertisements to one peer: filtered by its route-target memberships, each route at most once, packed, and paced by the network. */
export class AdjRibOut implements BestListener {
  /** How often a route could not be advertised to the peer. */
  readonly counters = { withheld: 0 }
  private readonly clock: Clock
  private readonly rib: Rib
  private readonly policy: ExportPolicy
  private readonly outlet: Outlet
  private readonly name: string
  private readonly events: EventSink
  private families: readonly Family[] = []
  private readonly interest = new Interest()
  private reconsideration: Reconsideration
  private constrained = false
  private gateOpen = false
  /** Memberships are unknown, and not waited for. */
  private unfiltered = false
  /** Of the session; null without one. Work scheduled for an older session is dropped. */
  private advertiser: Advertiser | null = null
  private readonly pending = new Map<Family, Backlog<Route | null>>()
  /** Families whose candidates are being walked. */
  private readonly walking = new Set<Family>()
  /** Families whose candidates were all walked: their End-of-RIB is due when the changes pending by then have been sent. */
  private readonly endDue = new Map<Family, () => boolean>()
  /** Families that are re-advertised because the peer asked. */
  private readonly refreshing = new Set<Family>()
  /** Families that are to be re-advertised once more after that. */
  private readonly refreshDue = new Set<Family>()
  private enhancedRefresh = false
  private holdsEnd: boolean
  private cancelGate = (): void => {}
  private flushing = false
  private flushedAt = Number.NEGATIVE_INFINITY

  /** With `holdsEnd`, End-of-RIB waits until `releaseEnd`: some of our routes are not restored yet. That of memberships is sent, since peers wait for it. */
  constructor(
    clock: Clock,
    rib: Rib,
    policy: ExportPolicy,
    outlet: Outlet,
    holdsEnd: boolean,
    name: string,
    events: EventSink,
  ) {
    this.name = name
    this.events = events
    this.clock = clock
    this.rib = rib
    this.policy = policy
    this.outlet = outlet
    this.holdsEnd = holdsEnd
    this.reconsideration = this.newReconsideration()
  }

  /** The session is up: sends memberships first, and everything else once the peer's own memberships are known. */
  start(negotiated: Negotiated): void {
    const { families, enhancedRouteRefresh } = negotiated
    this.families = [...families].sort((a, b) => rank(a) - rank(b))
    this.advertiser = new Advertiser(
      negotiated,
      this.policy,
      (bytes, updates) => this.outlet.sendUpdates(bytes, updates),
      (withheld) => this.withheldRoute(withheld),
    )
    this.enhancedRefresh = enhancedRouteRefresh
    this.constrained = families.has(ROUTE_TARGET)
    this.unfiltered = false
    this.gateOpen = !this.constrained
    if (this.constrained) this.cancelGate = this.clock.after(MEMBERSHIP_WAIT_MS, () => this.openGate())
    this.rib.listen(this)
    for (const family of this.families) this.walk(family)
  }

  stop(): void {
    this.rib.unlisten(this)
    this.cancelGate()
    this.advertiser = null
    this.interest.clear()
    this.reconsideration = this.newReconsideration()
    this.pending.clear()
    this.walking.clear()
    this.endDue.clear()
    this.refreshing.clear()
    this.refreshDue.clear()
    this.flushing = false
  }

  bestChanged(previous: Route | null, current: Route | null): void {
    const { family, key } = (current ?? previous)!
    if (!this.families.includes(family)) return
    const selected = current === null ? null : this.select(current)
    const pending = ensure(this.pending, family, () => new Backlog())
    if (selected === null && !pending.has(key) && this.advertiser?.knows(family, key) !== true) return
    pending.set(key, selected)
    this.scheduleFlush()
  }

  /** The peer has added a membership for a route target, or for all. */
  memberAdded(membership: Membership): void {
    if (this.interest.add(membership)) this.reconsideration.add(membership, this.visitor())
  }

  memberRemoved(membership: Membership): void {
    if (this.interest.remove(membership)) this.reconsideration.add(membership, this.visitor())
  }

  /** The peer has advertised all of its memberships. */
  membershipsComplete(): void {
    this.openGate()
    if (!this.unfiltered) return
    this.unfiltered = false
    this.reconsideration.addAll(this.visitor())
  }

  /** The peer advertises nothing before our End-of-RIB: until then it gets all routes unfiltered. */
  advertiseFirst(): void {
    this.unfiltered = true
    this.openGate()
  }

  /**
   * Re-advertises a family (RFC 2918), between markers where both sides support them; a re-advertisement under way is completed
   * first (RFC 7313 §4).
   */
  refresh(family: Family): void {
    if (!this.families.includes(family)) return
    if (this.walking.has(family) || this.endDue.has(family)) {
      this.refreshDue.add(family)
      return
    }
    if (this.enhancedRefresh) this.outlet.sendRefresh({ family, kind: RefreshKind.Begin })
    this.refreshing.add(family)
    this.walk(family)
  }

  /** Our own routes are complete: lets End-of-RIB go to peers. */
  releaseEnd(): void {
    this.holdsEnd = false
    this.scheduleFlush()
  }

  /** The network took the written data. */
  drained(): void {
    this.scheduleFlush()
  }

  /** Routes advertised to the peer, as a live view. */
  routes(): Iterable<Route> {
    return this.advertiser?.routes() ?? []
  }

  /** Routes for the peer that its session cannot carry, as a live view. */
  withheld(): Iterable<Withheld> {
    return this.advertiser?.withheld() ?? []
  }

  /** Why the peer does not get the best route of a key; null where it does. */
  whyNot(best: Route): string | null {
    const route = this.policy.select(best)
    if (route === null) return this.policy.whyNot(best)
    if (!this.isAskedFor(route)) return 'it asks for none of the route targets (RFC 4684)'
    return this.advertiser?.whyNot(route) ?? null
  }

  /** The route to advertise to the peer where `best` is the best route of its key. */
  private select(best: Route): Route | null {
    const route = this.policy.select(best)
    return route !== null && this.isAskedFor(route) ? route : null
  }

  private isAskedFor({ family, set }: Route): boolean {
    const filtered = this.constrained && !this.unfiltered && VPN_FAMILIES.has(family)
    return !filtered || this.interest.covers(set.constraintTargets)
  }

  private walk(family: Family): void {
    const { advertiser } = this
    this.walking.add(family)
    this.rib.walk(this.policy.candidates(family), this.visitor(), () => {
      if (advertiser !== this.advertiser) return
      this.walking.delete(family)
      this.endDue.set(family, this.pending.get(family)?.barrier() ?? (() => true))
      this.scheduleFlush()
    })
  }

  /** Returns false once the session is over. */
  private visitor(): (route: Route) => boolean {
    const { advertiser } = this
    return (route) => {
      const isUp = advertiser === this.advertiser
      if (isUp) this.bestChanged(null, route)
      return isUp
    }
  }

  private newReconsideration(): Reconsideration {
    return new Reconsideration(
      this.rib,
      () => this.families.filter((family) => VPN_FAMILIES.has(family)),
      (family) => this.policy.candidates(family),
    )
  }

  private openGate(): void {
    if (this.gateOpen || this.advertiser === null) return
    this.gateOpen = true
    this.cancelGate()
    this.scheduleFlush()
  }

  private scheduleFlush(): void {
    const { advertiser } = this
    if (this.flushing || advertiser === null || this.outlet.unsent() >= HIGH_WATER_OCTETS) return
    this.flushing = true
    const flush = () => this.flush(advertiser)
    const left = this.flushedAt + GATHER_MS - this.clock.now()
    if (left > 0) this.clock.after(left, flush)
    else this.clock.soon(flush)
  }

  private flush(advertiser: Advertiser): void {
    if (advertiser !== this.advertiser) return
    this.flushedAt = this.clock.now()
    let left = SLICE
    let waiting = this.families.length
    let isMore = false
    for (const family of this.families) {
      if (this.isHeldBack(family) || this.outlet.unsent() >= HIGH_WATER_OCTETS) break
      const share = Math.ceil(left / waiting--)
      const pending = this.pending.get(family)
      if (pending !== undefined && pending.size > 0) {
        left -= advertiser.pack(family, pending, share, this.refreshing.has(family))
        isMore ||= pending.size > 0
      }
      this.end(family)
    }
    this.flushing = isMore && this.outlet.unsent() < HIGH_WATER_OCTETS
    if (this.flushing) this.clock.soon(() => this.flush(advertiser))
  }

  /** Sends the End-of-RIB or end marker of a family, where it is due and all its routes have been sent. */
  private end(family: Family): void {
    if (this.endDue.get(family)?.() !== true) return
    if (this.refreshing.delete(family)) {
      if (this.enhancedRefresh) this.outlet.sendRefresh({ family, kind: RefreshKind.End })
    } else if (this.holdsEnd && family !== ROUTE_TARGET) {
      return
    } else {
      const w = new Writer(64)
      writeEndOfRib(w, family)
      this.outlet.sendUpdates(w.copy(), 1)
    }
    this.endDue.delete(family)
    if (this.refreshDue.delete(family)) this.refresh(family)
  }

  /** VPN routes wait for both sides' memberships (RFC 4684 §6). */
  private isHeldBack(family: Family): boolean {
    if (family === ROUTE_TARGET) return false
    return !this.gateOpen || this.walking.has(ROUTE_TARGET) || this.endDue.has(ROUTE_TARGET)
  }

  private withheldRoute({ route, reason }: Withheld): void {
    this.counters.withheld++
    const { family, nlri } = route
    const text = nlriCodec(family)!.format(nlri)
    this.events.emit({
      type: 'route-withheld',
      peer: this.name,
      family: familyName(family),
      route: text,
      reason,
    })
  }
}

/** Memberships are sent first (RFC 4684 §6). */
function rank(family: Family): number {
  return Number(family !== ROUTE_TARGET)
}
