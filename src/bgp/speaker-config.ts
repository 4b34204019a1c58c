import type { Ip } from '../values/address.ts'
import { BGP_PORT, END_OF_RIB_WAIT_SECONDS } from './constants.ts'
import type { Family } from './family.ts'
import type { Prefix } from './nlri/prefix.ts'
import type { PeerConfig } from './session/peer-config.ts'

/** Dynamic peers: those that connect from the prefix, without a configuration of their own. */
export interface DynamicPeers {
  readonly prefix: Prefix
  readonly template: Omit<PeerConfig, 'address' | 'passive'>
  /** How many at most. */
  readonly limit: number
}

export interface SpeakerConfig {
  readonly as: number
  /** BGP identifier: an IPv4 address. */
  readonly identifier: Ip
  /** Local address of sessions, and next hop of our routes. */
  readonly localAddress: Ip
  /** Listening address; null: our address. */
  readonly listenAddress: Ip | null
  /** Null: do not listen. */
  readonly listenPort: number | null
  /** The initial ones, see `Speaker.setPeers`. */
  readonly peers: readonly PeerConfig[]
  readonly dynamicPeers: readonly DynamicPeers[]
  /** Reflect routes as this cluster (RFC 4456); null: advertise our own routes only. */
  readonly clusterId: Ip | null
  /** Advertise route-target memberships (RFC 4684). */
  readonly routeTargetConstraint: boolean
  /** The longest wait for peers' End-of-RIB while a session is up. */
  readonly completeWaitSeconds: number
  /**
   * How long forwarding continues by the last known routes without any session that could update them: after a
   * family has lost its last session without graceful restart, or after a start at which no peer answers.
   */
  readonly headlessSeconds: number
  /** How long VPN instances keep the routes of a remote node that are withdrawn all at once; 0: not at all. */
  readonly vanishedSeconds: number
  readonly restart: RestartConfig
}

/** Times of a speaker's configuration that may change while it runs, in seconds. */
export interface SpeakerTimes extends Pick<SpeakerConfig, 'headlessSeconds' | 'vanishedSeconds'> {
  /** From the next OPEN on. */
  readonly restartSeconds: number
}

/** Our own restarts (RFC 4724 §4.1). */
export interface RestartConfig {
  /** How long peers are to keep our routes while we are away; 0: we only keep theirs. */
  readonly timeSeconds: number
  /** Families whose forwarding continues while we are away. */
  readonly families: readonly Family[]
  /** This start follows a stop after which forwarding continued. */
  readonly isRestart: boolean
  /** Peers get End-of-RIB only after `routesComplete`. */
  readonly holdsEndOfRib: boolean
  /** Some of our routes are re-advertised ones: peers get End-of-RIB when their own routes have converged (RFC 4724 §4.1). */
  readonly followsOthers: boolean
}

/** The defaults. */
export const SPEAKER_DEFAULTS = {
  listenAddress: null,
  listenPort: BGP_PORT,
  dynamicPeers: [],
  clusterId: null,
  routeTargetConstraint: true,
  completeWaitSeconds: END_OF_RIB_WAIT_SECONDS,
  headlessSeconds: 0,
  vanishedSeconds: 0,
  restart: { timeSeconds: 0, families: [], isRestart: false, holdsEndOfRib: false, followsOthers: false },
} as const satisfies Partial<SpeakerConfig>
