import { compareOctets } from '../../values/bytes.ts'
import { asPathLength } from '../attribute/as-path.ts'
import { AsSegmentType } from '../attribute/attributes.ts'
import { DEFAULT_LOCAL_PREF, Origin } from '../constants.ts'
import { EVPN } from '../family.ts'
import { type MacMobility, macMobilityOf } from '../values/extended-community.ts'
import type { AttributeSet } from './attribute-pool.ts'
import { isLeastPreferred, type Route } from './route.ts'

interface Criterion {
  readonly name: string
  /** Positive when `a` is better, negative when `b` is. */
  compare(a: Route, b: Route): number
}

/**
 * The decision process of RFC 4271 §9.1.2 with RFC 4456 §9 and RFC 9494 §4.3, for routes of one NLRI. IGP costs to next hops are unknown here.
 * Where VTEPs share a route distinguisher, the routes of a MAC address that moves are of one NLRI: the latest counts (RFC 7432 §15).
 */
const CRITERIA: readonly Criterion[] = [
  { name: 'not stale', compare: (a, b) => Number(isLeastPreferred(b)) - Number(isLeastPreferred(a)) },
  { name: 'our own route', compare: (a, b) => own(a) - own(b) },
  { name: 'higher LOCAL_PREF', compare: (a, b) => localPrefOf(a) - localPrefOf(b) },
  { name: 'sticky', compare: (a, b) => sticky(a) - sticky(b) },
  { name: 'higher mobility sequence', compare: (a, b) => sequence(a) - sequence(b) },
  { name: 'shorter AS_PATH', compare: (a, b) => pathLength(b) - pathLength(a) },
  { name: 'lower ORIGIN', compare: (a, b) => origin(b) - origin(a) },
  {
    name: 'lower MED from the same AS',
    compare: (a, b) => (neighbourAs(a) === neighbourAs(b) ? med(b) - med(a) : 0),
  },
  { name: 'external over internal', compare: (a, b) => external(a) - external(b) },
  { name: 'lower BGP identifier', compare: (a, b) => identifier(b) - identifier(a) },
  { name: 'shorter CLUSTER_LIST', compare: (a, b) => clusters(b) - clusters(a) },
  { name: 'lower peer address', compare: (a, b) => compareOctets(address(b), address(a)) },
  { name: 'lower path identifier', compare: (a, b) => b.pathId - a.pathId },
]

const own = ({ source }: Route): number => Number(source.peer === null)
/** The LOCAL_PREF of a route; the default for a route without (RFC 4271 §9.1.1). */
export const localPrefOf = ({ set }: Route): number => set.attributes.localPref ?? DEFAULT_LOCAL_PREF
const sticky = (route: Route): number => Number(route.family === EVPN && mobilityOf(route.set).sticky)
const sequence = (route: Route): number => (route.family === EVPN ? mobilityOf(route.set).sequence : 0)
const pathLength = ({ set }: Route): number => asPathLength(set.attributes.asPath ?? [])
const origin = ({ set }: Route): number => set.attributes.origin ?? Origin.Incomplete
const med = ({ set }: Route): number => set.attributes.multiExitDisc ?? 0
const external = ({ source }: Route): number => Number(source.peer?.internal === false)
const identifier = ({ set, source }: Route): number =>
  set.attributes.originatorId ?? source.peer?.identifier ?? 0
const clusters = ({ set }: Route): number => set.attributes.clusterList?.length ?? 0
const address = ({ source }: Route): string => source.peer?.address ?? ''

const NOT_MOVED: MacMobility = { sticky: false, sequence: 0 }

export function mobilityOf({ attributes }: AttributeSet): MacMobility {
  for (const community of attributes.extendedCommunities ?? []) {
    const mobility = macMobilityOf(community)
    if (mobility !== undefined) return mobility
  }
  return NOT_MOVED
}

function neighbourAs({ set }: Route): number | undefined {
  const first = set.attributes.asPath?.[0]
  return first?.type === AsSegmentType.Sequence ? first.asns[0] : undefined
}

/** Positive when `a` is the better route. */
export function compareRoutes(a: Route, b: Route): number {
  for (const { compare } of CRITERIA) {
    const difference = compare(a, b)
    if (difference !== 0) return difference
  }
  return 0
}

/**
 * The best of routes of one NLRI. MED compares only routes of one neighbouring AS, so these are compared with each other
 * first: otherwise the result would depend on the order (RFC 4271 §9.1.2.2 c).
 */
export function bestOf(routes: readonly Route[]): Route {
  const byAs = new Map<number | undefined, Route>()
  for (const route of routes) {
    const as = neighbourAs(route)
    const rival = byAs.get(as)
    if (rival === undefined || compareRoutes(route, rival) > 0) byAs.set(as, route)
  }
  return [...byAs.values()].reduce((best, route) => (compareRoutes(route, best) > 0 ? route : best))
}

export const hasMed = ({ set }: Route): boolean => set.attributes.multiExitDisc !== null

/** The criterion by which `winner` beats `loser`, in words. */
export function whyBetter(winner: Route, loser: Route): string {
  for (const { name, compare } of CRITERIA) {
    const difference = compare(winner, loser)
    if (difference > 0) return name
    if (difference < 0) return 'another one of its AS has a lower MED'
  }
  return 'received first'
}
