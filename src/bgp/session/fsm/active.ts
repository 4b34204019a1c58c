import { sendOpen } from './connect.ts'
import { drop, dropForError, stay, stop } from './steps.ts'
import type { FsmEvent, Step } from './types.ts'

/** Active, RFC 4271 §8.2.2: waits for the peer to connect, or for the retry time. */
export function active(event: FsmEvent): Step {
  switch (event.type) {
    case 'start':
      return stay('Active')
    case 'stop':
      return stop(null)
    case 'connected':
      return sendOpen()
    case 'connect-retry-expired':
      return {
        state: 'Connect',
        actions: [{ do: 'connect' }, { do: 'back-off', timer: 'connect-retry' }],
        reason: 'connecting',
      }
    case 'connection-failed':
      return drop(event.reason)
    case 'message-error':
      return dropForError(event.error)
    default:
      return drop(`unexpected ${event.type} in Active`)
  }
}
