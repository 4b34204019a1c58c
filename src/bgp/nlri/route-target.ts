import { type Octets, pack32, u32 } from '../../values/bytes.ts'
import { Malformed } from '../errors.ts'
import { ROUTE_TARGET } from '../family.ts'
import {
  EXTENDED_COMMUNITY_LENGTH,
  formatExtendedCommunity,
  type RouteTarget,
} from '../values/extended-community.ts'
import type { NlriCodec } from './codec.ts'
import { maskPrefix, octetsFor } from './prefix.ts'

const AS_BITS = 32
export const FULL_LENGTH = AS_BITS + EXTENDED_COMMUNITY_LENGTH * 8

/**
 * A route-target membership (RFC 4684 §4): the first `length` bits of origin AS and route target, padded with zeros to
 * 12 octets. Length 0 is the wildcard: every route target.
 */
export interface Membership {
  readonly length: number
  readonly octets: Octets
}

export const WILDCARD: Membership = { length: 0, octets: '\0'.repeat(FULL_LENGTH / 8) }

export function membership(originAs: number, target: RouteTarget): Membership {
  return { length: FULL_LENGTH, octets: pack32(originAs) + target }
}

/** How many bits of a target the membership has; the origin AS plays no part in what it covers. */
export function targetBits({ length }: Membership): number {
  return Math.max(0, length - AS_BITS)
}

export const routeTargetMembership: NlriCodec<Membership> = {
  family: ROUTE_TARGET,
  measure(r) {
    const bits = r.u8()
    if (bits > FULL_LENGTH) throw new Malformed(`route-target prefix of ${bits} bits`)
    return 1 + octetsFor(bits)
  },
  decode(r) {
    const length = r.u8()
    if (length > 0 && length < AS_BITS) throw new Malformed(`route-target prefix of ${length} bits`)
    const octets = r.octets(octetsFor(length)).padEnd(FULL_LENGTH / 8, '\0')
    return { length, octets: maskPrefix(octets, length) }
  },
  encode(w, { length, octets }) {
    w.u8(length)
    w.octets(octets.slice(0, octetsFor(length)))
  },
  writeKey(w, { length, octets }) {
    w.u8(length)
    w.octets(octets)
  },
  format({ length, octets }) {
    if (length === 0) return 'rtc wildcard'
    const target = octets.slice(AS_BITS / 8) as RouteTarget
    return `rtc ${u32(octets, 0)}:${formatExtendedCommunity(target)}${length === FULL_LENGTH ? '' : `/${length}`}`
  },
  fields: ({ length, octets }) => ({
    origin_as: length === 0 ? null : u32(octets, 0),
    route_target:
      length <= AS_BITS ? null : formatExtendedCommunity(octets.slice(AS_BITS / 8) as RouteTarget),
    prefix_length: length,
  }),
}
