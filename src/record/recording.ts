import type { PeerConfig } from '../bgp/session/peer-config.ts'
import type { DynamicPeers, SpeakerConfig, SpeakerTimes } from '../bgp/speaker-config.ts'
import type { Dataplane } from '../dataplane/model.ts'
import type { VpnConfig } from '../vpn/config.ts'
import type { AttachRequest, DetachRequest } from '../vpn/request.ts'
import type { SavedState } from '../vpn/state.ts'

/** Format version: a reader refuses others. */
export const RECORDING_VERSION = 2

/** The initial data of a daemon: the first line of a recording, without keys of peers. */
export interface RecordingHeader {
  readonly type: 'header'
  readonly version: typeof RECORDING_VERSION
  readonly chanter: string
  /** When the recording began, in epoch milliseconds; all other times are relative to it. */
  readonly epoch: number
  /** The seed of the sessions' random numbers. */
  readonly seed: number
  readonly speaker: SpeakerConfig
  readonly vpn: Omit<VpnConfig, 'lacks'>
  /** The states to continue from, of this boot and of another one; null where there is none. */
  readonly state: SavedState | null
  readonly former: SavedState | null
}

/**
 * An input of the core from outside. A connection is named by its direction, the address of the other end and a number; octets are
 * base64. A call of the dataplane is named by its function and its arguments as JSON.
 */
export type InputEvent =
  | { readonly type: 'started' }
  | { readonly type: 'connected' | 'drained'; readonly connection: string }
  | {
      readonly type: 'accepted'
      readonly connection: string
      readonly local: string
      readonly remote: string
      readonly port: number
    }
  | { readonly type: 'data'; readonly connection: string; readonly bytes: string }
  | { readonly type: 'closed'; readonly connection: string; readonly reason: string | null }
  | { readonly type: 'attach'; readonly request: AttachRequest }
  | { readonly type: 'detach'; readonly request: DetachRequest }
  /** An operator's order to a peer. */
  | { readonly type: 'order'; readonly peer: string; readonly action: string; readonly reason: string }
  /** The configuration was reloaded: the peers, without keys, and what else the core reads of it. */
  | {
      readonly type: 'reload'
      readonly peers: readonly PeerConfig[]
      readonly dynamicPeers: readonly DynamicPeers[]
      readonly times: SpeakerTimes
      readonly mobility: VpnConfig['mobility']
    }
  | { readonly type: 'answer'; readonly call: string; readonly result?: unknown }
  | { readonly type: 'failure'; readonly call: string; readonly reason: string }
  /** The dataplane called a callback. */
  | { readonly type: 'callback'; readonly call: string; readonly values: readonly unknown[] }

/** A line of a recording after the first; `at` is in milliseconds since it began. */
export type RecordedEvent = InputEvent & { readonly at: number }

/** The name of a call of the dataplane; functions among the arguments do not count. */
export function callName(verb: string, args: readonly unknown[]): string {
  return `${verb} ${JSON.stringify(args.filter((one) => typeof one !== 'function'))}`
}

const ONE_WAY = {
  want: true,
  unwant: true,
  release: true,
  clear: true,
  watchNextHop: true,
  unwatchNextHop: true,
  watchAddresses: true,
} as const satisfies Partial<Record<keyof Dataplane, true>>

/** Whether a call of the dataplane has no answer. */
export function isOneWay(verb: string): boolean {
  return Object.hasOwn(ONE_WAY, verb)
}

/** Pseudo-random numbers, the same for the same seed (mulberry32), uniform in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
