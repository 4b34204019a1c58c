import { IPV4_LENGTH, IPV6_LENGTH, type Ip, isIpv4 } from '../../values/address.ts'
import { UpdateSubcode } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { Malformed } from '../errors.ts'
import {
  Afi,
  afiOf,
  type Family,
  familyName,
  familyOf,
  IPV6_UNICAST,
  Safi,
  safiOf,
  VPNV6,
} from '../family.ts'
import { type NlriCodec, type NlriContext, RefusedNlri, WITHDRAWN } from '../nlri/codec.ts'
import { type Nlri, nlriCodec } from '../nlri/index.ts'
import { isRoutersMac } from '../values/extended-community.ts'
import { RD_LENGTH } from '../values/rd.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
import type { Attributes } from './attributes.ts'

/** A quarantined NLRI: it could be framed and may not be used. Its bytes are kept for display. */
export interface QuarantinedNlri {
  readonly family: Family
  readonly reason: string
  readonly bytes: Uint8Array
  /** The bytes of its key: the route under that key is withdrawn. Null where the key cannot be read. */
  readonly nlri: Nlri | null
  readonly pathId: number
}

/** The NLRI of one family in one message. */
export interface NlriList {
  readonly family: Family
  readonly nlri: readonly Nlri[]
  /** Path identifiers (RFC 7911), one for each NLRI; null where none were agreed. */
  readonly pathIds: readonly number[] | null
  readonly quarantined: readonly QuarantinedNlri[]
  /** How many NLRI were skipped, since the family was not negotiated. */
  readonly ignored: number
}

/** MP_REACH_NLRI (RFC 4760 §3). `nextHop` is null where the family has none or is not read. */
export interface MpReach extends NlriList {
  readonly nextHop: Ip | null
}

/** MP_UNREACH_NLRI (RFC 4760 §4). Empty, it is the family's End-of-RIB (RFC 4724 §2). */
export type MpUnreach = NlriList

export function readMpReach(r: Reader, session: SessionContext, attributes: Attributes): MpReach {
  const family = familyOf(r.u16(), r.u8())
  const read = () => {
    const nextHopLength = r.u8()
    const outer = r.enter(nextHopLength)
    const nextHop = readNextHop(r, family)
    r.leave(outer)
    r.skip(1)
    return { nextHop, ...readNlriList(r, family, session, contextOf(attributes)) }
  }
  return unlessIgnored(family, session, read) ?? { nextHop: null, ...ignoredList(family) }
}

export function readMpUnreach(r: Reader, session: SessionContext): MpUnreach {
  const family = familyOf(r.u16(), r.u8())
  return (
    unlessIgnored(family, session, () => readNlriList(r, family, session, WITHDRAWN)) ?? ignoredList(family)
  )
}

/** The value; undefined after an error in a family that was not negotiated, where RFC 7606 §5.3 (AFI/SAFI disable) has no further effect. */
function unlessIgnored<T>(family: Family, session: SessionContext, read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof Malformed && !isAgreed(family, session)) return undefined
    throw error
  }
}

const ignoredList = (family: Family): NlriList => ({
  family,
  nlri: [],
  pathIds: null,
  quarantined: [],
  ignored: 1,
})

const isAgreed = (family: Family, { families }: SessionContext): boolean => families?.has(family) !== false

function contextOf({ prefixSid, extendedCommunities }: Attributes): NlriContext {
  const routersMac = extendedCommunities?.some(isRoutersMac) === true
  return { withdrawn: false, prefixSid: prefixSid !== null, routersMac }
}

/** Reads NLRI until the bound. Throws `Malformed` only where framing is lost; a single bad NLRI is quarantined. */
export function readNlriList(
  r: Reader,
  family: Family,
  session: SessionContext,
  context: NlriContext,
): NlriList {
  const codec = nlriCodec(family)
  const nlri: Nlri[] = []
  const quarantined: QuarantinedNlri[] = []
  const pathIds: number[] | null = session.addPathReceive.has(family) ? [] : null
  if (codec === undefined) {
    r.skip(r.remaining)
    return { family, nlri, pathIds, quarantined, ignored: 0 }
  }
  if (!isAgreed(family, session)) return { family, nlri, pathIds, quarantined, ignored: skipNlri(r, codec) }
  while (r.remaining > 0) {
    const pathId = pathIds === null ? 0 : r.u32()
    const start = r.pos
    const length = codec.measure(r)
    r.pos = start
    const outer = r.enter(length)
    try {
      const one = codec.decode(r, context)
      if (r.remaining > 0) throw new RefusedNlri(`${r.remaining} bytes too many`, one)
      nlri.push(one)
      pathIds?.push(pathId)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      const keyed = error instanceof RefusedNlri ? (error.nlri as Nlri) : null
      const bytes = r.copy(start, start + length)
      quarantined.push({ family, reason: error.message, bytes, nlri: keyed, pathId })
    }
    r.leave(outer)
  }
  return { family, nlri, pathIds, quarantined, ignored: 0 }
}

/** Counts NLRI until the bound without storing them. Throws `Malformed` where framing is lost. */
function skipNlri(r: Reader, codec: NlriCodec<Nlri>): number {
  let count = 0
  while (r.remaining > 0) {
    const start = r.pos
    const length = codec.measure(r)
    r.pos = start
    r.skip(length)
    count++
  }
  return count
}

/** Before an IPv4 next hop of VPN-IPv6 routes (RFC 4659 §3.2.1.2). */
const IPV4_MAPPED = '\0\0\0\0\0\0\0\0\0\0\xff\xff'

/**
 * Next-hop lengths (RFC 4364 §4.3.2, 4659 §3.2.1, 8950 §3, 2545 §3, 7432 §9, 4684 §4). With an RD it is zero and skipped;
 * of a global and a link-local address the first counts. That of FlowSpec is ignored (RFC 8955 §4).
 */
function readNextHop(r: Reader, family: Family): Ip | null {
  const length = r.remaining
  switch (safiOf(family)) {
    case Safi.MplsVpn: {
      const ipv4 = length === RD_LENGTH + IPV4_LENGTH && afiOf(family) === Afi.Ipv4
      if (!ipv4 && length !== RD_LENGTH + IPV6_LENGTH && length !== 2 * (RD_LENGTH + IPV6_LENGTH))
        return badNextHop(family, length)
      r.skip(RD_LENGTH)
      const nextHop = r.octets(ipv4 ? IPV4_LENGTH : IPV6_LENGTH) as Ip
      return nextHop.startsWith(IPV4_MAPPED) ? (nextHop.slice(IPV4_MAPPED.length) as Ip) : nextHop
    }
    case Safi.Evpn:
    case Safi.RouteTarget:
    case Safi.Unicast: {
      const isUnicast = safiOf(family) === Safi.Unicast
      const ipv4 = length === IPV4_LENGTH && family !== IPV6_UNICAST
      if (!ipv4 && length !== IPV6_LENGTH && !(isUnicast && length === 2 * IPV6_LENGTH))
        return badNextHop(family, length)
      return r.octets(ipv4 ? IPV4_LENGTH : IPV6_LENGTH) as Ip
    }
    default:
      return null
  }
}

function badNextHop(family: Family, length: number): never {
  throw new Malformed(`next hop of ${length} bytes in ${familyName(family)}`, UpdateSubcode.OptionalAttribute)
}

/** Writes AFI, SAFI, next hop and reserved octet; the NLRI follow. */
export function writeMpReachHead(w: Writer, family: Family, nextHop: Ip | null): void {
  w.u16(afiOf(family))
  w.u8(safiOf(family))
  const length = w.reserve(1)
  if (nextHop !== null && safiOf(family) !== Safi.FlowSpecVpn) {
    if (safiOf(family) === Safi.MplsVpn) w.octets('\0'.repeat(RD_LENGTH))
    if (family === VPNV6 && isIpv4(nextHop)) w.octets(IPV4_MAPPED)
    w.octets(nextHop)
  }
  w.patch(length, 1)
  w.u8(0)
}

export function writeMpUnreachHead(w: Writer, family: Family): void {
  w.u16(afiOf(family))
  w.u8(safiOf(family))
}
