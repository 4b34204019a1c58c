import { ANY_IPV4 } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import type { ObservedEntry } from '../driver.ts'
import type { TableEntry, TableKind } from '../kinds/index.ts'
import type { LocalMac, RemoteMac } from '../model.ts'
import type { MemoryKernel, MemoryLink } from './kernel.ts'

/** How the kernel in memory holds a kind of entries that bridges have, or a part of them; all others are in `MemoryTables`. */
interface BridgedKind<E extends TableEntry> {
  set(entry: E, marked: boolean, link: MemoryLink, kernel: MemoryKernel): void
  remove(entry: E, link: MemoryLink, kernel: MemoryKernel): void
  /** Whether exactly this entry is held. */
  holds(entry: E, link: MemoryLink, kernel: MemoryKernel): boolean
}

const localMac: BridgedKind<LocalMac> = {
  set: (entry, marked, _link, kernel) => kernel.bridge(entry, marked),
  remove: ({ device, mac }, _link, kernel) => kernel.unbridge(device, mac),
  holds: ({ device, mac }, _link, kernel) => kernel.fdbAt(device, mac)?.marked === true,
}

/** An entry of the VXLAN device, and one of its bridge. */
const remoteMac: BridgedKind<RemoteMac> = {
  set(entry, marked, link, kernel) {
    const { device, mac } = entry
    const { remote, master } = link
    if (master !== null) kernel.bridge({ kind: 'local-mac', device, mac }, marked)
    // Linux does not let an entry of a user take the mark
    kernel.hold(link, entry, marked && remote.get(mac)?.marked !== false)
  },
  remove({ device, mac }, link, kernel) {
    kernel.unbridge(device, mac)
    kernel.drop(link, mac)
  },
  holds({ device, mac, dst, vni }, { remote, master }, kernel) {
    const held = remote.get(mac)?.entry
    const isInBridge = master === null || kernel.fdbAt(device, mac) !== undefined
    return isInBridge && held?.dst === dst && held.vni === vni
  },
}

const kinds: ReadonlyMap<TableKind, unknown> = new Map<TableKind, unknown>([
  ['local-mac', localMac],
  ['remote-mac', remoteMac],
])

/** Undefined: bridges have no part of it. Pass its methods only entries of its own kind. */
export function bridgedKind(kind: TableKind): BridgedKind<TableEntry> | undefined {
  return kinds.get(kind) as BridgedKind<TableEntry> | undefined
}

/** The bridge's half of a remote MAC. */
export function partOf(device: string, mac: Mac, marked: boolean): ObservedEntry {
  return { entry: { kind: 'remote-mac', device, mac, dst: ANY_IPV4, vni: 0 }, marked, isPartial: true }
}

/** Remote MACs as they are reported: one that its bridge does not have behind the device too is there in part. */
export function* remoteMacsOf(
  { name, master, remote }: MemoryLink,
  bridged: ReadonlyMap<Mac, boolean>,
): Generator<ObservedEntry, void> {
  for (const { entry, marked } of remote.values()) {
    const isBridged = bridged.get(entry.mac)
    const isStuck = marked ? {} : { isStuck: true }
    if (master === null || isBridged)
      yield { entry: marked ? entry : { ...entry, drift: {} }, marked, ...isStuck }
    else {
      const part = marked ? partOf(name, entry.mac, true) : { entry, marked, isPartial: true }
      yield { ...part, ...isStuck, ...(isBridged === false && { isStuck: true }) }
    }
  }
  for (const [mac, marked] of bridged)
    if (!remote.get(mac)?.marked && marked) yield partOf(name, mac, marked)
    else if (!remote.has(mac)) yield { ...partOf(name, mac, marked), isStuck: true }
}
