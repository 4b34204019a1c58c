import { aggregator, as4Aggregator, atomicAggregate } from './aggregator.ts'
import { as4Path, asPath } from './as-path.ts'
import { communities, extendedCommunities, ipv6ExtendedCommunities, largeCommunities } from './communities.ts'
import { localPref } from './local-pref.ts'
import { multiExitDisc } from './multi-exit-disc.ts'
import { nextHop } from './next-hop.ts'
import { origin } from './origin.ts'
import { pmsiTunnel } from './pmsi-tunnel.ts'
import { clusterList, originatorId } from './route-reflection.ts'
import { prefixSid, tunnelEncapsulation } from './tlv-attributes.ts'

/** The attributes that are read, in the order of their codes, which is the order they are written in. */
export const attributeCodecs = [
  origin,
  asPath,
  nextHop,
  multiExitDisc,
  localPref,
  atomicAggregate,
  aggregator,
  communities,
  originatorId,
  clusterList,
  extendedCommunities,
  as4Path,
  as4Aggregator,
  pmsiTunnel,
  tunnelEncapsulation,
  ipv6ExtendedCommunities,
  largeCommunities,
  prefixSid,
] as const
