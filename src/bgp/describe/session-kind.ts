import { MessageType } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { decodeUpdate } from '../message/update.ts'

const TYPE_AT = 18

/**
 * Whether an UPDATE is from an internal session, judged by itself: those always have LOCAL_PREF, and on others the path starts with the
 * sender's AS (RFC 4271 §5.1.2, §5.1.5). Null where the UPDATE does not show it.
 */
export function isInternalBy(bytes: Buffer, session: SessionContext): boolean | null {
  if (bytes[TYPE_AT] !== MessageType.Update) return null
  const { attributes } = decodeUpdate(bytes, { ...session, internal: true })
  if (attributes.localPref !== null) return true
  return attributes.asPath === null || attributes.asPath.length === 0 ? null : false
}
