import type { Clock } from '../../clock.ts'
import { assert } from '../../values/assert.ts'
import type { Octets } from '../../values/bytes.ts'
import { ensure } from '../../values/map.ts'
import { OctetMap } from '../../values/octet-map.ts'
import { type Family, ROUTE_TARGET } from '../family.ts'
import { keyWriter } from '../nlri/codec.ts'
import { type Nlri, nlriCodec, sameNlri } from '../nlri/index.ts'
import type { Membership } from '../nlri/route-target.ts'
import type { Writer } from '../wire/writer.ts'
import { AttributePool, type AttributeSet } from './attribute-pool.ts'
import { findRoute, link, relinked, unlinked } from './chain.ts'
import { ChangedDestinations } from './changed-destinations.ts'
import { Destination } from './destination.ts'
import { type Job, Jobs, visitAll, waitFor } from './jobs.ts'
import { present } from './present.ts'
import {
  addRoute,
  isCopyOf,
  isRevalued,
  isStale,
  newRoute,
  originatorOf,
  type Route,
  refreshRoute,
  removeRoute,
  routesOf,
  type Source,
} from './route.ts'
import { Subscriptions } from './subscriptions.ts'

/** Receives every change of a best route; for memberships also other changes of a key's routes, then with the best one twice. */
export interface BestListener {
  bestChanged(previous: Route | null, current: Route | null): void
}

const newTable = () => new OctetMap<Destination>()

/** A sweep that has not started yet: it removes routes of these generations, without the last one. */
interface PendingSweep {
  from: number
  freshFrom: number
}

/** Changes and steps of jobs before other work gets its turn. */
const SLICE = 1000
/** Share of a slice for changes while there are jobs: a peer whose routes change constantly holds up no jobs. */
const SHARE_OF_CHANGES = SLICE / 2
/** Maximum number of pending notifications: a source with more has to wait until as many are delivered. */
const MAX_DIRTY = 100_000

/**
 * All routes of all sources. Changes only mark destinations; one deferred pass selects best routes and notifies listeners, in
 * slices, so that a burst delays nothing else.
 */
export class Rib {
  readonly pool = new AttributePool()
  readonly subscriptions = new Subscriptions(this)
  private readonly clock: Clock
  private readonly tables = new Map<Family, OctetMap<Destination>>()
  private readonly own = new Map<Family, Map<string, Route>>()
  private readonly listeners = new Set<BestListener>([this.subscriptions])
  private readonly changes = new ChangedDestinations()
  private readonly jobs = new Jobs()
  private readonly sweeps = new WeakMap<Source, Map<Family, PendingSweep>>()
  private readonly keyWriter = keyWriter()
  private scheduled = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Adds or replaces a source's route. */
  advertise(source: Source, family: Family, nlri: Nlri, pathId: number, set: AttributeSet): void {
    const destination = this.find(family, nlri) ?? this.addDestination(family)
    const existing = findRoute(destination.best, source, pathId)
    if (existing !== null && existing.set === set && sameNlri(existing.nlri, nlri) && !isRevalued(existing)) {
      const wasStale = isStale(existing)
      refreshRoute(existing)
      if (wasStale) this.reconsider(destination)
      return
    }
    this.markChanged(destination)
    const route = newRoute(destination, nlri, source, pathId, set)
    this.pool.retain(set, source)
    const rest = existing === null ? destination.best : this.unlink(destination.best, existing)
    destination.best = link(rest, route)
    addRoute(route)
    if (source.peer === null) this.ownTable(family).set(route.key, route)
  }

  /** The key of an NLRI's route. */
  keyOf(family: Family, nlri: Nlri): Octets {
    return this.writtenKey(family, nlri).string()
  }

  /** Removes a source's route; an unknown one is ignored. */
  withdraw(source: Source, family: Family, nlri: Nlri, pathId: number): void {
    const destination = this.find(family, nlri)
    if (destination === undefined) return
    const existing = findRoute(destination.best, source, pathId)
    if (existing === null) return
    this.remove(destination, existing)
    this.dropStaleCopies(destination, existing)
  }

  /** Removes, in slices, the source's routes of a family that are older than a generation, and not older than `from`. */
  sweep(source: Source, family: Family, freshFrom: number, from = 0): void {
    const pending = ensure(this.sweeps, source, () => new Map())
    const waiting = pending.get(family)
    if (waiting !== undefined) {
      waiting.from = Math.min(waiting.from, from)
      waiting.freshFrom = Math.max(waiting.freshFrom, freshFrom)
      return
    }
    pending.set(family, { from, freshFrom })
    this.begin(this.sweepAll(source, family))
  }

  /** Removes, in slices, the source's stale routes of a family for which `goes` is true. */
  sweepStale(source: Source, family: Family, goes: (route: Route) => boolean): void {
    this.begin(this.sweepRoutes(source, family, (route) => isStale(route) && goes(route)))
  }

  /**
   * Removes, in slices, stale routes of a family that `source` only passed on and that other reflectors do not have: each
   * knows other routes of the same originator, so that it would have this one too.
   */
  sweepUnconfirmed(source: Source, family: Family, reflectors: ReadonlySet<Source>): void {
    const originators = new Set<number>()
    const note = (route: Route): boolean => {
      const originator = originatorOf(route)
      if (originator !== null) originators.add(originator)
      return true
    }
    this.walk(routesOf(reflectors, family), note, () =>
      this.sweepStale(source, family, (route) => {
        const originator = originatorOf(route)
        return originator !== null && originators.has(originator) && !this.isKnownTo(reflectors, route)
      }),
    )
  }

  /** Runs route selection again for the source's routes of a family, in slices, after their comparison values have changed. */
  reselect(source: Source, family: Family): void {
    const table = this.table(family)
    this.walk(source.routes.get(family) ?? [], (route) => {
      const destination = table.get(route)
      if (destination !== undefined) this.reconsider(destination)
      return true
    })
  }

  listen(listener: BestListener): void {
    this.listeners.add(listener)
  }

  unlisten(listener: BestListener): void {
    this.listeners.delete(listener)
  }

  /** Delivers notifications while too many are pending, so that a busy peer is read no faster than its changes are delivered. */
  relieve(): void {
    if (this.changes.size > MAX_DIRTY) this.notifyChanges(this.changes.size - MAX_DIRTY)
  }

  /** Calls `visit` for each of `items`, such as routes, while it returns true, in slices beside other work; then `done`. */
  walk<T>(items: Iterable<T>, visit: (item: T) => boolean, done: () => void = () => {}): void {
    this.begin(visitAll(items, visit, done))
  }

  /** Calls back when all work queued now, and its consequences, are done. */
  settled(done: () => void): void {
    this.begin(this.settle(() => this.begin(this.settle(done))))
  }

  /** The best routes of a family, as a live view that may omit routes added during iteration. */
  *best(family: Family): Iterable<Route> {
    for (const { best } of this.table(family)) if (best !== null) yield best
  }

  /** As `best`, each notified by then: a change that is taken back before its turn is never notified. */
  *notifiedBest(family: Family): Iterable<Route> {
    for (const destination of this.table(family)) {
      this.notifyEarly(destination)
      if (destination.best !== null) yield destination.best
    }
  }

  /** Our own routes of a family, as `notifiedBest`. */
  *notifiedOwn(family: Family): Iterable<Route> {
    for (const route of this.ownRoutes(family)) {
      this.notifyEarly(this.table(family).get(route)!)
      yield route
    }
  }

  /** Our own routes of a family, as `best`. */
  ownRoutes(family: Family): Iterable<Route> {
    return present(this.ownTable(family))
  }

  /** Whether notifications are pending. */
  get hasChanges(): boolean {
    return this.changes.size > 0
  }

  families(): Iterable<Family> {
    return this.tables.keys()
  }

  /** Where the routes of an NLRI's key lead to; its key is written then. */
  find(family: Family, nlri: Nlri): Destination | undefined {
    return this.table(family).find(this.writtenKey(family, nlri))
  }

  /** Adds a destination of the key that is written. */
  private addDestination(family: Family): Destination {
    const { keyWriter } = this
    const destination = new Destination(family, keyWriter.string(), keyWriter.hash())
    this.table(family).set(destination)
    return destination
  }

  private writtenKey(family: Family, nlri: Nlri): Writer {
    const { keyWriter } = this
    keyWriter.reset()
    nlriCodec(family)!.writeKey(keyWriter, nlri)
    return keyWriter
  }

  private table(family: Family): OctetMap<Destination> {
    return ensure(this.tables, family, newTable)
  }

  private ownTable(family: Family): Map<string, Route> {
    return ensure(this.own, family, () => new Map())
  }

  /** Runs route selection again for one destination, and has subscribers re-evaluate its best route. */
  private reconsider(destination: Destination): void {
    this.markChanged(destination)
    if (destination.best !== null) destination.best = relinked(destination.best)
  }

  /** A withdraw by a live peer also removes routes that a lost reflector had passed on of the same speaker, which may be that peer. */
  private dropStaleCopies(destination: Destination, withdrawn: Route): void {
    for (let route = destination.best; route !== null; ) {
      const { next }: Route = route
      if (isStale(route) && isCopyOf(route, withdrawn)) this.remove(destination, route)
      route = next
    }
  }

  private isKnownTo(sources: ReadonlySet<Source>, known: Route): boolean {
    for (let route = this.table(known.family).get(known)?.best ?? null; route !== null; route = route.next)
      if (sources.has(route.source)) return true
    return false
  }

  private remove(destination: Destination, route: Route): void {
    this.markChanged(destination)
    destination.best = this.unlink(destination.best, route)
    if (route.source.peer === null)
      assert(this.ownTable(route.family).delete(route.key), 'a route of ours is not among our own', route.key)
    if (route.family === ROUTE_TARGET) route.source.membershipGone(route.nlri as Membership)
  }

  private unlink(head: Route | null, route: Route): Route | null {
    this.pool.release(route.set)
    removeRoute(route)
    return unlinked(head, route)
  }

  private markChanged(destination: Destination): void {
    this.changes.add(destination)
    this.schedule()
  }

  private begin(job: Job): void {
    this.jobs.add(job)
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.clock.soon(() => {
      this.scheduled = false
      this.runSlice()
    })
  }

  private runSlice(): void {
    const share = this.jobs.size === 0 ? SLICE : SHARE_OF_CHANGES
    const left = this.jobs.run(SLICE - share + this.notifyChanges(share))
    this.notifyChanges(left)
    if (this.jobs.size > 0 || this.changes.size > 0) this.schedule()
  }

  /** Notifies listeners of up to `budget` changes; returns how many of it are left. */
  private notifyChanges(budget: number): number {
    return this.changes.take(budget, (destination) => {
      const { family, best: current } = destination
      const known = destination.notified()
      if (current === null) this.table(family).delete(destination)
      // for memberships, those that are not the best count too (RFC 4684 §3.2)
      if (current === known && (family !== ROUTE_TARGET || current === null)) {
        // The same route may have become stale or fresh, which changes its rank beside routes of other keys.
        if (current !== null) this.subscriptions.notifyAgain(current)
        return
      }
      this.notifyListeners(known, current)
    })
  }

  private notifyEarly(destination: Destination): void {
    if (destination.isAhead) this.notifyListeners(destination.notifiedEarly(), destination.best)
  }

  private notifyListeners(known: Route | null, current: Route | null): void {
    for (const listener of this.listeners) listener.bestChanged(known, current)
  }

  /** Waits for the work under way at the time of the call. */
  private settle(done: () => void): Job {
    const barriers = [this.changes.barrier(), this.jobs.barrier()]
    return waitFor(() => barriers.every((isPassed) => isPassed()), done)
  }

  private *sweepAll(source: Source, family: Family): Generator<undefined, void> {
    const pending = this.sweeps.get(source)!
    const { from, freshFrom } = pending.get(family)!
    pending.delete(family)
    yield* this.sweepRoutes(source, family, ({ generation }) => generation >= from && generation < freshFrom)
  }

  private *sweepRoutes(
    source: Source,
    family: Family,
    goes: (route: Route) => boolean,
  ): Generator<undefined, void> {
    const table = this.table(family)
    for (const route of source.routes.get(family) ?? []) {
      if (goes(route)) this.remove(table.get(route)!, route)
      yield
    }
  }
}
