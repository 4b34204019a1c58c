import { ErrorCode } from './constants.ts'

/** Bytes that do not decode. Decoders throw this and nothing else; the message names the error. */
export class Malformed extends Error {
  /** UPDATE Message Error subcode (RFC 4271 §6.3), where a particular one fits. */
  readonly subcode: number | undefined
  /** The reaction, where it differs from that to any malformed attribute of the kind. */
  readonly severity: Severity | undefined

  constructor(message: string, subcode?: number, severity?: Severity) {
    // It has no stack trace: making one takes ten times as long as all the rest, and a peer could keep the process busy with it.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = stackTraceLimit
    this.subcode = subcode
    this.severity = severity
  }
}

/**
 * Reactions to a broken UPDATE, weakest first (RFC 7606 §2). `discard` drops the attribute, `withdraw` treats the
 * routes of the message as withdrawn, `reset` ends the session.
 */
export const SEVERITIES = ['discard', 'withdraw', 'reset'] as const
export type Severity = (typeof SEVERITIES)[number]

/** The stronger of two reactions; null is none. */
export function stronger(a: Severity | null, b: Severity | null): Severity | null {
  if (a === null) return b
  if (b === null) return a
  return SEVERITIES.indexOf(a) >= SEVERITIES.indexOf(b) ? a : b
}

/** The content of a NOTIFICATION (RFC 4271 §4.5). */
export interface Notification {
  readonly code: number
  readonly subcode: number
  readonly data: Uint8Array
}

export const NO_DATA = new Uint8Array(0)

export function notification(code: number, subcode: number, data: Uint8Array = NO_DATA): Notification {
  return { code, subcode, data }
}

/** An error that ends the session, with the NOTIFICATION and the reason in words. */
export class SessionError extends Error {
  readonly notification: Notification

  constructor(message: string, code: number, subcode: number, data: Uint8Array = NO_DATA) {
    super(message)
    this.notification = notification(code, subcode, data)
  }
}

/** An error in one UPDATE: what, where, and how strongly to react. */
export interface Finding {
  readonly severity: Severity
  /** UPDATE Message Error subcode (RFC 4271 §6.3). */
  readonly subcode: number
  /** Code of the attribute at fault; null when none is. */
  readonly attribute: number | null
  readonly reason: string
  /** The offending bytes, as RFC 4271 §6.3 requires them in the NOTIFICATION. */
  readonly data: Uint8Array
}

/** The NOTIFICATION for the finding that resets the session. */
export function findingToNotification(finding: Finding): Notification {
  return notification(ErrorCode.UpdateMessage, finding.subcode, finding.data)
}
