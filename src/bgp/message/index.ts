import { MessageType } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import type { Notification } from '../errors.ts'
import type { Frame } from '../wire/framer.ts'
import { Writer } from '../wire/writer.ts'
import { writeMessage } from './header.ts'
import { decodeNotification } from './notification.ts'
import { decodeOpen, type Open } from './open.ts'
import { decodeRouteRefresh, type RouteRefresh } from './route-refresh.ts'
import { decodeUpdate, type Update } from './update.ts'

export type Message =
  | { readonly type: 'open'; readonly open: Open }
  | { readonly type: 'update'; readonly update: Update }
  | { readonly type: 'notification'; readonly notification: Notification }
  | { readonly type: 'keepalive' }
  | { readonly type: 'route-refresh'; readonly refresh: RouteRefresh }

/** Decodes a framed message. Throws `SessionError` when it ends the session; a bad UPDATE reports it in its verdict instead. */
export function decodeMessage({ type, bytes }: Frame, session: SessionContext): Message {
  switch (type) {
    case MessageType.Open:
      return { type: 'open', open: decodeOpen(bytes) }
    case MessageType.Update:
      return { type: 'update', update: decodeUpdate(bytes, session) }
    case MessageType.Notification:
      return { type: 'notification', notification: decodeNotification(bytes) }
    case MessageType.Keepalive:
      return { type: 'keepalive' }
    case MessageType.RouteRefresh:
      return { type: 'route-refresh', refresh: decodeRouteRefresh(bytes, session) }
    default:
      throw new RangeError(`the framer let message type ${type} pass`)
  }
}

function encodeKeepalive(): Buffer {
  const w = new Writer(32)
  writeMessage(w, MessageType.Keepalive, () => {})
  return w.copy()
}

export const KEEPALIVE: Buffer = encodeKeepalive()
