import { CeaseSubcode, ErrorCode } from './constants.ts'
import { type Notification, notification } from './errors.ts'
import { afiOf, type Family, familyName, safiOf } from './family.ts'
import type { Source } from './rib/route.ts'

/**
 * Maximum octets of routes and their attributes that are kept of one peer, whatever its prefix limits: about 1.5 million routes. In
 * memory they take up to five times as much.
 */
const MAX_OCTETS = 128 * 2 ** 20
/** For a peer with high prefix limits, this much for each route. */
const OCTETS_PER_PREFIX = 128

/** A limit that a peer exceeds, and the NOTIFICATION that tells it. */
export interface ExceededLimit {
  readonly cease: Notification
  readonly reason: string
}

/** The limit that the routes of a peer exceed, or null; stale routes do not count as advertised. `maxPrefixes`: of each family; null for none. */
export function exceededLimit(source: Source, maxPrefixes: number | null): ExceededLimit | null {
  if (maxPrefixes !== null) {
    for (const [family, count] of source.advertised)
      if (count > maxPrefixes) return tooManyPrefixes(family, maxPrefixes)
  }
  const most = Math.max(MAX_OCTETS, OCTETS_PER_PREFIX * (maxPrefixes ?? 0))
  if (source.octets <= most) return null
  return {
    cease: notification(ErrorCode.Cease, CeaseSubcode.OutOfResources),
    reason: `more than ${most} octets of routes; reset the peer to try again`,
  }
}

/** RFC 4486 §4: the Cease names the family and its limit. */
function tooManyPrefixes(family: Family, limit: number): ExceededLimit {
  const data = Buffer.alloc(7)
  data.writeUInt16BE(afiOf(family), 0)
  data.writeUInt8(safiOf(family), 2)
  data.writeUInt32BE(limit, 3)
  return {
    cease: notification(ErrorCode.Cease, CeaseSubcode.MaximumPrefixes, data),
    reason: `more than ${limit} ${familyName(family)} routes; reset the peer to try again`,
  }
}
