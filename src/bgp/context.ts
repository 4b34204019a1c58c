import { MAX_MESSAGE_LENGTH } from './constants.ts'
import type { Family } from './family.ts'
import type { Recent } from './wire/reader.ts'

/** The negotiated parameters that codecs need; every decoder and encoder takes them from here, never from globals. */
export interface SessionContext {
  /** AS numbers take four octets in AS_PATH and AGGREGATOR (RFC 6793). */
  readonly fourOctetAs: boolean
  /** The peer is in our own AS. */
  readonly internal: boolean
  /** The peer advertised enhanced route refresh (RFC 7313). */
  readonly enhancedRouteRefresh: boolean
  /** Negotiated families: NLRI of others are not read; null reads all. */
  readonly families: ReadonlySet<Family> | null
  /** Families whose received NLRI start with a path identifier (RFC 7911). */
  readonly addPathReceive: ReadonlySet<Family>
  /** The longest message that may be sent (RFC 8654). */
  readonly maxMessageLength: number
  /** Values shared by the session's routes; absent where each message is decoded on its own. */
  readonly recent?: Recent
}

export const NO_FAMILIES: ReadonlySet<Family> = new Set()

/** An internal session between modern speakers without further extensions. */
export const DEFAULT_CONTEXT: SessionContext = {
  fourOctetAs: true,
  internal: true,
  enhancedRouteRefresh: true,
  families: null,
  addPathReceive: NO_FAMILIES,
  maxMessageLength: MAX_MESSAGE_LENGTH,
}
