import { FsmSubcode } from '../../constants.ts'
import { dropForError, endConnection, stay } from './steps.ts'
import type { FsmEvent, Step } from './types.ts'

/** KEEPALIVEs are sent three times in a hold time (RFC 4271 §4.4). */
export const KEEPALIVES_PER_HOLD_TIME = 3

/** OpenSent, RFC 4271 §8.2.2. Events that the section does not name are FSM errors (RFC 6608 §4). */
export function openSent(event: FsmEvent): Step {
  switch (event.type) {
    case 'start':
    case 'connected':
      return stay('OpenSent')
    case 'open': {
      if (event.refusal !== null) return dropForError(event.refusal)
      const hold = event.holdTimeSeconds
      return {
        state: 'OpenConfirm',
        actions: [
          { do: 'disarm', timer: 'connect-retry' },
          { do: 'send-keepalive' },
          { do: 'restart-hold' },
          { do: 'arm', timer: 'hold', seconds: hold },
          { do: 'arm', timer: 'keepalive', seconds: hold / KEEPALIVES_PER_HOLD_TIME },
        ],
        reason: 'OPEN accepted',
      }
    }
    case 'connection-failed':
      return {
        state: 'Active',
        actions: [
          { do: 'close' },
          { do: 'disarm', timer: 'hold' },
          { do: 'back-off', timer: 'connect-retry' },
        ],
        reason: event.reason,
      }
    default:
      return endConnection(event, 'OpenSent', FsmSubcode.OpenSent)
  }
}
