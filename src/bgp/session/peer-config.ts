import type { Ip } from '../../values/address.ts'
import type { Family } from '../family.ts'

/** A neighbour as the operator wants it. */
export interface PeerConfig {
  readonly address: Ip
  /** Port to connect to. */
  readonly port: number
  readonly as: number
  /** Address that sessions start from; null: the speaker's. */
  readonly localAddress: Ip | null
  /** Wait for the peer to connect. */
  readonly passive: boolean
  readonly holdTimeSeconds: number
  /** First delay between tries; it doubles up to two minutes. */
  readonly connectRetrySeconds: number
  readonly families: readonly Family[]
  /** Take several paths of a route (RFC 7911). */
  readonly addPath: boolean
  /** We reflect routes to it and of it (RFC 4456). */
  readonly reflectorClient: boolean
  /** Use and send routes of an external peer at all; without a policy neither is done (RFC 8212). */
  readonly external: 'reject' | 'accept'
  /** More routes of one family than that end the session until the peer is reset; null for no limit. */
  readonly maxPrefixes: number | null
  /** Key of TCP MD5 signatures (RFC 2385); null for none. */
  readonly md5Key: string | null
  /** Hops to the peer that GTSM allows (RFC 5082); null without it. */
  readonly ttlSecurityHops: number | null
}

/** Whether a change of a field ends the session: it is part of what both sides agreed on, or of the connection. */
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

/** What a change from one configuration of a peer to another means for its session. */
export function effectOf(before: PeerConfig, after: PeerConfig): 'none' | 'in-place' | 'reset' {
  const names = Object.keys(NEEDS_RESET) as (keyof PeerConfig)[]
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
  if (changed.length === 0) return 'none'
  return changed.some((name) => NEEDS_RESET[name]) ? 'reset' : 'in-place'
}

/** What holds unless somebody says otherwise. */
export const PEER_DEFAULTS = {
  port: 179,
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
