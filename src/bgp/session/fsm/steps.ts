import { CeaseSubcode, ErrorCode } from '../../constants.ts'
import { type Notification, notification, type SessionError } from '../../errors.ts'
import { formatNotification } from '../../message/notification.ts'
import type { Action, FsmEvent, SessionState, Step } from './types.ts'

/** Nothing changes. */
export function stay(state: SessionState, actions: readonly Action[] = []): Step {
  return { state, actions, reason: null }
}

/** Ends the connection and retries later; with a NOTIFICATION where the peer should know why. */
export function drop(reason: string, tell: Notification | null = null): Step {
  const actions: Action[] = tell === null ? [] : [{ do: 'send-notification', notification: tell }]
  actions.push({ do: 'close' }, { do: 'back-off', timer: 'idle-hold' })
  return { state: 'Idle', actions, reason }
}

/** The reason of an end that is no failure. */
export const STOPPED = 'stopped'

/** Ends the connection on request: no retry. */
export function stop(tell: Notification | null): Step {
  const actions: Action[] = tell === null ? [] : [{ do: 'send-notification', notification: tell }]
  return { state: 'Idle', actions: [...actions, { do: 'close' }], reason: STOPPED }
}

/** An event that the state does not allow for (RFC 4271 §6.6, RFC 6608 §4). */
export function unexpected(event: FsmEvent, state: SessionState, subcode: number): Step {
  return drop(`unexpected ${event.type} in ${state}`, notification(ErrorCode.FiniteStateMachine, subcode))
}

export function dropForError(error: SessionError): Step {
  return drop(error.message, error.notification)
}

/** A NOTIFICATION is never answered with another one. */
export function dropForNotification(received: Notification): Step {
  return drop(`received ${formatNotification(received)}`)
}

export function dropForHoldTimer(): Step {
  return drop('hold timer expired', notification(ErrorCode.HoldTimerExpired, 0))
}

export function dropForSendHoldTimer(): Step {
  return drop('send hold timer expired', notification(ErrorCode.SendHoldTimerExpired, 0))
}

const COLLISION = notification(ErrorCode.Cease, CeaseSubcode.CollisionResolution)

/** Another connection with the same peer prevailed (RFC 4271 §6.8). */
export function dropForCollision(): Step {
  return drop('connection collision', COLLISION)
}
