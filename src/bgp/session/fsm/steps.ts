import { CeaseSubcode, ErrorCode } from '../../constants.ts'
import { type Notification, notification, type SessionError } from '../../errors.ts'
import { formatNotification } from '../../message/notification.ts'
import type { Action, FsmEvent, SessionState, Step } from './types.ts'

/** Nothing changes. */
export function stay(state: SessionState, actions: readonly Action[] = []): Step {
  return { state, actions, reason: null }
}

/** Ends the connection and retries later; with a NOTIFICATION where the peer should know why. */
export function drop(reason: string, message: Notification | null = null): Step {
  const actions: Action[] = message === null ? [] : [{ do: 'send-notification', notification: message }]
  actions.push({ do: 'close' }, { do: 'back-off', timer: 'idle-hold' })
  return { state: 'Idle', actions, reason }
}

/** The reason of an end that is no failure. */
export const STOPPED = 'stopped'

/** Ends the connection on request: no retry. */
export function stop(message: Notification | null): Step {
  const actions: Action[] = message === null ? [] : [{ do: 'send-notification', notification: message }]
  return { state: 'Idle', actions: [...actions, { do: 'close' }], reason: STOPPED }
}

export function dropForError(error: SessionError): Step {
  return drop(error.message, error.notification)
}

/** From OpenSent on: what ends a connection in each state. Any other event is an error of the FSM (RFC 4271 §6.6, RFC 6608 §4). */
export function endConnection(event: FsmEvent, state: SessionState, subcode: number): Step {
  switch (event.type) {
    case 'stop':
      return stop(event.notification)
    case 'connection-failed':
      return drop(event.reason)
    case 'message-error':
      return dropForError(event.error)
    case 'hold-expired':
      return drop('hold timer expired', notification(ErrorCode.HoldTimerExpired, 0))
    case 'send-hold-expired':
      return drop('send hold timer expired', notification(ErrorCode.SendHoldTimerExpired, 0))
    // another connection with the same peer prevailed (RFC 4271 §6.8)
    case 'collision':
      return drop('connection collision', notification(ErrorCode.Cease, CeaseSubcode.CollisionResolution))
    // a NOTIFICATION is never answered with another one
    case 'notification':
      return drop(`received ${formatNotification(event.notification)}`)
    default:
      return drop(`unexpected ${event.type} in ${state}`, notification(ErrorCode.FiniteStateMachine, subcode))
  }
}
