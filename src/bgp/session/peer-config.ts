import type { Ip } from '../../values/address.ts'
import { BGP_PORT } from '../constants.ts'
import type { Family } from '../family.ts'

/** The configuration of a peer. */
export interface PeerConfig {
  readonly address: Ip
  /** Port to connect to. */
  readonly port: number
  readonly as: number
  /** Local address of sessions; null: the speaker's. */
  readonly localAddress: Ip | null
  /** Wait for the peer to connect. */
  readonly passive: boolean
  readonly holdTimeSeconds: number
  /** First delay between attempts; it doubles up to two minutes. */
  readonly connectRetrySeconds: number
  readonly families: readonly Family[]
  /** Receive several paths of a route (RFC 7911). */
  readonly addPath: boolean
  /** The peer is our client: we reflect routes to and from it (RFC 4456). */
  readonly reflectorClient: boolean
  /** The policy that an external peer needs: accept and advertise routes (RFC 8212). */
  readonly external: 'reject' | 'accept'
  /** Maximum routes of one family; more end the session until the peer is reset; null for no limit. */
  readonly maxPrefixes: number | null
  /** Key of TCP MD5 signatures (RFC 2385); null for none. */
  readonly md5Key: string | null
  /** Hops to the peer that GTSM allows (RFC 5082); null without it. */
  readonly ttlSecurityHops: number | null
}

/** Whether a change of a field ends the session: it was negotiated, or is part of the connection. */
const NEEDS_RESET = {
  address: true,
  port: false,
  as: true,
  localAddress: true,
  passive: true,
  holdTimeSeconds: true,
  connectRetrySeconds: false,
  families: true,
  addPath: true,
  reflectorClient: true,
  external: true,
  maxPrefixes: false,
  md5Key: true,
  ttlSecurityHops: true,
} as const satisfies Record<keyof PeerConfig, boolean>

/** The effect of a configuration change on the peer's session. */
export function effectOf(before: PeerConfig, after: PeerConfig): 'none' | 'in-place' | 'reset' {
  const names = Object.keys(NEEDS_RESET) as (keyof PeerConfig)[]
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
  if (changed.length === 0) return 'none'
  return changed.some((name) => NEEDS_RESET[name]) ? 'reset' : 'in-place'
}

/** The defaults. */
export const PEER_DEFAULTS = {
  port: BGP_PORT,
  localAddress: null,
  passive: false,
  holdTimeSeconds: 90,
  connectRetrySeconds: 5,
  addPath: true,
  reflectorClient: false,
  external: 'reject',
  maxPrefixes: null,
  md5Key: null,
  ttlSecurityHops: null,
} as const satisfies Partial<PeerConfig>
