import type { Link, ObservedEntry } from '../../driver.ts'
import type { TableEntry } from '../../kinds/index.ts'
import type { Refusal, Refused } from '../../refusal.ts'
import type { RawAddress, RawRoute, RouteDirectory } from '../decode-ip.ts'
import type { Directory, NeighbourMessage, RawNeighbour } from '../decode-neighbour.ts'
import type { Batch, Target } from '../encode.ts'
import type { Fdb } from '../fdb.ts'
import type { Fou } from '../fou.ts'
import type { Links } from '../links.ts'
import type { NetlinkMessage } from '../message.ts'
import type { Multipath } from '../multipath.ts'
import type { OwnRoutes } from '../own-routes.ts'
import type { Requests } from '../requests.ts'
import type { Routes } from '../routes.ts'
import type { Setting, Sysctls } from '../sysctl.ts'

/** The index of an existing interface. */
export type IndexOf = (device: string) => number

/** The tools for changing entries. */
export interface Kernel {
  readonly requests: Requests
  readonly links: Links
  readonly sysctls: Sysctls
  readonly multipath: Multipath
  readonly routes: Routes
  readonly fou: Fou
  readonly fdb: Fdb
  readonly ownRoutes: OwnRoutes
  readonly indexOf: IndexOf
}

/** The tools for dumping entries. */
export interface Sources {
  readonly fou: Fou
  readonly routes: Routes
  readonly ownRoutes: OwnRoutes
  /** Reads a message of a dump. */
  readonly neighbour: (message: NetlinkMessage) => ObservedEntry | undefined
  readonly address: (message: NetlinkMessage) => ObservedEntry | undefined
}

/** Observed entries, a chunk a step. */
export type Steps = Generator<readonly ObservedEntry[], void>

/** How entries of one kind are set, removed and dumped in Linux; `P` is the prepared data of a batch. */
export interface LinuxDefinition<E extends TableEntry, P = unknown> {
  readonly kind: E['kind']
  /** Writes the message that sets it; absent where no message does. */
  encode?(batch: Batch, entry: E, target: Target, indexOf: IndexOf): void
  /** Writes the message that removes it. */
  encodeRemoval?(batch: Batch, entry: E, target: Target): void
  /** Reads or creates the prerequisites of a batch's entries of the kind, before the first is set. */
  prepare?(entries: readonly TableEntry[], kernel: Kernel): P
  /** Sets it, if `encode` alone does not; returns why it cannot be set, if so. */
  set?(entry: E, link: Link, kernel: Kernel, prepared: P, position: number): Refusal | null
  /** After all of a batch was sent: adds to `refused`, by the positions in the batch. */
  conclude?(entries: readonly TableEntry[], kernel: Kernel, prepared: P, refused: Map<number, Refusal>): void
  /** Removes it, if `encodeRemoval` alone does not; returns why it cannot be removed, if so. */
  remove?(entry: E, link: Link, kernel: Kernel): Refusal | null
  /** After a batch of removals was sent. */
  concludeRemoval?(entries: readonly TableEntry[], kernel: Kernel, refused: Refused): void
  /** A better reason than the kernel's for its refusal to set the entry, where there is one. */
  explain?(refusal: Refusal, entry: E): Refusal | null
  /** Writes the message that removes it where the kernel refused the other one. */
  encodeOtherRemoval?(batch: Batch, entry: E, target: Target): void
  /** Undefined where it is an entry of another kind. */
  readNeighbour?(raw: RawNeighbour, directory: Directory): NeighbourMessage | undefined
  readRoute?(raw: RawRoute, directory: RouteDirectory): ObservedEntry | undefined
  readAddress?(raw: RawAddress): ObservedEntry
  /** The node settings that it needs. */
  settingsFor?(entry: E): readonly Setting[]
  /** Dumps all entries of an interface; kinds that share a dump share the function. */
  dump?(link: Link, sources: Sources): Steps
}
