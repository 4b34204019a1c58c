import { FsmSubcode } from '../../constants.ts'
import {
  drop,
  dropForCollision,
  dropForError,
  dropForHoldTimer,
  dropForNotification,
  dropForSendHoldTimer,
  stay,
  stop,
  unexpected,
} from './steps.ts'
import type { FsmEvent, Step } from './types.ts'

/** OpenConfirm, RFC 4271 §8.2.2: both OPENs are accepted, the peer's first KEEPALIVE is awaited. */
export function openConfirm(event: FsmEvent): Step {
  switch (event.type) {
    case 'start':
    case 'connected':
      return stay('OpenConfirm')
    case 'stop':
      return stop(event.notification)
    case 'keepalive':
      return { state: 'Established', actions: [{ do: 'heard' }], reason: 'KEEPALIVE received' }
    case 'keepalive-expired':
      return stay('OpenConfirm', [{ do: 'send-keepalive' }])
    case 'connection-failed':
      return drop(event.reason)
    case 'hold-expired':
      return dropForHoldTimer()
    case 'send-hold-expired':
      return dropForSendHoldTimer()
    case 'message-error':
      return dropForError(event.error)
    case 'collision':
      return dropForCollision()
    case 'notification':
      return dropForNotification(event.notification)
    case 'connect-retry-expired':
    case 'idle-hold-expired':
    case 'open':
    case 'update':
    case 'route-refresh':
      return unexpected(event, 'OpenConfirm', FsmSubcode.OpenConfirm)
  }
}
