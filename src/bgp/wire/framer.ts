import {
  ErrorCode,
  HEADER_LENGTH,
  HeaderSubcode,
  MARKER_LENGTH,
  MAX_EXTENDED_MESSAGE_LENGTH,
  MAX_MESSAGE_LENGTH,
  MessageType,
} from '../constants.ts'
import { SessionError } from '../errors.ts'

/** Minimum length of each message type, header included (RFC 4271 §4, RFC 2918 §3); for KEEPALIVE the only one. */
const MIN_LENGTH: Readonly<Record<number, number>> = {
  [MessageType.Open]: 29,
  [MessageType.Update]: 23,
  [MessageType.Notification]: 21,
  [MessageType.Keepalive]: HEADER_LENGTH,
  // A wrong length has an error of its own (RFC 7313 §5).
  [MessageType.RouteRefresh]: HEADER_LENGTH,
}

const EMPTY = Buffer.alloc(0)

/** One framed message, valid until the framer is fed again. */
export interface Frame {
  readonly type: number
  /** The whole message, header included. */
  readonly bytes: Buffer
}

/** Cuts a byte stream into BGP messages and checks their headers (RFC 4271 §6.1). Holds at most one incomplete message. */
export class Framer {
  /** Both sides advertised RFC 8654: every message but OPEN and KEEPALIVE may be long. */
  extended = false
  private pending: Buffer = EMPTY
  private pos = 0

  push(chunk: Buffer): void {
    this.pending =
      this.pos < this.pending.length ? Buffer.concat([this.pending.subarray(this.pos), chunk]) : chunk
    this.pos = 0
  }

  /** The next whole message, or null when more bytes are needed. Throws `SessionError` when the header is wrong. */
  next(): Frame | null {
    const { pending, pos } = this
    const available = pending.length - pos
    for (let i = 0; i < Math.min(available, MARKER_LENGTH); i++) {
      if (pending[pos + i] !== 0xff) {
        throw new SessionError(
          'marker is not all ones',
          ErrorCode.MessageHeader,
          HeaderSubcode.ConnectionNotSynchronized,
        )
      }
    }
    if (available < HEADER_LENGTH) return null
    const length = pending.readUInt16BE(pos + MARKER_LENGTH)
    const type = pending[pos + MARKER_LENGTH + 2]!
    this.checkHeader(length, type)
    if (available < length) return null
    this.pos = pos + length
    return { type, bytes: pending.subarray(pos, this.pos) }
  }

  private checkHeader(length: number, type: number): void {
    const short = type === MessageType.Keepalive || type === MessageType.Open || !this.extended
    const max = short ? MAX_MESSAGE_LENGTH : MAX_EXTENDED_MESSAGE_LENGTH
    if (length < HEADER_LENGTH || length > max) throw badLength(length, type)
    const min = MIN_LENGTH[type]
    if (min === undefined) {
      throw new SessionError(
        `unknown message type ${type}`,
        ErrorCode.MessageHeader,
        HeaderSubcode.BadMessageType,
        Uint8Array.of(type),
      )
    }
    if (length < min || (type === MessageType.Keepalive && length > min)) throw badLength(length, type)
  }
}

function badLength(length: number, type: number): SessionError {
  return new SessionError(
    `message of type ${type} with length ${length}`,
    ErrorCode.MessageHeader,
    HeaderSubcode.BadMessageLength,
    Uint8Array.of(length >>> 8, length & 0xff),
  )
}
