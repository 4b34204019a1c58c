import { drop, dropForError, stay, stop } from './steps.ts'
import type { FsmEvent, Step } from './types.ts'

/** Seconds to wait for the peer's OPEN (RFC 4271 §8.2.2 suggests four minutes). */
export const OPEN_WAIT_SECONDS = 240

/** The connection is established: send an OPEN. */
export function sendOpen(): Step {
  return {
    state: 'OpenSent',
    actions: [
      { do: 'disarm', timer: 'connect-retry' },
      { do: 'send-open' },
      { do: 'restart-hold' },
      { do: 'arm', timer: 'hold', seconds: OPEN_WAIT_SECONDS },
    ],
    reason: 'connected',
  }
}

/** Connect, RFC 4271 §8.2.2: a connection attempt is under way. */
export function connect(event: FsmEvent): Step {
  switch (event.type) {
    case 'start':
      return stay('Connect')
    case 'stop':
      return stop(null)
    case 'connected':
      return sendOpen()
    case 'connect-retry-expired':
      return stay('Connect', [{ do: 'close' }, { do: 'back-off', timer: 'connect-retry' }, { do: 'connect' }])
    case 'connection-failed':
      return drop(event.reason)
    case 'message-error':
      return dropForError(event.error)
    default:
      return drop(`unexpected ${event.type} in Connect`)
  }
}
