import type { Ip } from '../../src/values/address.ts'
import type { Traits, Wish } from './networks.ts'

export type Wire = readonly [Ip, Ip]

/** How the underlay leads to an address: straight, through a router, by a label-switched path, or by an interface without MPLS. */
export const PATHS = ['straight', 'router', 'label-switched', 'elsewhere'] as const
export const DEEDS = ['delete', 'overrun', 'release', 'empty-ip', 'empty-bridge'] as const
export const MORE_DEEDS = ['down', 'unmark', 'squat'] as const

/** What happens to a network, as data; nodes and reflectors by their number. Where it finds nothing to happen to, nothing does. */
export type Event =
  | { readonly kind: 'attach' | 'detach'; readonly node: number; readonly wish: Wish }
  | { readonly kind: 'leave'; readonly node: number; readonly network: string }
  | Move
  | { readonly kind: 'retarget'; readonly node: number; readonly network: string; readonly traits: Traits }
  | RestartNode
  /** Without end where `downMs` is null. */
  | { readonly kind: 'restart-reflector'; readonly reflector: number; readonly downMs: number | null }
  | { readonly kind: 'cut'; readonly wire: Wire; readonly forGood: boolean }
  | { readonly kind: 'mend'; readonly wires: readonly Wire[] }
  | { readonly kind: 'reset'; readonly wire: Wire }
  | { readonly kind: 'slow'; readonly wire: Wire; readonly latencyMs: number }
  | Meddle
  | { readonly kind: 'refuse'; readonly node: number; readonly count: number }
  | { readonly kind: 'refresh'; readonly wire: Wire; readonly family: number }
  | Reroute
  | NewPort
  | Disconnect

/** A VM migrates: it is attached at its new place before or after it is detached at the old one. */
export interface Move {
  readonly kind: 'move'
  readonly from: number
  readonly to: number
  readonly wish: Wish
  /** At its new place. */
  readonly next: Wish
  readonly detachesFirst: boolean
  readonly handOverMs: number
}

export interface RestartNode {
  readonly kind: 'restart-node'
  readonly node: number
  readonly gracefully: boolean
  readonly downMs: number
  /** It comes back with another tunnel address. */
  readonly moves: boolean
  /** It comes back with an older state file: 1 is the oldest that there was. */
  readonly backup?: number
}

/** The interface of a VM is made anew: `link` of 1 chooses among them. */
export interface NewPort {
  readonly kind: 'new-port'
  readonly node: number
  readonly link: number
  readonly afterMs: number
}

/** The kernel gives no answers for a while. */
export interface Disconnect {
  readonly kind: 'disconnect'
  readonly node: number
}

/** Drift: `link` of 1 chooses among the owned links. */
export interface Meddle {
  readonly kind: 'meddle'
  readonly node: number
  readonly link: number
  readonly deed: (typeof DEEDS)[number] | (typeof MORE_DEEDS)[number]
}

export interface Reroute {
  readonly kind: 'reroute'
  readonly node: number
  readonly to: number
  readonly path: (typeof PATHS)[number]
}

export type TimedEvent = Event & { readonly atMs: number }
