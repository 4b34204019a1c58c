import { CeaseSubcode, ErrorCode } from '../constants.ts'
import type { Ending } from './fsm/types.ts'
import type { Negotiated } from './negotiate.ts'

/** The longest wait for a peer after its hold timer has expired. */
const EXPIRED_RESTART_SECONDS = 30

/**
 * How long to wait for a peer that may be restarting. When its hold timer expires, the machine has failed or is cut off more often than the
 * process restarts: a process that ends closes its connection.
 */
export function restartSeconds({ peer }: Negotiated, ending: Ending): number {
  const asked = peer.capabilities.gracefulRestart?.restartTimeSeconds ?? 0
  const expired = ending.kind === 'sent' && ending.notification.code === ErrorCode.HoldTimerExpired
  return expired ? Math.min(asked, EXPIRED_RESTART_SECONDS) : asked
}

/** Whether the peer may be restarting: it closed without a NOTIFICATION, or with one that both agreed to treat as a restart (RFC 8538 §4). */
export function isGraceful({ gracefulRestart, gracefulNotification }: Negotiated, ending: Ending): boolean {
  if (!gracefulRestart) return false
  switch (ending.kind) {
    case 'lost':
      return true
    case 'stopped':
      return false
    default: {
      const { code, subcode } = ending.notification
      return gracefulNotification && !(code === ErrorCode.Cease && subcode === CeaseSubcode.HardReset)
    }
  }
}
