import type { Ip } from '../../values/address.ts'
import { assert } from '../../values/assert.ts'
import type { Octets } from '../../values/bytes.ts'
import { ensure } from '../../values/map.ts'
import type { Keyed } from '../../values/octet-map.ts'
import { Slots } from '../../values/slots.ts'
import type { Family } from '../family.ts'
import type { Nlri } from '../nlri/index.ts'
import type { Membership } from '../nlri/route-target.ts'
import type { AttributeSet } from './attribute-pool.ts'

/** Where routes come from: a peer, or one of our own VPN instances. Only the functions of this file change it. */
export interface Source {
  readonly name: string
  /** Null for our own routes. */
  readonly peer: PeerInfo | null
  /** Increases when the source's routes become stale. */
  readonly generation: number
  /** By family: routes of an older generation are from before the session was lost, and stale (RFC 4724 §4.2). */
  readonly freshFrom: ReadonlyMap<Family, number>
  /** Its routes in the RIB, by family. */
  readonly routes: ReadonlyMap<Family, Iterable<Route> & { readonly size: number }>
  /** How many routes it has in the RIB. */
  readonly routeCount: number
  /** The generation at the start of its present session: older routes are of an earlier one. */
  readonly sessionFrom: number
  /** By family: how many of its routes are of the present session. */
  readonly advertised: ReadonlyMap<Family, number>
  /** The generation in which it got its BGP identifier. */
  readonly identifierFrom: number
  /** A membership has left the RIB, for whatever reason. */
  readonly membershipGone: (membership: Membership) => void
  /** A route of it has left the RIB, for whatever reason. */
  readonly routeGone: () => void
  /** Octets of its routes' keys, and of the attribute sets that it was the first to bring; each route adds a fixed amount. */
  readonly octets: number
}

/** A source as the functions of this file see it. A class: V8 looks up the properties of a literal with an accessor in a dictionary. */
class Own implements Source {
  readonly name: string
  peer: PeerInfo | null
  generation = 0
  readonly freshFrom = new Map<Family, number>()
  readonly routes = new Map<Family, Slots<Route>>()
  sessionFrom = 0
  readonly advertised = new Map<Family, number>()
  identifierFrom = 0
  membershipGone: Source['membershipGone'] = () => {}
  routeGone: Source['routeGone'] = () => {}
  octets = 0

  constructor(name: string, peer: PeerInfo | null) {
    this.name = name
    this.peer = peer
  }

  get routeCount(): number {
    let all = 0
    for (const { size } of this.routes.values()) all += size
    return all
  }
}

/** The source, writable. */
const own = (source: Source): Own => source as Own

/** Octets counted for a route beside its key, so that many small ones are not free. */
export const ROUTE_OCTETS = 64

/** What best-path selection needs to know of a peer. */
export interface PeerInfo {
  readonly address: Ip
  readonly as: number
  readonly internal: boolean
  /** We reflect routes for it. */
  readonly isClient: boolean
  /** BGP identifier. */
  readonly identifier: number
}

/** One route of one source. Immutable but for its links, its slots and its generation. */
export interface Route extends Keyed {
  readonly family: Family
  readonly key: Octets
  readonly nlri: Nlri
  readonly set: AttributeSet
  readonly source: Source
  /** RFC 7911; 0 where it was not negotiated. */
  readonly pathId: number
  generation: number
  /** The next route of the same key; the best one is the first. */
  next: Route | null
  /** Its slot among the routes of its source. */
  sourceSlot: number
  /** Its slot among the best routes of its attributes, while it is one of them. */
  bestSlot: number
}

/** Slot of a route that is in none. */
const NOWHERE = -1

/** A route that is not in the RIB yet. */
export function newRoute(
  { family, key, hash }: Pick<Route, 'family' | 'key' | 'hash'>,
  nlri: Nlri,
  source: Source,
  pathId: number,
  set: AttributeSet,
): Route {
  const { generation } = source
  const [sourceSlot, bestSlot] = [NOWHERE, NOWHERE]
  return { family, key, hash, nlri, set, source, pathId, generation, next: null, sourceSlot, bestSlot }
}

/** Generation of a route that no source has any more: it is always stale. */
const GONE = -1

export function newSource(name: string, peer: PeerInfo | null): Source {
  return new Own(name, peer)
}

export function localSource(name: string): Source {
  return newSource(name, null)
}

/** Begins a new generation of the source's routes, which separates re-advertised ones from the rest. */
export function beginGeneration(source: Source): number {
  return ++own(source).generation
}

/** A session of the source begins: routes of an earlier one no longer count as advertised. */
export function beginSession(source: Source): void {
  own(source).sessionFrom = source.generation
  own(source).advertised.clear()
}

/** All routes of a family are stale until the source advertises them again. */
export function markStale(source: Source, family: Family): void {
  own(source).freshFrom.set(family, beginGeneration(source))
}

/** The source has another BGP identifier, by which its routes are compared (RFC 4271 §9.1.2.2); false where it is the same. */
export function identify(source: Source, identifier: number): boolean {
  if (source.peer === null || source.peer.identifier === identifier) return false
  own(source).peer = { ...source.peer, identifier }
  own(source).identifierFrom = source.generation
  return true
}

/** Calls `gone` for memberships of the source that leave the RIB. */
export function onMembershipGone(source: Source, gone: Source['membershipGone']): void {
  own(source).membershipGone = gone
}

/** Calls `gone` for each route of the source that leaves the RIB, often in bursts. */
export function onRouteGone(source: Source, gone: Source['routeGone']): void {
  own(source).routeGone = gone
}

/** How many routes of a family the source has in the RIB. */
export function routeCountOf(source: Source, family: Family): number {
  return source.routes.get(family)?.size ?? 0
}

/** The routes of a family that any of the sources has. */
export function* routesOf(sources: Iterable<Source>, family: Family): Generator<Route, void> {
  for (const { routes } of sources) yield* routes.get(family) ?? []
}

/** Adds octets to, or subtracts them from, the source's memory use. */
export function charge(source: Source, octets: number): void {
  own(source).octets += octets
  assert(source.octets >= 0, 'the routes of a source have fewer octets than none', source.name)
}

/** The RIB has added a route of the source. */
export function addRoute(route: Route): void {
  const { source, family, key } = route
  route.sourceSlot = ensure(own(source).routes, family, () => new Slots()).add(route)
  countAdvertised(source, family, 1)
  charge(source, ROUTE_OCTETS + key.length)
}

export function removeRoute(route: Route): void {
  const { source, family, key } = route
  const removed = own(source).routes.get(family)?.remove(route.sourceSlot)
  assert(removed === route, 'a route that leaves the RIB is none of its source', source.name)
  if (route.generation >= source.sessionFrom) countAdvertised(source, family, -1)
  charge(source, -(ROUTE_OCTETS + key.length))
  source.routeGone()
}

/** The source advertises a route again, unchanged. */
export function refreshRoute(route: Route): void {
  const { source, family } = route
  if (route.generation < source.sessionFrom) countAdvertised(source, family, 1)
  route.generation = source.generation
}

/** No source has the route any more, though a VPN instance keeps it for a while. */
export function markGone(route: Route): void {
  route.generation = GONE
}

function countAdvertised(source: Source, family: Family, change: 1 | -1): void {
  const { advertised } = own(source)
  const count = (advertised.get(family) ?? 0) + change
  assert(count >= 0, 'a source advertises fewer routes than none', source.name)
  advertised.set(family, count)
}

/** Whether the rank of equal attributes has changed since the source advertised the route. */
export function isRevalued(route: Route): boolean {
  return route.generation < route.source.identifierFrom
}

export function isStale({ source, family, generation }: Route): boolean {
  return generation < (source.freshFrom.get(family) ?? 0)
}

/** Stale here, or marked so by another speaker: any other route is preferred (RFC 9494 §4.3). */
export function isLeastPreferred(route: Route): boolean {
  return route.set.longLivedStale || isStale(route)
}

/** Whether both are the same route of a reflector's client: of the same originator (RFC 4456 §8), or for an external one, of the same next hop. */
export function isCopyOf(route: Route, other: Route): boolean {
  const { attributes, nextHop } = route.set
  if (attributes.originatorId !== null) return attributes.originatorId === originOf(other)
  return nextHop !== null && nextHop === other.set.nextHop && nextHop !== route.source.peer?.address
}

function originOf({ set, source }: Route): number | null {
  return set.attributes.originatorId ?? (source.peer?.internal ? source.peer.identifier : null)
}

/** The speaker that its source got it from, such as the client of a reflector; null, as an originator, where there is none. */
export function originatorOf({ set }: Route): number | null {
  return set.attributes.originatorId ?? null
}

/** Whether the peer that it is from is where it begins, and did not get it from another speaker. */
export function isOfPeerItself(route: Route): boolean {
  const { attributes } = route.set
  const isOfItsAs = (as: number) => as === route.source.peer?.as
  return originatorOf(route) === null && (attributes.asPath ?? []).every(({ asns }) => asns.every(isOfItsAs))
}
