import type { Clock } from '../../clock.ts'
import { ensure } from '../../values/map.ts'
import type { SessionContext } from '../context.ts'
import { type Family, ROUTE_TARGET, VPN_FAMILIES } from '../family.ts'
import { writeEndOfRib, writeReach, writeUnreach } from '../message/pack.ts'
import { RefreshKind, type RouteRefresh } from '../message/route-refresh.ts'
import { nlriCodec } from '../nlri/index.ts'
import type { Membership } from '../nlri/route-target.ts'
import type { Negotiated } from '../session/negotiate.ts'
import { Writer } from '../wire/writer.ts'
import type { ExportPolicy, Presented } from './export-policy.ts'
import { Interest } from './interest.ts'
import { Reconsideration } from './reconsideration.ts'
import type { BestListener, Rib } from './rib.ts'
import type { Route } from './route.ts'

/** Where packed messages go. */
export interface Outlet {
  /** Octets waiting for the network. */
  unsent(): number
  sendUpdates(bytes: Buffer, count: number): void
  sendRefresh(refresh: RouteRefresh): void
}

/** Time for changes to gather into few messages. */
const GATHER_MS = 5
/** Stop packing when that much waits for the network. */
const HIGH_WATER_OCTETS = 512 * 1024
/** Routes packed before other work gets its turn. */
const SLICE = 1000
/** Longest wait for the peer's memberships before VPN routes go out unfiltered by what is still missing (RFC 4684 §6). */
const MEMBERSHIP_WAIT_MS = 60_000

/** What one peer is told: filtered by its route-target memberships, each route at most once, packed, and paced by the network. */
export class AdjRibOut implements BestListener {
  private readonly clock: Clock
  private readonly rib: Rib
  private readonly policy: ExportPolicy
  private readonly outlet: Outlet
  private families: readonly Family[] = []
  private context: SessionContext | null = null
  private readonly interest = new Interest()
  private readonly reconsideration: Reconsideration
  private constrained = false
  private gateOpen = false
  /** Memberships are not known yet, and not waited for. */
  private unfiltered = false
  private readonly told = new Map<Family, Map<string, Route>>()
  private readonly pending = new Map<Family, Map<string, Route | null>>()
  /** Families whose candidates are being looked at. */
  private readonly walking = new Set<Family>()
  /** Families whose candidates were all looked at: their End-of-RIB is due when nothing is pending. */
  private readonly endDue = new Set<Family>()
  /** Families that are said again because the peer asked. */
  private readonly refreshing = new Set<Family>()
  /** Families that are to be said once more after that. */
  private readonly refreshDue = new Set<Family>()
  private enhancedRefresh = false
  private holdsEnd: boolean
  private cancelGate = (): void => {}
  private flushing = false
  /** Tells sessions apart: what was scheduled for an older one falls away. */
  private generation = 0

  /** With `holdsEnd`, End-of-RIB waits until `releaseEnd`: there are routes that we do not have again yet. That of memberships does not, which peers wait for. */
  constructor(clock: Clock, rib: Rib, policy: ExportPolicy, outlet: Outlet, holdsEnd: boolean) {
    this.clock = clock
    this.rib = rib
    this.policy = policy
    this.outlet = outlet
    this.holdsEnd = holdsEnd
    this.reconsideration = new Reconsideration(
      rib,
      () => this.families.filter((family) => VPN_FAMILIES.has(family)),
      (family) => policy.candidates(family),
    )
  }

  /** The session is up: memberships first, everything else once the peer's own memberships are known. */
  start({ families, context, enhancedRouteRefresh }: Negotiated): void {
    this.families = [...families].sort((a, b) => rank(a) - rank(b))
    this.context = context
    this.enhancedRefresh = enhancedRouteRefresh
    this.constrained = families.has(ROUTE_TARGET)
    this.unfiltered = false
    this.gateOpen = !this.constrained
    if (this.constrained) this.cancelGate = this.clock.after(MEMBERSHIP_WAIT_MS, () => this.openGate())
    this.rib.listen(this)
    for (const family of this.families) this.walk(family)
  }

  stop(): void {
    this.generation++
    this.rib.unlisten(this)
    this.cancelGate()
    this.context = null
    this.families = []
    this.interest.clear()
    this.reconsideration.stop()
    this.told.clear()
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
    const wanted = current === null ? null : this.select(current)
    if (wanted === null && !this.told.get(family)?.has(key)) {
      this.pending.get(family)?.delete(key)
      return
    }
    ensure(this.pending, family, () => new Map()).set(key, wanted)
    this.scheduleFlush()
  }

  /** The peer asks for a route target, or for all. */
  memberAdded(membership: Membership): void {
    if (this.interest.add(membership)) this.reconsideration.add(membership, this.visitor())
  }

  memberRemoved(membership: Membership): void {
    if (this.interest.remove(membership)) this.reconsideration.add(membership, this.visitor())
  }

  /** The peer has said all of its memberships. */
  membershipsComplete(): void {
    this.openGate()
    if (!this.unfiltered) return
    this.unfiltered = false
    this.reconsideration.addAll(this.visitor())
  }

  /** The peer will say nothing before it has heard us: until then it is told everything. */
  speakFirst(): void {
    this.unfiltered = true
    this.openGate()
  }

  /**
   * Says a family again (RFC 2918), between markers where both sides know them; while it is being said, that comes to its
   * end first (RFC 7313 §4).
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

  /** Our own routes are all here: peers may be told so. */
  releaseEnd(): void {
    this.holdsEnd = false
    this.scheduleFlush()
  }

  /** The network took what was written. */
  drained(): void {
    this.scheduleFlush()
  }

  /** Routes the peer was told, as a live view. */
  *routes(): Iterable<Route> {
    for (const routes of this.told.values()) yield* routes.values()
  }

  /** What the peer is to get where `best` is the best route of its key. */
  private select(best: Route): Route | null {
    const route = this.policy.select(best)
    if (route === null) return null
    const filtered = this.constrained && !this.unfiltered && VPN_FAMILIES.has(route.family)
    return !filtered || this.interest.covers(route.set.routeTargets) ? route : null
  }

  private walk(family: Family): void {
    const { generation } = this
    this.walking.add(family)
    this.rib.walk(this.policy.candidates(family), this.visitor(), () => {
      if (generation !== this.generation) return
      this.walking.delete(family)
      this.endDue.add(family)
      this.scheduleFlush()
    })
  }

  /** Says false once the session is over. */
  private visitor(): (route: Route) => boolean {
    const { generation } = this
    return (route) => {
      if (generation !== this.generation) return false
      this.bestChanged(null, route)
      return true
    }
  }

  private openGate(): void {
    if (this.gateOpen || this.context === null) return
    this.gateOpen = true
    this.cancelGate()
    this.scheduleFlush()
  }

  private scheduleFlush(): void {
    if (this.flushing || this.context === null || this.outlet.unsent() >= HIGH_WATER_OCTETS) return
    this.flushing = true
    const { generation } = this
    this.clock.after(GATHER_MS, () => {
      if (generation === this.generation) this.flush()
    })
  }

  private flush(): void {
    const { context, generation } = this
    if (context === null) return
    const w = new Writer(16 * 1024)
    let left = SLICE
    for (const family of this.families) {
      if (left <= 0 || this.isHeldBack(family)) break
      const pending = this.pending.get(family)
      if (pending !== undefined) left -= this.pack(w, family, pending, left, context)
      if (left > 0) this.end(w, family)
    }
    this.flushing = left <= 0 && this.outlet.unsent() < HIGH_WATER_OCTETS
    if (!this.flushing) return
    this.clock.soon(() => {
      if (generation === this.generation) this.flush()
    })
  }

  /** Nothing is pending: says so, where that is due. */
  private end(w: Writer, family: Family): void {
    if (!this.endDue.has(family)) return
    if (this.refreshing.delete(family)) {
      if (this.enhancedRefresh) this.outlet.sendRefresh({ family, kind: RefreshKind.End })
    } else if (this.holdsEnd && family !== ROUTE_TARGET) {
      return
    } else {
      writeEndOfRib(w, family)
      this.emit(w, 1)
    }
    this.endDue.delete(family)
    if (this.refreshDue.delete(family)) this.refresh(family)
  }

  /** VPN routes wait for both sides' memberships (RFC 4684 §6). */
  private isHeldBack(family: Family): boolean {
    return family !== ROUTE_TARGET && (!this.gateOpen || this.walking.has(ROUTE_TARGET))
  }

  /** Packs up to `limit` pending routes of a family, grouped by their attributes; returns how many it took. */
  private pack(
    w: Writer,
    family: Family,
    pending: Map<string, Route | null>,
    limit: number,
    context: SessionContext,
  ): number {
    const told = ensure(this.told, family, () => new Map())
    const alike = new Map<Presented, Route[]>()
    const gone: Route[] = []
    let taken = 0
    let octets = 0
    for (const [key, route] of pending) {
      if (taken === limit || octets > HIGH_WATER_OCTETS) break
      taken++
      octets += route === null ? key.length : key.length + route.set.key.length
      pending.delete(key)
      const before = told.get(key)
      if (route === before && !this.refreshing.has(family)) continue
      if (before !== undefined && (route === null || losesTarget(before, route))) gone.push(before)
      if (route !== null) ensure(alike, this.policy.present(route), () => []).push(route)
    }
    this.packUnreach(w, family, gone, told, context)
    const untold: Route[] = []
    for (const [presented, routes] of alike) {
      if (this.packReach(w, family, presented, routes, context))
        for (const route of routes) told.set(route.key, route)
      else for (const { key } of routes) if (told.has(key)) untold.push(told.get(key)!)
    }
    this.packUnreach(w, family, untold, told, context)
    // What is left is for another slice, however few these were.
    return pending.size > 0 ? limit : taken
  }

  /** Withdraws routes that the peer was told. */
  private packUnreach(
    w: Writer,
    family: Family,
    routes: readonly Route[],
    told: Map<string, Route>,
    context: SessionContext,
  ): void {
    if (routes.length === 0) return
    const codec = nlriCodec(family)!
    const nlri = routes.map((route) => codec.withdrawal?.(route.nlri) ?? route.nlri)
    this.emit(w, writeUnreach(w, family, nlri, context))
    for (const { key } of routes) told.delete(key)
  }

  /** False when the attributes are too long for this peer's messages: the routes cannot be told (RFC 8654 §4). */
  private packReach(
    w: Writer,
    family: Family,
    { attributes, nextHop }: Presented,
    routes: readonly Route[],
    context: SessionContext,
  ): boolean {
    const nlri = routes.map((route) => route.nlri)
    try {
      this.emit(w, writeReach(w, family, nextHop, nlri, attributes, context))
      return true
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      w.reset()
      return false
    }
  }

  private emit(w: Writer, updates: number): void {
    this.outlet.sendUpdates(w.copy(), updates)
    w.reset()
  }
}

/**
 * Whether a route loses a target that it was advertised with. It is withdrawn first: GoBGP 3.10 as a reflector tells
 * nothing of the change to clients that asked for that target alone, and they would keep the route.
 */
function losesTarget({ set: before }: Route, { set }: Route): boolean {
  return before !== set && before.routeTargets.some((target) => !set.routeTargets.includes(target))
}

/** Memberships leave first (RFC 4684 §6). */
function rank(family: Family): number {
  return family === ROUTE_TARGET ? -1 : family
}
