import { active } from './active.ts'
import { connect } from './connect.ts'
import { established } from './established.ts'
import { idle } from './idle.ts'
import { openConfirm } from './open-confirm.ts'
import { openSent } from './open-sent.ts'
import type { FsmEvent, FsmOptions, SessionState, Step } from './types.ts'

/** The BGP finite state machine of one connection (RFC 4271 §8.2.2). Pure: no clock, no socket, no memory of its own. */
export function transition(state: SessionState, event: FsmEvent, options: FsmOptions): Step {
  switch (state) {
    case 'Idle':
      return idle(event, options)
    case 'Connect':
      return connect(event)
    case 'Active':
      return active(event)
    case 'OpenSent':
      return openSent(event)
    case 'OpenConfirm':
      return openConfirm(event)
    case 'Established':
      return established(event)
  }
}
