import type { DaemonEvent } from '../../events/event.ts'
import type { InterfaceAddress, Ip } from '../../values/address.ts'
import type { NeededSetting } from '../engine/settings.ts'
import type { Eventual } from '../eventual.ts'
import type { DataplaneQueries, MaybeAsync } from '../kernel-queries.ts'
import type { Entry, EntryStatus, FormerWork, NextHop, Verification } from '../model.ts'
import type { Answers, Lists } from '../view.ts'
import type { BellHandles } from './bell.ts'
import type { PackedEntries, PackedIdentities, PackedStatuses } from './packing.ts'

/** The start data of a forwarding thread. */
export interface ThreadOptions {
  /** What earlier processes did in this kernel. */
  readonly former: FormerWork
  readonly managesRules: boolean
  readonly resyncMs: number
}

export interface ThreadData {
  /** Rung after each order. */
  readonly bell: BellHandles
  readonly options: ThreadOptions
}

/** Queries of the thread; it answers in any order. */
export interface Calls extends MaybeAsync<DataplaneQueries>, Pick<Answers, 'counts' | 'find' | 'summary'> {
  settled(entries: readonly Entry[]): Promise<readonly EntryStatus[]>
  gone(entries: readonly Entry[]): Promise<void>
  rename(device: string, name: string): Eventual<boolean>
  verify(): Promise<Verification>
  /** Begins to walk a list; returns a number for it. */
  walk(list: keyof Lists, devices?: ReadonlySet<string>): number
  /** The next slice of it; null after the last. */
  slice(walk: number): Eventual<Slice | null>
  /** Ends a walk before its end. */
  abandon(walk: number): void
  stop(): Promise<void>
}

export type Call = keyof Calls
export type Result<C extends Call> = Awaited<ReturnType<Calls[C]>>

/** A slice of each list. Entries come by the hundred thousand. */
export interface Slices {
  readonly entries: PackedStatuses
  readonly failures: readonly EntryStatus[]
  readonly settings: readonly NeededSetting[]
}

export type Slice = Slices[keyof Slices]

/** What may become of an entry, each as the `Dataplane` does it. */
export const CHANGES = ['unwant', 'want', 'release'] as const
export type Change = (typeof CHANGES)[number]

/** To the thread; it acts on them in order. */
export type Order =
  /** Changes of the desired state: what becomes of each entry, as a position in `CHANGES`. */
  | { readonly do: 'change'; readonly entries: PackedEntries; readonly changes: Uint8Array }
  /** Entries that are unwanted, and no other changes. */
  | { readonly do: 'unwant'; readonly entries: PackedIdentities }
  | { readonly do: 'clear'; readonly entries: readonly Entry[] }
  | { readonly do: 'resync'; readonly ms: number }
  | { readonly do: 'start' | 'complete' | 'watchAddresses' }
  | { readonly do: 'watchNextHop' | 'unwatchNextHop'; readonly ip: Ip }
  | { readonly do: 'call'; readonly id: number; readonly call: Call; readonly args: readonly unknown[] }

/** From the thread. */
export type Report =
  | { readonly type: 'result'; readonly id: number; readonly result: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly reason: string }
  | { readonly type: 'next-hop'; readonly ip: Ip; readonly nextHop: NextHop | null }
  | { readonly type: 'addresses'; readonly addresses: readonly InterfaceAddress[] }
  /** A batch of changes. */
  | { readonly type: 'taken' }
  | { readonly type: 'programs'; readonly programs: readonly number[] }
  | { readonly type: 'events'; readonly events: readonly DaemonEvent[] }
