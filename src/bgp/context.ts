import { MAX_MESSAGE_LENGTH } from './constants.ts'
import type { Family } from './family.ts'
import type { Recent } from './wire/reader.ts'

/** What both OPENs settled and codecs need to know; every decoder and encoder takes it from here, never from globals. */
export interface SessionContext {
  /** AS numbers take four octets in AS_PATH and AGGREGATOR (RFC 6793). */
  readonly fourOctetAs: boolean
  /** The peer is in our own AS. */
  readonly internal: boolean
  /** The peer advertised enhanced route refresh (RFC 7313). */
  readonly enhancedRouteRefresh: boolean
  /** Families that were agreed on: NLRI of others are not read; null reads all. */
  readonly families: ReadonlySet<Family> | null
  /** Families whose received NLRI start with a path identifier (RFC 7911). */
  readonly addPathReceive: ReadonlySet<Family>
  /** Longest message that may be sent (RFC 8654). */
  readonly maxMessageLength: number
  /** What the session's routes have in common; absent where each message stands for itself. */
  readonly recent?: Recent
}

export const NO_FAMILIES: ReadonlySet<Family> = new Set()

/** An internal session between present-day speakers without further extensions. */
export const DEFAULT_CONTEXT: SessionContext = {
  fourOctetAs: true,
  internal: true,
  enhancedRouteRefresh: true,
  families: null,
  addPathReceive: NO_FAMILIES,
  maxMessageLength: MAX_MESSAGE_LENGTH,
}
