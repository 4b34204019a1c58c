import type { SpeakerConfig } from '../bgp/speaker.ts'
import type { Dataplane } from '../dataplane/model.ts'
import type { VpnConfig } from '../vpn/instances.ts'
import type { AttachRequest, DetachRequest } from '../vpn/request.ts'
import type { SavedState } from '../vpn/state.ts'

/** Of the format: a reader refuses others. */
export const RECORDING_VERSION = 1

/** What a daemon starts from: the first line of a recording, without keys of peers. */
export interface RecordingHeader {
  readonly type: 'header'
  readonly version: typeof RECORDING_VERSION
  readonly chanter: string
  /** When the recording began, in epoch milliseconds; all else counts from there. */
  readonly epoch: number
  /** Of the random numbers that sessions take. */
  readonly seed: number
  readonly speaker: SpeakerConfig
  readonly vpn: Omit<VpnConfig, 'lacks'>
  /** What it goes on from, and of another boot; null where there is none. */
  readonly state: SavedState | null
  readonly former: SavedState | null
}

/**
 * What reached the core from outside. A connection is named by its direction, the address of the other end and a number; octets are
 * base64. What the dataplane is asked for is named by the call and its arguments as JSON.
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
  /** What an operator tells a peer to do. */
  | { readonly type: 'order'; readonly peer: string; readonly action: string; readonly reason: string }
  | { readonly type: 'answer'; readonly call: string; readonly result?: unknown }
  | { readonly type: 'failure'; readonly call: string; readonly reason: string }
  /** The dataplane called back a function that it had been given. */
  | { readonly type: 'callback'; readonly call: string; readonly values: readonly unknown[] }

/** A line of a recording after the first; `at` is in milliseconds since it began. */
export type RecordedEvent = InputEvent & { readonly at: number }

/** How a call of the dataplane is named; functions among the arguments do not count. */
export function callName(verb: string, args: readonly unknown[]): string {
  return `${verb} ${JSON.stringify(args.filter((one) => typeof one !== 'function'))}`
}

const TELLING = {
  want: true,
  unwant: true,
  clear: true,
  watchNextHop: true,
  unwatchNextHop: true,
  watchAddresses: true,
} as const satisfies Partial<Record<keyof Dataplane, true>>

/** Whether the dataplane is told something and answers nothing. */
export function isTelling(verb: string): boolean {
  return Object.hasOwn(TELLING, verb)
}

/** Numbers that look random and are the same for the same seed (mulberry32), uniform in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}
