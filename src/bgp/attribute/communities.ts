import type { Octets } from '../../values/bytes.ts'
import { hex, u32 } from '../../values/bytes.ts'
import { AttributeCode, WellKnownCommunity } from '../constants.ts'
import {
  EXTENDED_COMMUNITY_LENGTH,
  type ExtendedCommunity,
  formatExtendedCommunity,
} from '../values/extended-community.ts'
import { describeExtendedCommunity } from '../values/extended-community-words.ts'
import { type AttributeCodec, OPTIONAL_TRANSITIVE, readList, withdraw } from './codec.ts'

const IPV6_EXTENDED_COMMUNITY_LENGTH = 20
const LARGE_COMMUNITY_LENGTH = 12

/** RFC 1997, 3765, 7999, 8326, 9494. */
const WELL_KNOWN: Readonly<Record<number, string>> = {
  4294901760: 'graceful-shutdown',
  [WellKnownCommunity.LongLivedStale]: 'llgr-stale',
  [WellKnownCommunity.NoLongLived]: 'no-llgr',
  4294902426: 'blackhole',
  [WellKnownCommunity.NoExport]: 'no-export',
  [WellKnownCommunity.NoAdvertise]: 'no-advertise',
  4294967043: 'no-export-subconfed',
  4294967044: 'no-peer',
}

const formatCommunity = (value: number): string => `${value >>> 16}:${value & 0xffff}`

/** COMMUNITIES (RFC 1997). */
export const communities: AttributeCodec<'communities', readonly number[]> = {
  code: AttributeCode.Communities,
  field: 'communities',
  name: 'COMMUNITIES',
  shownAs: 'community',
  flags: OPTIONAL_TRANSITIVE,
  onError: withdraw,
  decode: (r) => readList(r, 4, (item) => item.u32()),
  encode(w, values) {
    for (const value of values) w.u32(value)
  },
  format: (values) => values.map(formatCommunity),
  describe: (values) =>
    values.map((value) => {
      const name = WELL_KNOWN[value]
      return name === undefined ? formatCommunity(value) : `${name} (${formatCommunity(value)})`
    }),
}

/** EXTENDED COMMUNITIES (RFC 4360). */
export const extendedCommunities: AttributeCodec<'extendedCommunities', readonly ExtendedCommunity[]> = {
  code: AttributeCode.ExtendedCommunities,
  field: 'extendedCommunities',
  name: 'EXTENDED COMMUNITIES',
  shownAs: 'extended-community',
  flags: OPTIONAL_TRANSITIVE,
  onError: withdraw,
  decode: (r) =>
    readList(
      r,
      EXTENDED_COMMUNITY_LENGTH,
      (item) => item.octets(EXTENDED_COMMUNITY_LENGTH) as ExtendedCommunity,
    ),
  encode(w, values) {
    for (const value of values) w.octets(value)
  },
  format: (values) => values.map(formatExtendedCommunity),
  describe: (values) => values.map(describeExtendedCommunity),
}

/** IPv6 Address Specific Extended Communities (RFC 5701). */
export const ipv6ExtendedCommunities: AttributeCodec<'ipv6ExtendedCommunities', readonly Octets[]> = {
  code: AttributeCode.Ipv6ExtendedCommunities,
  field: 'ipv6ExtendedCommunities',
  name: 'IPV6 EXTENDED COMMUNITIES',
  shownAs: 'ipv6-extended-community',
  flags: OPTIONAL_TRANSITIVE,
  onError: withdraw,
  decode: (r) =>
    readList(r, IPV6_EXTENDED_COMMUNITY_LENGTH, (item) => item.octets(IPV6_EXTENDED_COMMUNITY_LENGTH)),
  encode(w, values) {
    for (const value of values) w.octets(value)
  },
  format: (values) => values.map((value) => `0x${hex(value)}`),
}

/** LARGE_COMMUNITY (RFC 8092). */
export const largeCommunities: AttributeCodec<'largeCommunities', readonly Octets[]> = {
  code: AttributeCode.LargeCommunities,
  field: 'largeCommunities',
  name: 'LARGE_COMMUNITY',
  shownAs: 'large-community',
  flags: OPTIONAL_TRANSITIVE,
  onError: withdraw,
  decode: (r) => readList(r, LARGE_COMMUNITY_LENGTH, (item) => item.octets(LARGE_COMMUNITY_LENGTH)),
  encode(w, values) {
    for (const value of values) w.octets(value)
  },
  format: (values) => values.map((value) => `${u32(value, 0)}:${u32(value, 4)}:${u32(value, 8)}`),
}
