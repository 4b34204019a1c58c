import type { SessionContext } from '../context.ts'
import { familyName } from '../family.ts'
import { decodeRouteRefresh, RefreshKind } from '../message/route-refresh.ts'
import type { RouteRefreshDescription } from './description.ts'

const SUBTYPE_NAMES: Readonly<Record<number, string>> = {
  [RefreshKind.Request]: 'request',
  [RefreshKind.Begin]: 'beginning of route refresh',
  [RefreshKind.End]: 'end of route refresh',
}

/** Describes a ROUTE-REFRESH, header included. Throws `SessionError` when its length is wrong. */
export function describeRouteRefresh(bytes: Buffer, session: SessionContext): RouteRefreshDescription {
  const { family, kind } = decodeRouteRefresh(bytes, session)
  return {
    type: 'ROUTE-REFRESH',
    length: bytes.length,
    family: familyName(family),
    subtype: kind,
    name: SUBTYPE_NAMES[kind] ?? 'unknown subtype',
    verdict: null,
    errors: [],
  }
}
