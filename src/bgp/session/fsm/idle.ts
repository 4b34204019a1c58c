import { stay } from './steps.ts'
import type { FsmEvent, FsmOptions, Step } from './types.ts'

/** Idle, RFC 4271 §8.2.2: refuses connections and waits to be started. */
export function idle(event: FsmEvent, options: FsmOptions): Step {
  switch (event.type) {
    case 'start':
    case 'idle-hold-expired':
      if (options.passive) return { state: 'Active', actions: [], reason: 'waiting for the peer' }
      return {
        state: 'Connect',
        actions: [{ do: 'connect' }, { do: 'back-off', timer: 'connect-retry' }],
        reason: 'connecting',
      }
    case 'stop':
      return stay('Idle', [{ do: 'disarm', timer: 'idle-hold' }])
    case 'connected':
      return stay('Idle', [{ do: 'close' }])
    default:
      return stay('Idle')
  }
}
