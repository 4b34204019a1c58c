import type { Clock } from '../../clock.ts'
import { ensure } from '../../values/map.ts'
import { type Family, ROUTE_TARGET } from '../family.ts'
import { type Nlri, nlriCodec } from '../nlri/index.ts'
import type { Membership } from '../nlri/route-target.ts'
import { AttributePool, type AttributeSet } from './attribute-pool.ts'
import { find, link, relinked, unlinked } from './chain.ts'
import { addRoute, isRevalued, type Route, refreshRoute, removeRoute, type Source } from './route.ts'
import { Subscriptions } from './subscriptions.ts'

/** Told of every change of a best route; of memberships also when another route of the key changed, with the best one twice. */
export interface BestListener {
  bestChanged(previous: Route | null, current: Route | null): void
}

type Job = Iterator<unknown>

/** A sweep that has not started yet: what is older than this generation goes. */
interface PendingSweep {
  freshFrom: number
}

/** Changes handled before other work gets its turn. */
const SLICE = 1000
/** Changes that may wait to be told: whoever makes more has to wait for as many to be told. */
const MAX_DIRTY = 100_000

/**
 * All routes of all sources. Changes only mark keys; one deferred pass picks best routes and tells listeners, in
 * slices, so that a burst delays nothing else.
 */
export class Rib {
  readonly pool = new AttributePool()
  readonly subscriptions = new Subscriptions(this)
  private readonly clock: Clock
  private readonly tables = new Map<Family, Map<string, Route>>()
  private readonly own = new Map<Family, Map<string, Route>>()
  private readonly listeners = new Set<BestListener>([this.subscriptions])
  /** By family and key, what everybody was told last. */
  private readonly dirty = new Map<Family, Map<string, Route | null>>()
  private dirtyCount = 0
  private readonly jobs: Job[] = []
  private readonly sweeps = new Map<Source, Map<Family, PendingSweep>>()
  private scheduled = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Adds or replaces a source's route. */
  announce(source: Source, family: Family, nlri: Nlri, pathId: number, set: AttributeSet): void {
    const key = nlriCodec(family)!.key(nlri)
    const table = this.table(family)
    const head = table.get(key) ?? null
    const existing = find(head, source, pathId)
    const isSame = existing !== null && existing.set === set && sameNlri(existing.nlri, nlri)
    if (isSame && !isRevalued(existing)) return refreshRoute(existing)
    this.markDirty(family, key, head)
    const route: Route = { family, key, nlri, set, source, pathId, generation: source.generation, next: null }
    this.pool.retain(set, source)
    const rest = existing === null ? head : this.unlink(head, existing)
    table.set(key, link(rest, route))
    addRoute(route)
    if (source.peer === null) this.ownTable(family).set(key, route)
  }

  /** Removes a source's route; unknown ones are none of our business. */
  withdraw(source: Source, family: Family, key: string, pathId: number): void {
    const table = this.table(family)
    const head = table.get(key) ?? null
    const existing = find(head, source, pathId)
    if (existing !== null) this.remove(table, head, existing)
  }

  /** Removes, in slices, what the source has said of a family and not said again since it was aged. */
  sweep(source: Source, family: Family): void {
    const freshFrom = source.freshFrom.get(family) ?? 0
    const pending = ensure(this.sweeps, source, () => new Map())
    const waiting = pending.get(family)
    if (waiting !== undefined) {
      waiting.freshFrom = freshFrom
      return
    }
    pending.set(family, { freshFrom })
    this.begin(this.sweepAll(source, family))
  }

  /** As `sweep`, of some of it. */
  sweepSome(source: Source, family: Family, only: (route: Route) => boolean): void {
    const freshFrom = source.freshFrom.get(family) ?? 0
    this.begin(this.sweepRoutes(source, family, (route) => route.generation < freshFrom && only(route)))
  }

  /** Weighs the source's routes of a family again, in slices, after what counts of them has changed. */
  reweigh(source: Source, family: Family): void {
    const table = this.table(family)
    this.walk(present(source.routes.get(family)), ({ key }) => {
      const head = table.get(key)
      if (head === undefined || head.next === null) return true
      this.markDirty(family, key, head)
      table.set(key, relinked(head))
      return true
    })
  }

  listen(listener: BestListener): void {
    this.listeners.add(listener)
  }

  unlisten(listener: BestListener): void {
    this.listeners.delete(listener)
  }

  /** Tells changes while more wait than may, so that a peer that says much is read no faster than its changes are told. */
  relieve(): void {
    if (this.dirtyCount > MAX_DIRTY) this.tellChanges(this.dirtyCount - MAX_DIRTY)
  }

  /** Does `visit` for each of `items`, such as routes, while that says true, in slices behind the changes that wait; then `done`. */
  walk<T>(items: Iterable<T>, visit: (item: T) => boolean, done: () => void = () => {}): void {
    this.begin(visitAll(items, visit, done))
  }

  /** Calls back when all that waits now is done, and what that gave rise to. */
  settled(done: () => void): void {
    const behind = (then: () => void) => this.walk([], () => true, then)
    behind(() => behind(done))
  }

  /** The best routes of a family, as a live view that need not show what is added while it is read. */
  best(family: Family): Iterable<Route> {
    return present(this.table(family))
  }

  /** Our own routes of a family, as `best`. */
  ownRoutes(family: Family): Iterable<Route> {
    return present(this.ownTable(family))
  }

  families(): Iterable<Family> {
    return this.tables.keys()
  }

  private table(family: Family): Map<string, Route> {
    return ensure(this.tables, family, () => new Map())
  }

  private ownTable(family: Family): Map<string, Route> {
    return ensure(this.own, family, () => new Map())
  }

  private remove(table: Map<string, Route>, head: Route | null, route: Route): void {
    this.markDirty(route.family, route.key, head)
    const rest = this.unlink(head, route)
    if (rest === null) table.delete(route.key)
    else table.set(route.key, rest)
    if (route.source.peer === null) this.ownTable(route.family).delete(route.key)
    if (route.family === ROUTE_TARGET) route.source.membershipGone(route.nlri as Membership)
  }

  private unlink(head: Route | null, route: Route): Route | null {
    this.pool.release(route.set)
    removeRoute(route)
    return unlinked(head, route)
  }

  private markDirty(family: Family, key: string, told: Route | null): void {
    const keys = ensure(this.dirty, family, () => new Map())
    if (keys.has(key)) return
    keys.set(key, told)
    this.dirtyCount++
    this.schedule()
  }

  private begin(job: Job): void {
    this.jobs.push(job)
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
    let left = this.tellChanges(SLICE)
    for (let job = this.jobs[0]; job !== undefined && left > 0; job = this.jobs[0]) {
      for (; left > 0; left--) {
        if (job.next().done === true) {
          this.jobs.shift()
          break
        }
      }
    }
    if (this.jobs.length > 0 || this.dirtyCount > 0) this.schedule()
  }

  private tellChanges(budget: number): number {
    let left = budget
    for (const [family, keys] of this.dirty) {
      const table = this.table(family)
      for (const [key, previous] of keys) {
        if (left-- <= 0) return 0
        keys.delete(key)
        this.dirtyCount--
        const current = table.get(key) ?? null
        // of memberships those that are not the best count too (RFC 4684 §3.2)
        if (current === previous && (family !== ROUTE_TARGET || current === null)) continue
        for (const listener of this.listeners) listener.bestChanged(previous, current)
      }
    }
    return left
  }

  private *sweepAll(source: Source, family: Family): Generator<undefined, void> {
    const pending = this.sweeps.get(source)!
    const { freshFrom } = pending.get(family)!
    pending.delete(family)
    if (pending.size === 0) this.sweeps.delete(source)
    yield* this.sweepRoutes(source, family, (route) => route.generation < freshFrom)
    // what was in doubt and is not any more may count for more, beside routes of other keys
    const table = this.table(family)
    for (const route of present(source.routes.get(family))) {
      if (table.get(route.key) === route) this.subscriptions.tellAgain(route)
      yield
    }
  }

  private *sweepRoutes(
    source: Source,
    family: Family,
    goes: (route: Route) => boolean,
  ): Generator<undefined, void> {
    const table = this.table(family)
    for (const route of present(source.routes.get(family))) {
      if (goes(route)) this.remove(table, table.get(route.key) ?? null, route)
      yield
    }
  }
}

function* visitAll<T>(
  items: Iterable<T>,
  visit: (item: T) => boolean,
  done: () => void,
): Generator<undefined, void> {
  for (const item of items) {
    if (!visit(item)) break
    yield
  }
  done()
}

/** The values that a map or set of routes has when the iteration begins: however many are added meanwhile, it ends. */
function* present<T>(
  routes: { readonly size: number; values(): Iterable<T> } | undefined,
): Generator<T, void> {
  if (routes === undefined) return
  let left = routes.size
  for (const route of routes.values()) {
    if (left-- === 0) return
    yield route
  }
}

/** Whether two NLRI of one key agree in the fields that are not part of it. */
function sameNlri(a: Nlri, b: Nlri): boolean {
  for (const field of Object.keys(a) as (keyof Nlri)[]) {
    const left: unknown = a[field]
    const right: unknown = b[field]
    if (left !== right && typeof left !== 'object') return false
  }
  return true
}
