import { FsmSubcode } from '../../constants.ts'
import { endConnection, stay } from './steps.ts'
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
      return stay('Established', [{ do: 'restart-hold' }])
    case 'keepalive-expired':
      return stay('Established', [{ do: 'send-keepalive' }])
    default:
      return endConnection(event, 'Established', FsmSubcode.Established)
  }
}
