import type { Ip } from '../../values/address.ts'
import type { Octets } from '../../values/bytes.ts'
import type { ExtendedCommunity } from '../values/extended-community.ts'

export const AsSegmentType = { Set: 1, Sequence: 2, ConfedSequence: 3, ConfedSet: 4 } as const

export interface AsSegment {
  readonly type: number
  readonly asns: readonly number[]
}

export interface Aggregator {
  readonly as: number
  readonly address: Ip
}

/** RFC 6514 §5. `label` is the raw field: a VNI or a label stack entry. */
export interface PmsiTunnel {
  readonly flags: number
  readonly tunnelType: number
  readonly label: number
  readonly tunnelId: Octets
}

export interface Tlv {
  readonly type: number
  readonly value: Octets
}

export interface UnknownAttribute {
  readonly code: number
  readonly flags: number
  readonly value: Octets
}

/**
 * The path attributes of a route, apart from those that carry NLRI. Absent ones are null. Records are made by
 * `noAttributes` so that all have one shape.
 */
export interface Attributes {
  origin: number | null
  asPath: readonly AsSegment[] | null
  nextHop: Ip | null
  multiExitDisc: number | null
  localPref: number | null
  atomicAggregate: true | null
  aggregator: Aggregator | null
  communities: readonly number[] | null
  originatorId: number | null
  clusterList: readonly number[] | null
  extendedCommunities: readonly ExtendedCommunity[] | null
  /** As received from a peer without 4-octet AS numbers; folded into `asPath` by the UPDATE decoder. */
  as4Path: readonly AsSegment[] | null
  as4Aggregator: Aggregator | null
  pmsiTunnel: PmsiTunnel | null
  tunnelEncapsulation: readonly Tlv[] | null
  ipv6ExtendedCommunities: readonly Octets[] | null
  largeCommunities: readonly Octets[] | null
  prefixSid: readonly Tlv[] | null
  /** Optional transitive attributes that this program does not know, to be passed on. */
  unknown: readonly UnknownAttribute[] | null
}

export function noAttributes(): Attributes {
  return {
    origin: null,
    asPath: null,
    nextHop: null,
    multiExitDisc: null,
    localPref: null,
    atomicAggregate: null,
    aggregator: null,
    communities: null,
    originatorId: null,
    clusterList: null,
    extendedCommunities: null,
    as4Path: null,
    as4Aggregator: null,
    pmsiTunnel: null,
    tunnelEncapsulation: null,
    ipv6ExtendedCommunities: null,
    largeCommunities: null,
    prefixSid: null,
    unknown: null,
  }
}
