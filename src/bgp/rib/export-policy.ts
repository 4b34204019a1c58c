import type { Ip } from '../../values/address.ts'
import { ensure } from '../../values/map.ts'
import { prependAs } from '../attribute/as-path.ts'
import { AsSegmentType, type Attributes } from '../attribute/attributes.ts'
import { DEFAULT_LOCAL_PREF, WellKnownCommunity } from '../constants.ts'
import { type Family, ROUTE_TARGET } from '../family.ts'
import { isOpaque } from '../nlri/evpn/index.ts'
import { isTransitive } from '../values/extended-community.ts'
import type { AttributeSet } from './attribute-pool.ts'
import { compareRoutes } from './best-path.ts'
import type { Rib } from './rib.ts'
import type { Route, Source } from './route.ts'

/** Decides what one peer gets, and with which attributes. */
export interface ExportPolicy {
  /** The routes of a family that may be advertised at all: what a new session starts with. */
  candidates(family: Family): Iterable<Route>
  /** The route to advertise where `best` is the best one of its key; null when none may be advertised. */
  select(best: Route): Route | null
  /** Why `select` has none for the peer; null where it has one. */
  whyNot(best: Route): string | null
  /** Attributes and next hop for this peer; the same object for routes with equal results. */
  present(route: Route): Presented
}

export interface Presented {
  readonly attributes: Attributes
  readonly nextHop: Ip | null
}

/** The two ends of the session. */
export interface ExportOptions {
  readonly rib: Rib
  readonly localAs: number
  readonly localIdentifier: number
  readonly localAddress: Ip
  /** The receiving peer. */
  readonly peer: Source
  readonly isExternal: boolean
  /** Of an external peer: whether a policy permits advertisements (RFC 8212). */
  readonly isAccepted: boolean
  /** We reflect for it (RFC 4456). */
  readonly isClient: boolean
  /** Our cluster, when we are a reflector. */
  readonly clusterId: number | null
}

/** A VPN speaker advertises its own routes only; a reflector also those that RFC 4456 §6 permits. */
export function exportPolicy(options: ExportOptions): ExportPolicy {
  const { rib, clusterId } = options
  const shown = new WeakMap<AttributeSet, Map<number, Presented>>()
  return {
    candidates: (family) => (clusterId === null ? rib.notifiedOwn(family) : rib.notifiedBest(family)),
    select(best) {
      const route = chosenFor(best, options)
      return whyNot(route, options) === null ? route : null
    },
    whyNot: (best) => whyNot(chosenFor(best, options), options),
    present(route) {
      const { set, source, family } = route
      let ofSet = shown.get(set)
      if (ofSet === undefined) {
        ofSet = new Map()
        shown.set(set, ofSet)
      }
      // memberships may share their attributes with other routes, but are advertised differently
      const kind = family === ROUTE_TARGET ? 2 ** 32 : 0
      return ensure(ofSet, kind + (source.peer?.identifier ?? 0), () => present(route, options))
    },
  }
}

function chosenFor(best: Route, options: ExportOptions): Route {
  return best.family === ROUTE_TARGET ? membershipFor(best, options) : best
}

/** Why the peer may not have a route; null where it may. */
function whyNot(route: Route, options: ExportOptions): string | null {
  const { isExternal, isAccepted, clusterId } = options
  if (isExternal && !isAccepted) return 'no policy lets routes out to its AS (RFC 8212)'
  if (isOpaque(route.nlri)) return 'routes of its type are not passed on (RFC 7606 §5.4)'
  const keptBack = whyKeptBack(route, isExternal)
  if (keptBack !== null) return keptBack
  if (route.source.peer === null || (clusterId !== null && reflects(route, options))) return null
  return 'it may not have routes of this source (RFC 4456 §6)'
}

/**
 * A non-client peer gets the membership of a client where the best one is of another non-client (RFC 4684 §3.2):
 * the NLRI is the same for all members, and the peer has to know that some of them are behind us.
 */
function membershipFor(best: Route, { isClient, isExternal }: ExportOptions): Route {
  if (isClient || isExternal || !isOfNonClient(best)) return best
  let chosen = best
  for (let route = best.next; route !== null; route = route.next) {
    if (!isOfNonClient(route) && (chosen === best || compareRoutes(route, chosen) > 0)) chosen = route
  }
  return chosen
}

function isOfNonClient({ source: { peer } }: Route): boolean {
  return peer?.internal === true && !peer.isClient
}

const INSIDE_AS = [
  WellKnownCommunity.NoExport,
  WellKnownCommunity.NoExportSubconfed,
  WellKnownCommunity.LongLivedStale,
]

/**
 * NO_EXPORT and NO_EXPORT_SUBCONFED keep a route inside the AS, NO_ADVERTISE on the receiver (RFC 1997). LLGR_STALE keeps it inside too: we do not advertise
 * long-lived graceful restart, so its sender uses partial deployment, which is for internal peers (RFC 9494 §4.3, §4.6); those get it unchanged,
 * since our own nodes, FRR and GoBGP prefer any other route whatever was advertised.
 */
function whyKeptBack({ set }: Route, isExternal: boolean): string | null {
  const communities = set.attributes.communities
  if (communities === null) return null
  if (communities.includes(WellKnownCommunity.NoAdvertise))
    return 'it has the community NO_ADVERTISE (RFC 1997)'
  const staysInside = isExternal && INSIDE_AS.some((community) => communities.includes(community))
  return staysInside ? 'a community keeps it inside the AS (RFC 1997, RFC 9494)' : null
}

/**
 * RFC 4456 §6: routes of clients are sent to all peers, those of others to clients. A client gets its own memberships back too, since it
 * would else not send us routes that it alone imports so far (RFC 4684 §3.2).
 */
function reflects({ source, family }: Route, { peer, isClient, isExternal }: ExportOptions): boolean {
  if (source === peer) return family === ROUTE_TARGET && isClient
  if (isExternal || source.peer?.internal === false) return true
  return isClient || source.peer?.isClient === true
}

function present({ set, source, family }: Route, options: ExportOptions): Presented {
  const { nextHop } = set
  const { clusterId, localIdentifier, localAddress, isClient } = options
  if (options.isExternal) return { attributes: forExternal(set.attributes, options.localAs), nextHop }
  const attributes = withLocalPref(set.attributes)
  if (clusterId === null || source.peer?.internal !== true) return { attributes, nextHop }
  const clusterList = [clusterId, ...(attributes.clusterList ?? [])]
  // Memberships come from us: their passing through other clients would be no loop (RFC 4684 §3.2).
  if (family === ROUTE_TARGET && isClient) {
    return {
      attributes: { ...attributes, originatorId: localIdentifier, clusterList },
      nextHop: localAddress,
    }
  }
  const originatorId = attributes.originatorId ?? source.peer.identifier
  return { attributes: { ...attributes, originatorId, clusterList }, nextHop }
}

/**
 * Removes all that must stay inside our AS: confederation segments (RFC 5065 §4), non-transitive communities (RFC 4360 §6), LOCAL_PREF, and
 * the MED of another AS (RFC 4271 §5.1.4, §5.1.5).
 */
function forExternal(attributes: Attributes, localAs: number): Attributes {
  const path = (attributes.asPath ?? []).filter(({ type }) => type < AsSegmentType.ConfedSequence)
  const extendedCommunities = attributes.extendedCommunities?.filter(isTransitive) ?? []
  return {
    ...attributes,
    asPath: prependAs(path, localAs),
    extendedCommunities: extendedCommunities.length === 0 ? null : extendedCommunities,
    multiExitDisc: path.length === 0 ? attributes.multiExitDisc : null,
    localPref: null,
    originatorId: null,
    clusterList: null,
  }
}

/** Internal peers must get a LOCAL_PREF, which routes of external ones lack (RFC 4271 §5.1.5). */
function withLocalPref(attributes: Attributes): Attributes {
  return attributes.localPref === null ? { ...attributes, localPref: DEFAULT_LOCAL_PREF } : attributes
}
