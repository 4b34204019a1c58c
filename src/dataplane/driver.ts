import type { InterfaceAddress, Ip } from '../values/address.ts'
import type { Closable } from '../values/closable.ts'
import type { Mac } from '../values/mac.ts'
import type { Eventual } from './eventual.ts'
import type { KernelQueries, MaybeAsync } from './kernel-queries.ts'
import type { DeviceEntry, LinkEntry, TableEntry } from './kinds/index.ts'
import {
  ALIAS_PREFIX,
  type Encapsulation,
  type Entry,
  type FormerWork,
  type HeldSetting,
  type Interface,
  type NeighbourFamily,
} from './model.ts'
import type { Refusal, Refused } from './refusal.ts'

/** An interface with the properties that the reconciler compares. */
export interface Link extends Interface {
  /** Of a tunnel: its remote address. */
  readonly peer: Ip | null
  /** Of a tunnel that could be an owned one. */
  readonly encapsulation: Encapsulation | null
  /** Of a VRF. */
  readonly table: number | null
  /** Of a VXLAN device over IPv6: whether it takes packets with UDP checksum 0. */
  readonly takesZeroChecksums: boolean
  /** Whether the options that the model leaves out are as chanter sets them: a bridge without STP and forward delay, a VXLAN device that does not learn, a VRF that forwards, a tunnel that takes labels. */
  readonly tuned: boolean
  /** Of a bridge port. */
  readonly learning: boolean
  readonly neighSuppress: boolean
  /** Of a bridge port: whether its state and options let traffic pass and keep reserved group addresses from being passed up by it. */
  readonly forwarding: boolean
  /** Whether it has no carrier because another program asked for that (`ip link set protodown on`). */
  readonly protoDown: boolean
  /** Of a bridge: whether it filters VLANs, in which case entries without a VLAN belong to none. */
  readonly filtersVlans: boolean
  /** Id of the XDP program on an interface; null for none. */
  readonly xdpProgram: number | null
  /** Of a VRF port: whether it is set as wanted (an external one forwards and answers for others, an owned one answers for itself); null for no VRF port. */
  readonly routing: boolean | null
}

/** The counters of a device since its creation. */
export interface Counters {
  /** Frames received; of a bridge those that it passes up to itself: broadcast, multicast, and unicast to its own address. */
  readonly received: number
  /** Multicast frames among them, without broadcast. */
  readonly multicast: number
  /** Whether a bridge passes up all other unicast too, as it does for tcpdump. */
  readonly promiscuous: boolean
}

/** A neighbour table of the kernel, which all network namespaces share. */
export interface NeighbourTable {
  readonly family: NeighbourFamily
  /** How many new neighbours it has refused since the start of the kernel, being full. */
  readonly refused: number
  /** The number of entries that it takes (`gc_thresh3`), not counting permanent ones and those with `extern_learn`. */
  readonly limit: number
}

/** An observed entry. */
export interface ObservedEntry<E extends TableEntry = TableEntry> {
  readonly entry: E
  /** Whether it carries our mark: `extern_learn`, or our protocol number. */
  readonly marked: boolean
  /** Of a local MAC: whether another program set it permanently (`static`), which serves as well as an owned entry. */
  readonly external?: boolean
  /**
   * Of an entry that is several things in the kernel: whether the kernel holds, or a notification reports, only one of them. The entry then names
   * that part, and nothing else.
   */
  readonly isPartial?: boolean
  /** Whether setting the entry does not change it: it has to be removed before. */
  readonly isStuck?: boolean
  /** Of a bridge's entry: whether it only lacks what the second of two messages sets. */
  readonly isHalfSet?: boolean
  /** Of an address: whether it is as bagpipe-bgp sets that of a gateway on a port, with a broadcast address. */
  readonly isLeft?: boolean
  /** Of a flood entry: the list of its device lacks our mark, since another program began it. */
  readonly inUnmarkedList?: boolean
}

/** Something owned in the kernel, in words, and how to remove it; `remove` answers why it was refused, if it was. */
export interface OwnedObject {
  readonly what: string
  remove(): Eventual<Refusal | null>
}

/** Receives all changes in the kernel, those of this process included. */
export interface ChangeListener {
  /** An interface came, went or changed; ask for it. */
  linkChanged(device: string): void
  /** An interface went down, changed its master, lost its carrier or an address: the kernel may have dropped entries that need it without a notification. */
  linkDisrupted(device: string): void
  /** An entry was set or removed; it is not a bridge's, which holds each MAC once. */
  entryChanged(observed: ObservedEntry, present: boolean): void
  /** The bridge put a MAC behind this port, or dropped it there: the MAC is behind no other port. */
  fdbChanged(bridge: string, observed: ObservedEntry, present: boolean): void
  /** External routes changed: the answer of `nextHopTo` may be outdated. */
  routesChanged(): void
  /** The node's addresses changed, or moved to other interfaces. */
  addressesChanged(): void
  /** Notifications were lost. */
  overrun(): void
}

/** The entries of a device, a chunk a step. A step may answer later: the next one is then taken after that. */
export type DumpSteps = Generator<Eventual<readonly ObservedEntry[]>, void>

/**
 * A kernel as the reconciler sees it. Each request, be it a change, a dump or a query, is answered at once or later.
 * - Each request is answered in the end, unless the driver is closed: with a rejected promise where the connection is lost.
 * - When a change is answered, a `link` asked for from then on shows its effect, and its notifications have been reported or are by `poll`.
 * - The answer to a query is what was true at some moment between the query and the answer. What changes after that moment is notified, where changes are.
 * - Of one device, one change is in flight at a time. Queries may be in flight beside it and beside each other, and may be answered in any order.
 * - After a lost connection the driver reports an `overrun`.
 * - Some members have no answer: `watch`, `poll`, `muteOwned`, `sweep` and `close` are orders. `programs` and `countsRemovals` are what the driver knows of itself.
 */
export interface Driver extends MaybeAsync<KernelQueries>, Closable {
  /** Starts to report changes to `listener`. */
  watch(listener: ChangeListener): void
  /** Reports at once the changes that happened before the call, as far as they have reached the driver. */
  poll(): void
  /**
   * Lets the driver drop notifications of bulk changes: of entries set with our mark while `sets` is on, and of entries with our mark
   * removed from some devices.
   */
  muteOwned(sets: boolean, removalsOf: readonly string[]): void
  /** Whether the driver counts the notifications of removals that it drops, and so may know that none of them was of another program's. */
  readonly countsRemovals: boolean
  /** Whether a notification of a removal by another program may have been dropped, from a device that is or was muted, since the last such question. */
  missedRemovals(device: string): Eventual<boolean>
  /** Creates or replaces entries, each independently of the others; a route with some refused hops is set with the remaining ones. */
  set(entries: readonly TableEntry[]): Eventual<Refused>
  /** Removes entries; removing an absent one is a success. */
  remove(entries: readonly TableEntry[]): Eventual<Refused>
  /**
   * Creates or changes an owned link (a new one stays down), isolates a bridge, or enslaves a port and sets it up; answers
   * why it was refused, if it was.
   */
  setDevice(entry: DeviceEntry): Eventual<Refusal | null>
  /** Gives a renamed owned link its name back; undefined where there is none. */
  reclaim(entry: LinkEntry): Eventual<Link | undefined>
  /** Renames an owned link, up or down; answers whether it has the name now. Before 6.2 Linux renames no link that is up. */
  rename(device: string, name: string): Eventual<boolean>
  /** Sets a link up; call it when the link is enslaved. */
  setUp(device: string): Eventual<Refusal | null>
  /**
   * Deletes an owned link, or takes a port out of its bridge or VRF if it is in it, and leaves it down. `enslaved`: index of the interface that was the
   * port; it goes down even if another program has taken it out.
   */
  removeDevice(entry: DeviceEntry, enslaved?: number | null): Eventual<Refusal | null>
  /** Deletes owned links, as `removeDevice` does one, with as few requests as the kernel allows. */
  removeLinks(entries: readonly LinkEntry[]): Eventual<Refused>
  link(name: string): Eventual<Link | undefined>
  /** The present name of the interface of that index; undefined where there is none. */
  nameOf(index: number): Eventual<string | undefined>
  /** Whether a bridge is isolated as far as that is possible. */
  isIsolated(bridge: Link): Eventual<boolean>
  /** Ids of owned XDP programs that isolate bridges, by which a later process recognises them. */
  readonly programs: readonly number[]
  /** Missing protections between VRFs and the host, in sentences. */
  vrfGaps(): Eventual<readonly string[]>
  /** What hinders the traffic of owned bridges, VXLAN devices and tunnels and is not repaired, in sentences. */
  vxlanGaps(): Eventual<readonly string[]>
  /** Which of some addresses packets from `local` do not reach, for want of a route or because of one that drops them, each with the reason; none where `local` is on no interface. */
  withoutPath(addresses: readonly Ip[], local: Ip): Eventual<ReadonlyMap<Ip, string>>
  /** The addresses of external interfaces that are in no VRF. */
  nodeAddresses(): Eventual<readonly InterfaceAddress[]>
  /** The devices enslaved to a bridge or VRF. */
  portsOf(master: string): Eventual<readonly Link[]>
  /** The devices enslaved to owned links, as last reported. */
  portsOfOwned(): Eventual<readonly Link[]>
  /** The counters of those devices that exist. */
  counters(devices: readonly string[]): Eventual<ReadonlyMap<string, Counters>>
  neighbourTables(): Eventual<readonly NeighbourTable[]>
  /** By interface of this network namespace, how many entries it has that count towards the limit of the table of that family. */
  neighbourCounts(family: NeighbourFamily): Eventual<ReadonlyMap<string, number>>
  /** The links that carry our mark. */
  ownedLinks(): Eventual<readonly Link[]>
  /** The node settings that an entry needs. */
  settingsFor(entry: Entry): Eventual<readonly HeldSetting[]>
  /** Dumps all entries of one device; they may change meanwhile. */
  dump(device: string): DumpSteps
  /** The desired state is complete: owned objects that no entry names and nothing uses may be removed. */
  sweep(): void
  /** Owned objects that no entry names. */
  otherOwned(): Eventual<readonly OwnedObject[]>
}

export function isOwned({ owned }: Pick<Interface, 'owned'>): boolean {
  return owned
}

export function isMarked({ alias }: Pick<Interface, 'alias'>): boolean {
  return alias?.startsWith(ALIAS_PREFIX) ?? false
}

/** The all-zero MAC, under which a VXLAN device keeps its flood list. */
export const ZERO_MAC: Mac = 0

/** For a process that knows nothing of earlier ones. */
export const NO_FORMER_WORK: FormerWork = { programs: [], links: [] }
