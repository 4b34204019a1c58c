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
