import type { Ip } from '../../values/address.ts'
import { ensure } from '../../values/map.ts'
import { prependAs } from '../attribute/as-path.ts'
import type { Attributes } from '../attribute/attributes.ts'
import { WellKnownCommunity } from '../constants.ts'
import { type Family, ROUTE_TARGET } from '../family.ts'
import { isOpaque } from '../nlri/evpn/index.ts'
import type { AttributeSet } from './attribute-pool.ts'
import type { Rib } from './rib.ts'
import type { Route, Source } from './route.ts'

/** How routes leave for one peer. */
export interface ExportPolicy {
  /** The routes of a family that may go out at all: what a new session starts with. */
  candidates(family: Family): Iterable<Route>
  allows(route: Route): boolean
  /** Attributes and next hop as this peer is to see them; the same object for routes that look alike. */
  present(route: Route): Presented
}

export interface Presented {
  readonly attributes: Attributes
  readonly nextHop: Ip | null
}

/** Who sends, and to whom. */
export interface ExportTerms {
  readonly rib: Rib
  readonly localAs: number
  readonly localIdentifier: number
  readonly localAddress: Ip
  /** The peer that is sent to. */
  readonly peer: Source
  readonly isExternal: boolean
  /** Of an external peer: whether a policy lets routes out (RFC 8212). */
  readonly isAccepted: boolean
  /** We reflect for it (RFC 4456). */
  readonly isClient: boolean
  /** Our cluster, when we are a reflector at all. */
  readonly clusterId: number | null
}

/** A VPN speaker tells its own routes only; a reflector passes on what RFC 4456 §6 lets it. */
export function exportPolicy(terms: ExportTerms): ExportPolicy {
  const { rib, clusterId, isExternal, isAccepted } = terms
  const shown = new WeakMap<AttributeSet, Map<number, Presented>>()
  return {
    candidates: (family) => (clusterId === null ? rib.ownRoutes(family) : rib.best(family)),
    allows(route) {
      if ((isExternal && !isAccepted) || isOpaque(route.nlri)) return false
      if (isKeptBack(route, isExternal)) return false
      return route.source.peer === null || (clusterId !== null && reflects(route, terms))
    },
    present(route) {
      const { set, source } = route
      let ofSet = shown.get(set)
      if (ofSet === undefined) {
        ofSet = new Map()
        shown.set(set, ofSet)
      }
      return ensure(ofSet, source.peer?.identifier ?? 0, () => present(route, terms))
    },
  }
}

/** NO_EXPORT keeps a route inside the AS, NO_ADVERTISE where it is (RFC 1997). */
function isKeptBack({ set }: Route, isExternal: boolean): boolean {
  const communities = set.attributes.communities
  if (communities === null) return false
  return (
    communities.includes(WellKnownCommunity.NoAdvertise) ||
    (isExternal && communities.includes(WellKnownCommunity.NoExport))
  )
}

/**
 * RFC 4456 §6: routes of clients go to all, those of others to clients. A client is told of its own memberships too, or
 * it would send us nothing of what it alone imports so far (RFC 4684 §3.2).
 */
function reflects({ source, family }: Route, { peer, isClient, isExternal }: ExportTerms): boolean {
  if (source === peer) return family === ROUTE_TARGET && isClient
  if (isExternal || source.peer?.internal === false) return true
  return isClient || source.peer?.isClient === true
}

function present({ set, source, family }: Route, terms: ExportTerms): Presented {
  const { attributes, nextHop } = set
  const { isExternal, clusterId, localAs, localIdentifier, localAddress, isClient } = terms
  if (isExternal) {
    const asPath = prependAs(attributes.asPath ?? [], localAs)
    return {
      attributes: { ...attributes, asPath, localPref: null, originatorId: null, clusterList: null },
      nextHop,
    }
  }
  if (source.peer === null || clusterId === null || !source.peer.internal) return { attributes, nextHop }
  const clusterList = [clusterId, ...(attributes.clusterList ?? [])]
  // Memberships come from us: their way through other clients would be no loop (RFC 4684 §3.2).
  if (family === ROUTE_TARGET && isClient) {
    return {
      attributes: { ...attributes, originatorId: localIdentifier, clusterList },
      nextHop: localAddress,
    }
  }
  const originatorId = attributes.originatorId ?? source.peer.identifier
  return { attributes: { ...attributes, originatorId, clusterList }, nextHop }
}
