import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import { type Family, familyName } from '../family.ts'
import { onRouteGone, routeCountOf, type Source } from './route.ts'

/** UPDATEs come in bursts: their changes are one event in this time for each family. */
const INTERVAL_MS = 1000

/** Since the last event of a family, and at the time of it. */
interface Changes {
  received: number
  withdrawn: number
  readonly routes: number
}

/** Emits how many routes of a peer have changed. */
export class RouteChanges {
  private readonly clock: Clock
  private readonly source: Source
  /** Address of the peer. */
  private readonly peer: string
  private readonly events: EventSink
  private readonly families = new Map<Family, Changes>()
  private isWaiting = false

  constructor(clock: Clock, source: Source, peer: string, events: EventSink) {
    this.clock = clock
    this.source = source
    this.peer = peer
    this.events = events
    onRouteGone(source, () => this.wait())
  }

  /** An UPDATE has advertised so many routes. */
  received(family: Family, routes: number): void {
    if (routes === 0) return
    this.of(family).received += routes
    this.wait()
  }

  /** An UPDATE has withdrawn so many routes. */
  withdrawn(family: Family, routes: number): void {
    if (routes === 0) return
    this.of(family).withdrawn += routes
    this.wait()
  }

  private of(family: Family): Changes {
    return this.families.get(family) ?? this.set(family, 0)
  }

  /** Begins to count for the next event of the family. */
  private set(family: Family, routes: number): Changes {
    const changes = { received: 0, withdrawn: 0, routes }
    this.families.set(family, changes)
    return changes
  }

  private wait(): void {
    if (this.isWaiting) return
    this.isWaiting = true
    this.clock.after(INTERVAL_MS, () => {
      this.isWaiting = false
      for (const family of this.families.keys()) this.emit(family)
    })
  }

  private emit(family: Family): void {
    const { received, withdrawn, routes: before } = this.families.get(family)!
    const routes = routeCountOf(this.source, family)
    if (received === 0 && withdrawn === 0 && routes === before) return
    this.set(family, routes)
    const { peer } = this
    this.events.emit({
      type: 'routes-changed',
      peer,
      family: familyName(family),
      received,
      withdrawn,
      routes,
    })
  }
}
