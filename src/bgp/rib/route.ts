import type { Ip } from '../../values/address.ts'
import { ensure } from '../../values/map.ts'
import type { Family } from '../family.ts'
import type { Nlri } from '../nlri/index.ts'
import type { Membership } from '../nlri/route-target.ts'
import type { AttributeSet } from './attribute-pool.ts'

/** Where routes come from: a peer, or one of our own VPN instances. */
export interface Source {
  readonly name: string
  /** Null for our own routes. */
  peer: PeerInfo | null
  /** Goes up whenever what the source said is called in doubt. */
  generation: number
  /** By family: routes of an older generation are from before the session was lost, and stale (RFC 4724 §4.2). */
  readonly freshFrom: Map<Family, number>
  /** Its routes in the RIB, by family; those that came first are the first. */
  readonly routes: Map<Family, Set<Route>>
  /** How many routes it has in the RIB. */
  readonly routeCount: number
  /** The generation that its present session began with: older routes are of an earlier one. */
  sessionFrom: number
  /** By family: how many of its routes are of the present session. */
  readonly advertised: Map<Family, number>
  /** The generation since which it has its BGP identifier. */
  identifierFrom: number
  /** A membership has left the RIB, for whatever reason. */
  membershipGone: (membership: Membership) => void
  /** Octets of their keys, and of the attribute sets that it was the first to bring; each route counts for some more. */
  octets: number
}

/** What a route counts for besides its key, so that many small ones are not free. */
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

/** One route of one source. Immutable but for its links and its generation. */
export interface Route {
  readonly family: Family
  readonly key: string
  readonly nlri: Nlri
  readonly set: AttributeSet
  readonly source: Source
  /** RFC 7911; 0 where none was agreed. */
  readonly pathId: number
  generation: number
  /** The next route of the same key; the best one is the first. */
  next: Route | null
}

/** Generation of a route that no source has any more: it is stale whatever its source does. */
export const GONE = -1

export function newSource(name: string, peer: PeerInfo | null): Source {
  const routes = new Map<Family, Set<Route>>()
  return {
    name,
    peer,
    generation: 0,
    freshFrom: new Map(),
    routes,
    get routeCount() {
      let all = 0
      for (const { size } of routes.values()) all += size
      return all
    },
    sessionFrom: 0,
    advertised: new Map(),
    identifierFrom: 0,
    membershipGone() {},
    octets: 0,
  }
}

export function localSource(name: string): Source {
  return newSource(name, null)
}

/** Begins a new generation of the source's routes: what it re-advertises is told from what it does not. */
export function beginGeneration(source: Source): number {
  source.generation++
  return source.generation
}

/** A session of the source begins: what it advertised in an earlier one counts no more for what it advertises. */
export function beginSession(source: Source): void {
  source.sessionFrom = source.generation
  source.advertised.clear()
}

/** The RIB has a route of the source. */
export function addRoute(route: Route): void {
  const { source, family, key } = route
  ensure(source.routes, family, () => new Set()).add(route)
  countAdvertised(source, family, 1)
  source.octets += ROUTE_OCTETS + key.length
}

export function removeRoute(route: Route): void {
  const { source, family, key } = route
  source.routes.get(family)!.delete(route)
  if (route.generation >= source.sessionFrom) countAdvertised(source, family, -1)
  source.octets -= ROUTE_OCTETS + key.length
}

/** The source advertises a route again as it is in the RIB. */
export function refreshRoute(route: Route): void {
  const { source, family } = route
  if (route.generation < source.sessionFrom) countAdvertised(source, family, 1)
  route.generation = source.generation
}

function countAdvertised({ advertised }: Source, family: Family, change: 1 | -1): void {
  advertised.set(family, (advertised.get(family) ?? 0) + change)
}

/** Whether the same attributes count for more or less now than when the source advertised the route. */
export function isRevalued(route: Route): boolean {
  return route.generation < route.source.identifierFrom
}

export function isStale({ source, family, generation }: Route): boolean {
  return generation < (source.freshFrom.get(family) ?? 0)
}

/** Stale here, or marked so by another speaker: it loses to any other route (RFC 9494 §4.3). */
export function isLeastPreferred(route: Route): boolean {
  return route.set.longLivedStale || isStale(route)
}

/** Whether a reflector passed on what `other` is too: of the same originator (RFC 4456 §8), or where that is external, to the same next hop. */
export function isCopyOf(route: Route, other: Route): boolean {
  const { attributes, nextHop } = route.set
  if (attributes.originatorId !== null) return attributes.originatorId === originOf(other)
  return nextHop !== null && nextHop === other.set.nextHop && nextHop !== route.source.peer?.address
}

function originOf({ set, source }: Route): number | null {
  return set.attributes.originatorId ?? (source.peer?.internal ? source.peer.identifier : null)
}

/** Whether its source got it from another speaker, such as the client of a reflector; null, as an originator, where it did not. */
export function originatorOf({ set }: Route): number | null {
  return set.attributes.originatorId ?? null
}
