import { ErrorCode, HEADER_LENGTH, MessageType, RouteRefreshSubcode } from '../constants.ts'
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

/** Decodes a ROUTE-REFRESH, header included. A wrong length is an error of its own, unless the kind is unknown (RFC 7313 §5). */
export function decodeRouteRefresh(message: Uint8Array): RouteRefresh {
  if (message.length !== LENGTH) {
    const unknown = message[KIND_AT] ?? 0
    if (unknown > RefreshKind.End) return { family: NO_FAMILY, kind: unknown }
    throw new SessionError(
      `ROUTE-REFRESH of ${message.length} bytes`,
      ErrorCode.RouteRefreshMessage,
      RouteRefreshSubcode.InvalidMessageLength,
      message.slice(),
    )
  }
  const r = new Reader(message, HEADER_LENGTH)
  const afi = r.u16()
  const kind = r.u8()
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
