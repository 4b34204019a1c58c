import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import { formatIp } from '../../values/address.ts'
import type { MpReach, NlriList, QuarantinedNlri } from '../attribute/mp.ts'
import type { SessionContext } from '../context.ts'
import { type Family, familyName, ROUTE_TARGET } from '../family.ts'
import { quarantinedNlri, type Update } from '../message/update.ts'
import { isOpaque } from '../nlri/evpn/index.ts'
import type { Nlri } from '../nlri/index.ts'
import type { Membership } from '../nlri/route-target.ts'
import type { Negotiated } from '../session/negotiate.ts'
import { isRouteTarget } from '../values/extended-community.ts'
import { DroppedRoutes, type RouteLoop } from './dropped-routes.ts'
import type { Rib } from './rib.ts'
import { beginGeneration, beginSession, onMembershipGone, routeCountOf, type Source } from './route.ts'
import { RouteChanges } from './route-changes.ts'

/** Decides whether a route is accepted. */
export interface ImportOptions {
  /** The identities that indicate a loop: our AS, our identifier, our cluster when we are a reflector. */
  readonly as: number
  readonly identifier: number
  readonly clusterId: number | null
  /** Whether routes are accepted; for an external peer this takes a policy (RFC 8212). */
  readonly isAccepted: boolean
}

/** Receives the peer's route-target memberships. */
export interface MembershipListener {
  memberAdded(membership: Membership): void
  /** It has left the RIB; not called for one that was never added. */
  memberRemoved(membership: Membership): void
}

/** Quarantined NLRI kept for display, newest last. */
const QUARANTINE_SIZE = 100

/** Enters the routes that one peer advertises into the RIB, as RFC 7606 allows. */
export class AdjRibIn {
  readonly counters = {
    updates: 0,
    withdrawUpdates: 0,
    withdrawn: 0,
    treatedAsWithdraw: 0,
    attributesDiscarded: 0,
    quarantined: 0,
    unread: 0,
    looped: 0,
    unwanted: 0,
    rejected: 0,
  }
  readonly quarantine: QuarantinedNlri[] = []
  readonly dropped = new DroppedRoutes()
  /** Families whose End-of-RIB was received in this session, and when. */
  readonly complete = new Map<Family, number>()
  /** Families of a route refresh under way, with the generation that it began. */
  private readonly refreshes = new Map<Family, number>()
  private readonly clock: Clock
  private readonly rib: Rib
  private readonly source: Source
  private readonly options: ImportOptions
  private readonly memberships: MembershipListener
  private readonly events: EventSink
  private readonly changes: RouteChanges
  /** Address of the peer. */
  private readonly name: string
  private negotiated: Negotiated | null = null
  private contextKey = ''

  constructor(
    clock: Clock,
    rib: Rib,
    source: Source,
    options: ImportOptions,
    memberships: MembershipListener,
    events: EventSink,
  ) {
    this.clock = clock
    this.rib = rib
    this.source = source
    this.options = options
    this.memberships = memberships
    onMembershipGone(source, (membership) => memberships.memberRemoved(membership))
    this.events = events
    this.name = source.peer === null ? source.name : formatIp(source.peer.address)
    this.changes = new RouteChanges(clock, source, this.name, events)
  }

  start(negotiated: Negotiated): void {
    this.negotiated = negotiated
    this.contextKey = contextKey(negotiated.context)
    this.complete.clear()
    this.refreshes.clear()
    this.dropped.clear()
    beginSession(this.source)
  }

  /** The peer begins to advertise a family again, until `refreshed`; a restarting one sends End-of-RIB first (RFC 7313 §4). */
  refreshing(family: Family): void {
    if (this.negotiated?.families.has(family) !== true) return
    const restart = this.negotiated.peer.capabilities.gracefulRestart
    if (restart !== null && !this.complete.has(family)) {
      this.events.emit({ type: 'refresh-ignored', peer: this.name, family: familyName(family) })
      return
    }
    this.refreshes.set(family, beginGeneration(this.source))
  }

  refreshed(family: Family): void {
    const generation = this.refreshes.get(family)
    if (generation === undefined) return
    this.refreshes.delete(family)
    // Stale routes stay for as long as those of a lost session do.
    this.rib.sweep(this.source, family, generation, this.source.freshFrom.get(family))
  }

  apply(update: Update): void {
    this.counters.updates++
    this.count(update)
    this.account(update)
    for (const list of update.unreach) this.withdrawAll(list)
    if (update.verdict === 'withdraw') for (const list of update.reach) this.withdrawAll(list)
    else for (const list of update.reach) this.advertiseAll(list, update)
    // A quarantined NLRI withdraws the peer's earlier route of its key.
    for (const { family, nlri, pathId } of quarantinedNlri(update))
      if (nlri !== null) this.withdraw(family, nlri, pathId)
    if (update.endOfRib !== null) this.converged(update.endOfRib)
    this.rib.relieve()
  }

  private converged(family: Family): void {
    if (!this.complete.has(family)) this.complete.set(family, this.clock.now())
    const { name: peer } = this
    const routes = routeCountOf(this.source, family)
    this.events.emit({ type: 'family-converged', peer, family: familyName(family), routes })
  }

  private count({ reach, unreach }: Update): void {
    const { counters, changes } = this
    const { withdrawn } = counters
    for (const { family, nlri } of reach) changes.received(family, nlri.length)
    for (const { family, nlri } of unreach) {
      changes.withdrawn(family, nlri.length)
      counters.withdrawn += nlri.length
    }
    if (counters.withdrawn > withdrawn) counters.withdrawUpdates++
  }

  private account(update: Update): void {
    const { counters } = this
    const { findings, verdict } = update
    if (verdict === 'withdraw') counters.treatedAsWithdraw++
    for (const { severity } of findings) if (severity === 'discard') counters.attributesDiscarded++
    const [first] = findings
    if (first !== undefined) {
      const { attribute, reason } = first
      this.events.emit({
        type: 'malformed-update',
        peer: this.name,
        severity: String(verdict),
        attribute,
        reason,
        errors: findings.length,
      })
    }
    this.keepAside([...quarantinedNlri(update)])
  }

  private keepAside(nlri: readonly QuarantinedNlri[]): void {
    const [first] = nlri
    if (first === undefined) return
    this.counters.quarantined += nlri.length
    this.quarantine.push(...nlri.slice(-QUARANTINE_SIZE))
    this.quarantine.splice(0, this.quarantine.length - QUARANTINE_SIZE)
    const { family, reason } = first
    this.events.emit({
      type: 'nlri-quarantined',
      peer: this.name,
      family: familyName(family),
      reason,
      routes: nlri.length,
    })
  }

  private withdrawAll({ family, nlri, pathIds }: NlriList): void {
    for (let i = 0; i < nlri.length; i++) this.withdraw(family, nlri[i]!, pathIds?.[i] ?? 0)
  }

  private withdraw(family: Family, nlri: Nlri, pathId: number): void {
    this.rib.withdraw(this.source, family, nlri, pathId)
    this.forgetDropped(family, nlri, pathId)
  }

  private forgetDropped(family: Family, nlri: Nlri, pathId: number): void {
    if (this.dropped.size > 0) this.dropped.forget(family, this.rib.keyOf(family, nlri), pathId)
  }

  private advertiseAll(list: MpReach, update: Update): void {
    const { family, nlri, pathIds } = list
    this.counters.unwanted += list.ignored
    if (!this.options.isAccepted) {
      this.counters.rejected += nlri.length
      return this.drop(list, update, 'no policy lets routes of its AS in (RFC 8212)', null)
    }
    const loop = this.loopOf(update)
    if (loop !== null) {
      this.counters.looped += nlri.length
      this.withdrawAll(list)
      return this.drop(list, update, LOOP_REASONS[loop], loop)
    }
    // Equal octets may leave different tunnels, depending on the family (RFC 9012 §13).
    const tunnels = update.attributes.tunnelEncapsulation === null ? '' : `${family} `
    const context = this.contextKey + tunnels
    const set = this.rib.pool.received(update.attributes, list.nextHop, update.wire, context)
    for (let i = 0; i < nlri.length; i++) {
      if (isOpaque(nlri[i]!)) this.counters.unread++
      const pathId = pathIds?.[i] ?? 0
      this.rib.advertise(this.source, family, nlri[i]!, pathId, set)
      this.forgetDropped(family, nlri[i]!, pathId)
      if (family === ROUTE_TARGET) this.memberships.memberAdded(nlri[i] as Membership)
    }
  }

  private drop(list: MpReach, { attributes }: Update, reason: string, loop: RouteLoop | null): void {
    const { family, nlri, pathIds, nextHop } = list
    const set = { nextHop, routeTargets: attributes.extendedCommunities?.filter(isRouteTarget) ?? [] }
    for (let i = 0; i < nlri.length; i++)
      this.dropped.add(this.rib.keyOf(family, nlri[i]!), pathIds?.[i] ?? 0, {
        family,
        nlri: nlri[i]!,
        set,
        reason,
        loop,
      })
  }

  /** What of ours a route has that makes it a loop; null where it is none. */
  private loopOf({ attributes }: Update): RouteLoop | null {
    const { as, identifier, clusterId } = this.options
    if (attributes.originatorId === identifier) return 'ORIGINATOR_ID'
    if (clusterId !== null && attributes.clusterList?.includes(clusterId) === true) return 'CLUSTER_LIST'
    return attributes.asPath?.some(({ asns }) => asns.includes(as)) === true ? 'AS_PATH' : null
  }
}

const LOOP_REASONS: Readonly<Record<RouteLoop, string>> = {
  ORIGINATOR_ID: 'taken for a loop: ORIGINATOR_ID is ours',
  CLUSTER_LIST: 'taken for a loop: CLUSTER_LIST holds our cluster',
  AS_PATH: 'taken for a loop: AS_PATH holds our AS',
}

/** The context in which equal octets mean equal attributes. */
function contextKey({ fourOctetAs, internal }: SessionContext): string {
  return `${fourOctetAs ? 4 : 2}${internal ? 'i' : 'e'} `
}
