import type { Notification, SessionError } from '../../errors.ts'
import type { Open } from '../../message/open.ts'

export const STATES = ['Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established'] as const
export type SessionState = (typeof STATES)[number]

/** The events of RFC 4271 §8.1 by cause; the numbers are the RFC's. DelayOpen (12, 20) is not implemented. */
export type FsmEvent =
  /** 1, 3 to 7: the options decide whether passively. */
  | { readonly type: 'start' }
  /** 2, 8: with the Cease to send; null sends none, as for a restart (RFC 4724 §4.1). */
  | { readonly type: 'stop'; readonly notification: Notification | null }
  /** 9 */
  | { readonly type: 'connect-retry-expired' }
  /** 10 */
  | { readonly type: 'hold-expired' }
  /** 11 */
  | { readonly type: 'keepalive-expired' }
  /** 13 */
  | { readonly type: 'idle-hold-expired' }
  /** RFC 9687 §3: the peer stopped reading. */
  | { readonly type: 'send-hold-expired' }
  /** 16, 17 */
  | { readonly type: 'connected' }
  /** 18 */
  | { readonly type: 'connection-failed'; readonly reason: string }
  /** 19, or 22 when the OPEN is refused; `holdTimeSeconds` is the negotiated one. */
  | {
      readonly type: 'open'
      readonly open: Open
      readonly refusal: SessionError | null
      readonly holdTimeSeconds: number
    }
  /** 21, 22, 28: a message that ends the session. */
  | { readonly type: 'message-error'; readonly error: SessionError }
  /** 23: another connection with the peer prevailed. */
  | { readonly type: 'collision' }
  /** 24, 25 */
  | { readonly type: 'notification'; readonly notification: Notification }
  /** 26 */
  | { readonly type: 'keepalive' }
  /** 27 */
  | { readonly type: 'update' }
  /** RFC 2918 */
  | { readonly type: 'route-refresh' }

export const TIMERS = ['connect-retry', 'hold', 'keepalive', 'idle-hold'] as const
export type Timer = (typeof TIMERS)[number]

/** What the runner has to do, in order. Entering Idle disarms every timer first. */
export type Action =
  | { readonly do: 'connect' }
  /** Closes the connection, after all messages were sent. */
  | { readonly do: 'close' }
  | { readonly do: 'send-open' }
  | { readonly do: 'send-keepalive' }
  | { readonly do: 'send-notification'; readonly notification: Notification }
  /** Zero seconds disarm. */
  | { readonly do: 'arm'; readonly timer: 'hold' | 'keepalive'; readonly seconds: number }
  | { readonly do: 'disarm'; readonly timer: Timer }
  /** Arms with a delay that grows with every failure (RFC 4271 §8.2.1.3), chosen by the runner. */
  | { readonly do: 'back-off'; readonly timer: 'connect-retry' | 'idle-hold' }
  /** Restarts the hold timer. */
  | { readonly do: 'restart-hold' }

/** The FSM's configuration. */
export interface FsmOptions {
  /** Waits for the peer to connect. */
  readonly passive: boolean
}

/** How a session ended, which decides about graceful restart (RFC 4724 §4.2, RFC 8538 §3). */
export type Ending =
  | { readonly kind: 'lost' }
  | { readonly kind: 'sent' | 'received'; readonly notification: Notification }
  | { readonly kind: 'stopped' }

export interface Step {
  readonly state: SessionState
  readonly actions: readonly Action[]
  /** The reason in words; null when there is none to report. */
  readonly reason: string | null
}
