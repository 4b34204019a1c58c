import { FsmSubcode } from '../../constants.ts'
import { endConnection, stay } from './steps.ts'
import type { FsmEvent, Step } from './types.ts'

/** OpenConfirm, RFC 4271 §8.2.2: both OPENs are accepted, the peer's first KEEPALIVE is awaited. */
export function openConfirm(event: FsmEvent): Step {
  switch (event.type) {
    case 'start':
    case 'connected':
      return stay('OpenConfirm')
    case 'keepalive':
      return { state: 'Established', actions: [{ do: 'restart-hold' }], reason: 'KEEPALIVE received' }
    case 'keepalive-expired':
      return stay('OpenConfirm', [{ do: 'send-keepalive' }])
    default:
      return endConnection(event, 'OpenConfirm', FsmSubcode.OpenConfirm)
  }
}
