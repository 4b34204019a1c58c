import { ErrorCode, HEADER_LENGTH, HeaderSubcode, MAX_MESSAGE_LENGTH, MessageType } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { SessionError } from '../errors.ts'
import { type Frame, Framer } from '../wire/framer.ts'
import type { MessageDescription } from './description.ts'
import { describeSessionError, toHex } from './errors.ts'
import { describeNotification } from './notification.ts'
import { describeOpen } from './open.ts'
import { describeRouteRefresh } from './route-refresh.ts'
import { describeUpdate } from './update.ts'

const TYPE_NAMES: Readonly<Record<number, MessageDescription['type']>> = {
  [MessageType.Open]: 'OPEN',
  [MessageType.Update]: 'UPDATE',
  [MessageType.Notification]: 'NOTIFICATION',
  [MessageType.Keepalive]: 'KEEPALIVE',
  [MessageType.RouteRefresh]: 'ROUTE-REFRESH',
}

/** Describes the message at the start of `bytes`. Never throws, whatever they are. */
export function describeMessage(bytes: Buffer, session: SessionContext): MessageDescription {
  try {
    return describeFrame(frame(bytes, session), session)
  } catch (error) {
    if (!(error instanceof SessionError)) throw error
    const type = bytes[HEADER_LENGTH - 1] ?? 0
    return {
      type: 'UNREAD',
      length: bytes.length,
      message_type: type,
      name: TYPE_NAMES[type] ?? 'unknown',
      bytes: toHex(bytes),
      verdict: 'reset',
      errors: [describeSessionError(error)],
    }
  }
}

function frame(bytes: Buffer, session: SessionContext): Frame {
  const framer = new Framer()
  framer.extended = session.maxMessageLength > MAX_MESSAGE_LENGTH
  framer.push(bytes)
  const whole = framer.next()
  if (whole !== null) return whole
  throw new SessionError('message is cut off', ErrorCode.MessageHeader, HeaderSubcode.BadMessageLength)
}

function describeFrame({ type, bytes }: Frame, session: SessionContext): MessageDescription {
  switch (type) {
    case MessageType.Open:
      return describeOpen(bytes)
    case MessageType.Update:
      return describeUpdate(bytes, session)
    case MessageType.Notification:
      return describeNotification(bytes)
    case MessageType.RouteRefresh:
      return describeRouteRefresh(bytes, session)
    default:
      return { type: 'KEEPALIVE', length: bytes.length, verdict: null, errors: [] }
  }
}
