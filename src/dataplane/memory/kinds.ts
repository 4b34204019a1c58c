import { ANY_IPV4, type Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import type { ObservedEntry } from '../driver.ts'
import { same, type TableEntry, type TableKind } from '../kinds/index.ts'
import type { Flood, LocalMac, Neighbour, RemoteMac } from '../model.ts'
import type { MemoryKernel, MemoryLink } from './kernel.ts'

/** How the kernel in memory holds a kind of entries that belong to a link; all other kinds are in `MemoryIp`. */
interface MemoryKind<E extends TableEntry> {
  set(entry: E, marked: boolean, link: MemoryLink, kernel: MemoryKernel): void
  remove(entry: E, link: MemoryLink, kernel: MemoryKernel): void
  /** Whether exactly this entry is held. */
  holds(entry: E, link: MemoryLink, kernel: MemoryKernel): boolean
}

const localMac: MemoryKind<LocalMac> = {
  set: (entry, marked, _link, kernel) => kernel.bridge(entry, marked),
  remove: ({ device, mac }, _link, kernel) => kernel.unbridge(device, mac),
  holds: ({ device, mac }, _link, kernel) => kernel.fdbAt(device, mac)?.marked === true,
}

/** An entry of the VXLAN device, and one of its bridge. */
const remoteMac: MemoryKind<RemoteMac> = {
  set(entry, marked, { remote, master }, kernel) {
    const { device, mac } = entry
    if (master !== null) kernel.bridge({ kind: 'local-mac', device, mac }, marked)
    // Linux does not let an entry of a user take the mark
    kernel.hold(remote, mac, entry, marked && remote.get(mac)?.marked !== false)
  },
  remove({ device, mac }, { remote }, kernel) {
    kernel.unbridge(device, mac)
    kernel.drop(remote, mac)
  },
  holds({ device, mac, dst, vni }, { remote, master }, kernel) {
    const held = remote.get(mac)?.entry
    const isInBridge = master === null || kernel.fdbAt(device, mac) !== undefined
    return isInBridge && held?.dst === dst && held.vni === vni
  },
}

const flood: MemoryKind<Flood> = {
  set: (entry, marked, { floods }, kernel) => kernel.hold(floods, floodKey(entry), entry, marked),
  remove: (entry, { floods }, kernel) => kernel.drop(floods, floodKey(entry)),
  holds: (entry, { floods }) => floods.has(floodKey(entry)),
}

const neighbour: MemoryKind<Neighbour> = {
  set: (entry, marked, { neighbours }, kernel) => kernel.hold(neighbours, entry.ip, entry, marked),
  remove: ({ ip }, { neighbours }, kernel) => kernel.drop(neighbours, ip),
  holds(entry, { neighbours }) {
    const held = neighbours.get(entry.ip)?.entry
    return held !== undefined && same(held, entry)
  },
}

const kinds: ReadonlyMap<TableKind, unknown> = new Map<TableKind, unknown>([
  ['local-mac', localMac],
  ['remote-mac', remoteMac],
  ['flood', flood],
  ['neighbour', neighbour],
])

/** Undefined: the kind is held by `MemoryIp`. Pass its methods only entries of its own kind. */
export function memoryKind(kind: TableKind): MemoryKind<TableEntry> | undefined {
  return kinds.get(kind) as MemoryKind<TableEntry> | undefined
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

function floodKey({ dst, vni }: { dst: Ip; vni: number }): string {
  return `${dst}/${vni}`
}
