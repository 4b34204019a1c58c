import type { Json, JsonObject } from '../../values/json.ts'

/** An error in a message. The names are those of RFC 7606 §2; `quarantine` affects one NLRI and nothing else. */
export const DESCRIBED_SEVERITIES = ['quarantine', 'discard', 'treat-as-withdraw', 'reset'] as const
export type DescribedSeverity = (typeof DESCRIBED_SEVERITIES)[number]

export interface NotificationName {
  readonly code: number
  readonly subcode: number
  readonly name: string
}

export interface ErrorDescription {
  readonly severity: DescribedSeverity
  readonly reason: string
  /** The NOTIFICATION for the error, which before RFC 7606 would have been sent; null where there is no code for it. */
  readonly notification: NotificationName | null
  /** The offending bytes in hex. */
  readonly bytes: string
}

export interface CapabilityDescription {
  readonly code: number
  readonly name: string
  /** Null when it is unknown or malformed: then `bytes` holds it in hex. */
  readonly value: JsonObject | null
  readonly bytes?: string
}

export interface AttributeDescription {
  readonly code: number
  readonly name: string
  readonly flags: readonly string[]
  readonly length: number
  /** Null when it is unknown or malformed: then `bytes` holds it in hex. */
  readonly value: Json
  readonly bytes?: string
}

/** NLRI of one family; `next_hop` is null where there is none. */
export interface RoutesDescription {
  readonly family: string
  readonly next_hop?: string | null
  readonly nlri: readonly JsonObject[]
}

export interface Common {
  /** As in the header. */
  readonly length: number
  /** The strongest reaction to `errors`; null when there are none. */
  readonly verdict: DescribedSeverity | null
  readonly errors: readonly ErrorDescription[]
}

export interface OpenDescription extends Common {
  readonly type: 'OPEN'
  readonly version: number
  readonly as: number
  readonly hold_time_seconds: number
  readonly identifier: string
  readonly capabilities: readonly CapabilityDescription[]
  /** The negotiation with the other side's OPEN. */
  readonly agreed?: JsonObject
}

export interface UpdateDescription extends Common {
  readonly type: 'UPDATE'
  readonly end_of_rib: string | null
  readonly reach: readonly RoutesDescription[]
  readonly unreach: readonly RoutesDescription[]
  /** In the order of the wire. */
  readonly attributes: readonly AttributeDescription[]
}

export interface NotificationDescription extends Common, NotificationName {
  readonly type: 'NOTIFICATION'
  /** RFC 9003. */
  readonly text: string | null
  readonly data: string
  /** The meaning of the data, where it is known and neither of the two below. */
  readonly details: JsonObject | null
  /** The capabilities that the sender lacks. */
  readonly capabilities?: readonly CapabilityDescription[]
  /** The message at fault. */
  readonly attributes?: readonly AttributeDescription[]
}

export interface KeepaliveDescription extends Common {
  readonly type: 'KEEPALIVE'
}

export interface RouteRefreshDescription extends Common {
  readonly type: 'ROUTE-REFRESH'
  readonly family: string
  readonly subtype: number
  readonly name: string
}

/** A message with a wrong header or length, so that the rest cannot be trusted. */
export interface UnreadDescription extends Common {
  readonly type: 'UNREAD'
  readonly message_type: number
  readonly name: string
  readonly bytes: string
}

/** One message as plain data, for JSON and for people. */
export type MessageDescription =
  | OpenDescription
  | UpdateDescription
  | NotificationDescription
  | KeepaliveDescription
  | RouteRefreshDescription
  | UnreadDescription
