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

/** Established, RFC 4271 §8.2.2: routes are exchanged. */
export function established(event: FsmEvent): Step {
  switch (event.type) {
    case 'start':
    case 'connected':
      return stay('Established')
    case 'keepalive':
    case 'update':
    case 'route-refresh':
      return stay('Established', [{ do: 'heard' }])
    case 'keepalive-expired':
      return stay('Established', [{ do: 'send-keepalive' }])
    case 'stop':
      return stop(event.notification)
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
      return unexpected(event, 'Established', FsmSubcode.Established)
  }
}
