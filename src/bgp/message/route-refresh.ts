import { ErrorCode, HEADER_LENGTH, HeaderSubcode, MessageType, RouteRefreshSubcode } from '../constants.ts'
import { DEFAULT_CONTEXT, type SessionContext } from '../context.ts'
import { SessionError } from '../errors.ts'
import { afiOf, type Family, familyOf, safiOf } from '../family.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { writeMessage } from './header.ts'

/** RFC 7313 §3.2. */
export const RefreshKind = { Request: 0, Begin: 1, End: 2 } as const

/** RFC 2918 §3; `kind` other than those of `RefreshKind` is to be ignored. */
export interface RouteRefresh {
  readonly family: Family
  readonly kind: number
}

const LENGTH = HEADER_LENGTH + 4
const KIND_AT = HEADER_LENGTH + 2
/** AFI and SAFI 0 are reserved. */
const NO_FAMILY: Family = 0

/**
 * Decodes a ROUTE-REFRESH, header included. Octets after a request may be outbound route filters (RFC 5291 §4), which
 * are not decoded; the beginning and the end of a refresh have an error of their own for them (RFC 7313 §5).
 */
export function decodeRouteRefresh(
  message: Uint8Array,
  { enhancedRouteRefresh }: SessionContext = DEFAULT_CONTEXT,
): RouteRefresh {
  const { length } = message
  const kind = message[KIND_AT] ?? RefreshKind.Request
  if (length !== LENGTH && enhancedRouteRefresh && (kind === RefreshKind.Begin || kind === RefreshKind.End))
    throw new SessionError(
      `ROUTE-REFRESH of ${length} bytes`,
      ErrorCode.RouteRefreshMessage,
      RouteRefreshSubcode.InvalidMessageLength,
      message.slice(),
    )
  if (length < LENGTH) {
    if (kind > RefreshKind.End) return { family: NO_FAMILY, kind }
    throw new SessionError(
      `ROUTE-REFRESH of ${length} bytes`,
      ErrorCode.MessageHeader,
      HeaderSubcode.BadMessageLength,
      Uint8Array.of(length >>> 8, length & 0xff),
    )
  }
  const r = new Reader(message, HEADER_LENGTH)
  const afi = r.u16()
  r.skip(1)
  return { family: familyOf(afi, r.u8()), kind }
}

export function encodeRouteRefresh({ family, kind }: RouteRefresh): Buffer {
  const w = new Writer(LENGTH)
  writeMessage(w, MessageType.RouteRefresh, () => {
    w.u16(afiOf(family))
    w.u8(kind)
    w.u8(safiOf(family))
  })
  return w.copy()
}
