import type { InterfaceAddress, Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { KernelQueries } from './kernel-queries.ts'
import type { DeviceEntry, LinkEntry, TableEntry } from './kinds/index.ts'
import {
  ALIAS_PREFIX,
  type Encapsulation,
  type Entry,
  type FormerWork,
  type HeldSetting,
  type Interface,
} from './model.ts'
import type { Refusal, Refused } from './refusal.ts'

/** An interface with what the reconciler compares. */
export interface Link extends Interface {
  /** Of a tunnel: the address of its other end. */
  readonly peer: Ip | null
  /** Of a tunnel that could be one of ours. */
  readonly encapsulation: Encapsulation | null
  /** Of a VRF. */
  readonly table: number | null
  /** Of a VXLAN device over IPv6: whether it takes packets with UDP checksum 0. */
  readonly takesZeroChecksums: boolean
  /** Whether the options that the model leaves out are as we set them: a bridge without STP and forward delay, a VXLAN device that does not learn, a VRF that forwards, a tunnel that takes labels. */
  readonly tuned: boolean
  /** Of a bridge port. */
  readonly learning: boolean
  readonly neighSuppress: boolean
  /** Of a bridge port: whether its state and all other options are such that traffic passes, and reserved group addresses do not come up by it. */
  readonly forwarding: boolean
  /** Whether it is without carrier since others want it so (`ip link set protodown on`). */
  readonly protoDown: boolean
  /** Of a bridge: whether it keeps VLANs apart, in which entries without one are of none. */
  readonly filtersVlans: boolean
  /** Id of the XDP program that an interface has; null for none. */
  readonly xdpProgram: number | null
  /** Of a VRF port: whether it forwards and answers for others, or as one of ours for none, as we set it; null for what is none. */
  readonly routing: boolean | null
}

/** What a device has counted since it was made. */
export interface Counters {
  /** Frames received; of a bridge those that it passes up to itself: broadcast, multicast, and unicast to its own address. */
  readonly received: number
  /** Multicast frames among them, without broadcast. */
  readonly multicast: number
  /** Whether a bridge passes up all other unicast too, as it does for tcpdump. */
  readonly promiscuous: boolean
}

/** An entry as the kernel holds it. */
export interface ObservedEntry<E extends TableEntry = TableEntry> {
  readonly entry: E
  /** Whether it carries our mark: `extern_learn`, or our protocol number. */
  readonly marked: boolean
  /** Of a local MAC: whether others have it there in a way that stays (`static`), which does as well as an entry of ours. */
  readonly external?: boolean
  /**
   * Whether the kernel holds a part of it alone, or a notification tells of a part alone: of an entry that is several things there. The entry then says
   * which one it is, and nothing else.
   */
  readonly isPartial?: boolean
  /** Whether setting the entry does not change it: it has to be removed before. */
  readonly isStuck?: boolean
  /** Of a flood entry: the list of its device has not our mark, since another program began it. */
  readonly inUnmarkedList?: boolean
}

/** Something of ours in the kernel, in words, and how to remove it; that answers with why it was refused, if it was. */
export interface OwnedObject {
  readonly what: string
  remove(): Refusal | null
}

/** Who is told what changed in the kernel, whoever changed it, ourselves included. */
export interface ChangeListener {
  /** An interface came, went or changed; ask for it. */
  linkChanged(device: string): void
  /** An interface went down, changed its master, lost its carrier or an address: entries that need it may be gone without a word. */
  linkDisrupted(device: string): void
  /** An entry was set, or is gone; it is none of a bridge's, which holds each MAC once. */
  entryChanged(observed: ObservedEntry, present: boolean): void
  /** The bridge put a MAC behind this port of it, or dropped it there: it is behind no other port. */
  fdbChanged(bridge: string, observed: ObservedEntry, present: boolean): void
  /** Others changed their routes: what `nextHopTo` answered may not be so any more. */
  routesChanged(): void
  /** The machine has other addresses, or has them on other interfaces. */
  addressesChanged(): void
  /** Something was missed. */
  overrun(): void
}

/** A kernel as the reconciler sees it. Calls return when the kernel has answered. */
export interface Driver extends KernelQueries {
  /** Starts to tell `observer` of changes. */
  watch(listener: ChangeListener): void
  /** Tells at once of the changes that happened before the call. */
  poll(): void
  /**
   * The observer need not hear of the echo of bulks of ours: of entries that are set with our mark while `sets` is on, and of those with our mark that are
   * removed from some devices.
   */
  muteOwned(sets: boolean, removalsOf: readonly string[]): void
  /** Creates or replaces entries, each whatever becomes of the others; a route that is refused for some of its hops goes by the others. */
  set(entries: readonly TableEntry[]): Refused
  /** Removes entries; it is a success where one is not there. */
  remove(entries: readonly TableEntry[]): Refused
  /**
   * Creates or changes a link of ours, still down where it is new, isolates a bridge, or puts a port into its place, where it is set up; answers with
   * why it was refused, if it was.
   */
  setDevice(entry: DeviceEntry): Refusal | null
  /** Gives a link of ours that was renamed its name back; undefined where there is none. */
  reclaim(entry: LinkEntry): Link | undefined
  /** Sets a link up; to be called when it is in its place. */
  setUp(device: string): Refusal | null
  /** Deletes a link if it is ours, or takes a port out of its bridge or VRF if it is in it, and leaves it down. */
  removeDevice(entry: DeviceEntry): Refusal | null
  /** Deletes links that are ours, as `removeDevice` does one, by as few requests as the kernel has for that. */
  removeLinks(entries: readonly LinkEntry[]): Refused
  link(name: string): Link | undefined
  /** What the interface of that index is called now; undefined where there is none. */
  nameOf(index: number): string | undefined
  /** Whether a bridge is isolated as far as that is possible. */
  isIsolated(bridge: Link): boolean
  /** Ids of programs of ours that isolate bridges, for a later process to know them by. */
  readonly programs: readonly number[]
  /** What is missing that keeps VRFs and the host apart, in sentences. */
  vrfGaps(): readonly string[]
  /** What VXLAN devices of ours lack that cannot be changed, in sentences. */
  vxlanGaps(): readonly string[]
  /** The addresses of interfaces that are in no VRF and that we did not make. */
  nodeAddresses(): readonly InterfaceAddress[]
  /** What is enslaved to a bridge or VRF. */
  portsOf(master: string): readonly Link[]
  /** The counters of devices, of those that exist. */
  counters(devices: readonly string[]): ReadonlyMap<string, Counters>
  /** The links that carry our mark. */
  ownedLinks(): readonly Link[]
  /** The settings of the machine that an entry needs. */
  settingsFor(entry: Entry): readonly HeldSetting[]
  /** Looks at all entries of one device, a chunk a step; the entries may change meanwhile. */
  dump(device: string): Generator<readonly ObservedEntry[], void>
  /** The desired state is complete: what of ours no entry tells of, and nothing uses, may go. */
  sweep(): void
  /** What of ours no entry tells of. */
  otherOwned(): readonly OwnedObject[]
  close(): void
}

export function isOwned({ owned }: Pick<Interface, 'owned'>): boolean {
  return owned
}

export function isMarked({ alias }: Pick<Interface, 'alias'>): boolean {
  return alias?.startsWith(ALIAS_PREFIX) ?? false
}

/** The all-zero MAC, under which a VXLAN device keeps whom it floods to. */
export const ZERO_MAC: Mac = 0

/** Nothing is known of earlier processes. */
export const NO_FORMER_WORK: FormerWork = { programs: [], links: [] }
