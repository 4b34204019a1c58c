import { constants } from 'node:os'
import type { InterfaceAddress, Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import {
  type ChangeListener,
  type Counters,
  isMarked,
  isOwned,
  type Link,
  type NeighbourTable,
  type ObservedEntry,
} from '../driver.ts'
import {
  kernelKind,
  type LinkEntry,
  linkDefinition,
  masterOf,
  type PortEntry,
  portDefinition,
  same,
  type TableEntry,
} from '../kinds/index.ts'
import type { LocalMac, NextHop, RemoteMac } from '../model.ts'
import { kernelRefusal, missing, ownAddress, RefusalError, taken, unbridged } from '../refusal.ts'
import { bridgedKind, partOf } from './bridged.ts'
import { MemoryTables, type OwnEntry } from './tables.ts'

type Held<E> = Map<Mac, { readonly entry: E; readonly marked: boolean }>

/** An interface with its kernel state. */
export interface MemoryLink extends Link {
  /** Of a bridge: which port each MAC is behind. */
  readonly fdb: Held<LocalMac>
  readonly remote: Held<RemoteMac>
}

const NO_FRAMES: Counters = { received: 0, multicast: 0, promiscuous: false }

type Notice = (listener: ChangeListener) => void

/** The part of Linux that the dataplane uses, as plain maps: what one request does to links and entries, and what it notifies. */
export class MemoryKernel {
  readonly links = new Map<string, MemoryLink>()
  readonly tables: MemoryTables
  /** The main table, as set by `setNextHop`. */
  readonly nextHops = new Map<Ip, NextHop>()
  /** Why packets to an address are dropped. */
  readonly dropped = new Map<Ip, string>()
  /** Which interfaces have the node's addresses. */
  readonly holders = new Map<Ip, string>()
  /** The counters of devices; devices that are absent here have none. */
  readonly counters = new Map<string, Partial<Counters>>()
  neighbourTables: readonly NeighbourTable[] = []
  /** Of every neighbour table, its entries by interface. */
  neighbourCounts: ReadonlyMap<string, number> = new Map()
  /** The node's addresses, as last set by `setAddresses`. */
  addresses: readonly InterfaceAddress[] = []
  /** Devices whose marked entries go without a notification. */
  muted: ReadonlySet<string> = new Set()
  /** Devices of which such a notification was dropped. */
  readonly missed = new Set<string>()
  private readonly notify: (notice: Notice) => void
  private lastIndex = 0

  constructor(notify: (notice: Notice) => void) {
    this.notify = notify
    this.tables = new MemoryTables(
      (device) => this.links.get(device)?.up,
      (observed, present) => {
        if (present || !this.isMuted(observed)) notify((listener) => listener.entryChanged(observed, present))
      },
    )
    this.addLink('lo', { up: true, ethernet: false, loopback: true })
  }

  portsOfOwned(): Link[] {
    return [...this.links.values()].filter(({ master }) => this.links.get(master ?? '')?.owned === true)
  }

  countersOf(devices: readonly string[]): Map<string, Counters> {
    const present = devices.filter((name) => this.links.has(name))
    return new Map(present.map((name) => [name, { ...NO_FRAMES, ...this.counters.get(name) }]))
  }

  setNextHop(ip: Ip, nextHop: NextHop): void {
    this.nextHops.set(ip, nextHop)
    this.notify((listener) => listener.routesChanged())
  }

  setAddresses(addresses: readonly InterfaceAddress[]): void {
    this.addresses = addresses
    this.notify((listener) => listener.addressesChanged())
  }

  /** The interface, or a refusal. */
  need(name: string): MemoryLink {
    const link = this.links.get(name)
    if (link === undefined) throw new RefusalError(missing(name))
    return link
  }

  addLink(name: string, traits: Partial<Link> = {}): MemoryLink {
    const link: MemoryLink = {
      name,
      index: ++this.lastIndex,
      kind: null,
      alias: null,
      master: null,
      up: false,
      carrier: true,
      vni: null,
      mtu: 1500,
      local: null,
      port: null,
      peer: null,
      mac: null,
      ethernet: true,
      loopback: false,
      lower: null,
      flowBased: false,
      takesZeroChecksums: false,
      learns: false,
      pair: null,
      encapsulation: null,
      table: null,
      tuned: true,
      outdated: false,
      learning: true,
      neighSuppress: false,
      forwarding: true,
      xdpProgram: null,
      protoDown: false,
      filtersVlans: false,
      routing: null,
      owned: isMarked({ alias: null, ...traits }),
      ...traits,
      fdb: new Map(),
      remote: new Map(),
    }
    this.links.set(name, link)
    this.changed(name)
    return link
  }

  changeLink(name: string, traits: Partial<Link>): void {
    const before = this.need(name)
    const owned = before.owned || isMarked({ alias: null, ...traits })
    this.links.set(name, { ...before, ...traits, owned })
    if (before.up && traits.up === false) this.disrupt(name)
    this.changed(name)
  }

  /** Renames an interface, for its ports too; its bridge's entries for it get the new name. */
  renameLink(name: string, to: string): void {
    const link = this.need(name)
    this.links.delete(name)
    this.links.set(to, { ...link, name: to })
    for (const port of this.links.values())
      if (port.master === name) this.links.set(port.name, { ...port, master: to })
    for (const { fdb } of this.links.values())
      for (const [mac, held] of fdb)
        if (held.entry.device === name) fdb.set(mac, { ...held, entry: { ...held.entry, device: to } })
    this.tables.rename(name, to)
    this.changed(name)
    this.changed(to)
  }

  deleteLink(name: string): void {
    const link = this.links.get(name)
    if (link === undefined) return
    this.enslave(name, null)
    for (const port of this.links.values()) if (port.master === name) this.enslave(port.name, null)
    for (const mac of link.remote.keys()) this.drop(link, mac)
    this.links.delete(name)
    this.tables.lose(name)
    this.notify((listener) => listener.linkDisrupted(name))
    this.changed(name)
    if (link.pair !== null) this.deleteLink(link.pair)
  }

  /** Puts a port into a bridge or VRF, or with null out of its present one; it loses its bridge's entries, and everything that going down costs. */
  enslave(name: string, master: string | null): void {
    const before = this.need(name)
    if (before.master === master) return
    const bridge = before.master === null ? undefined : this.links.get(before.master)
    for (const [mac, { entry }] of bridge?.fdb ?? []) {
      if (entry.device === name) this.unbridge(name, mac as Mac)
    }
    const isVrf = [master, before.master].some(
      (each) => each !== null && this.links.get(each)?.kind === 'vrf',
    )
    if (isVrf && before.up) this.disrupt(name)
    const routing = master !== null && this.links.get(master)?.kind === 'vrf' ? false : null
    this.changeLink(name, { master, learning: true, neighSuppress: false, routing })
  }

  setLink(entry: LinkEntry): void {
    if (!this.links.has(entry.device)) this.createLink(entry)
    const mtu = 'mtu' in entry && entry.mtu !== null ? { mtu: entry.mtu } : {}
    const traits = linkDefinition(entry.kind).traits?.(entry)
    this.changeLink(entry.device, { ...traits, alias: entry.alias, tuned: true, ...mtu })
  }

  /** Enslaves a device; it is up when it has come into a bridge or VRF, unless it is an owned one. */
  setPort(entry: PortEntry): void {
    const { masterKind, notMaster, traits } = portDefinition(entry.kind)
    const master = masterOf(entry)
    const before = this.need(entry.device)
    if (this.need(master).kind !== masterKind)
      throw new RefusalError(
        notMaster?.(master) ?? kernelRefusal(constants.errno.EINVAL, `${master} is no ${masterKind}`),
      )
    this.enslave(entry.device, master)
    const isUp = before.up || (before.master !== master && !isOwned(before))
    this.changeLink(entry.device, { ...traits(entry), up: isUp })
  }

  setUp(device: string): void {
    this.need(device)
    this.changeLink(device, { up: true })
  }

  /** A port that leaves its bridge or VRF is down, unless it is an owned device. */
  release(device: string): void {
    if (!isOwned(this.need(device))) this.changeLink(device, { up: false })
    this.enslave(device, null)
  }

  setEntry(entry: TableEntry, marked: boolean): void {
    const link = this.need(entry.device)
    const kind = bridgedKind(entry.kind)
    if (kind !== undefined) return kind.set(entry, marked, link, this)
    const refusal = this.tables.set(entry as OwnEntry, marked)
    if (refusal !== null) throw new RefusalError(refusal)
  }

  removeEntry(entry: TableEntry): void {
    const link = this.links.get(entry.device)
    if (link === undefined) return
    const kind = bridgedKind(entry.kind)
    if (kind === undefined) this.tables.remove(entry as OwnEntry)
    else kind.remove(entry, link, this)
  }

  /** Whether exactly this entry is held; of a remote MAC both halves. */
  holds(entry: TableEntry): boolean {
    const link = this.links.get(entry.device)
    if (link === undefined) return false
    const kind = bridgedKind(entry.kind)
    if (kind !== undefined) return kind.holds(entry, link, this)
    const held = this.tables.get(entry as OwnEntry)
    return held !== undefined && same(held, entry)
  }

  /** The bridge's entry for a MAC, where it is behind `device`. */
  fdbAt(device: string, mac: Mac): { entry: LocalMac; marked: boolean } | undefined {
    const master = this.links.get(device)?.master
    const held = master ? this.links.get(master)?.fdb.get(mac) : undefined
    return held?.entry.device === device ? held : undefined
  }

  /** The bridge, or port of it, that has this address as its own. */
  ownAddressIn(bridge: string, mac: Mac): string | null {
    const own = [...this.links.values()].find(
      (link) => link.mac === mac && (link.name === bridge || link.master === bridge),
    )
    return own?.name ?? null
  }

  private createLink(entry: LinkEntry): void {
    const { traits, otherEnd } = linkDefinition(entry.kind)
    const kind = kernelKind(entry)
    const its = traits?.(entry) ?? {}
    for (const other of this.links.values())
      if (its.vni != null && other.vni === its.vni && other.port === its.port)
        throw new RefusalError(
          kernelRefusal(constants.errno.EEXIST, 'A VXLAN device with the specified VNI already exists'),
        )
    const end = otherEnd?.(entry)
    if (end !== undefined) this.addOtherEnd(entry, end)
    this.addLink(entry.device, { kind, ...its })
  }

  private addOtherEnd(entry: LinkEntry, end: string): void {
    const before = this.links.get(end)
    if (before !== undefined && !isOwned(before)) throw new RefusalError(taken(end))
    this.deleteLink(end)
    this.addLink(end, { kind: kernelKind(entry), pair: entry.device, alias: entry.alias })
  }

  /** Has the bridge of its device hold a MAC there. */
  bridge(entry: LocalMac, marked: boolean): void {
    const { master } = this.need(entry.device)
    if (master === null) throw new RefusalError(unbridged(entry.device))
    const own = marked ? this.ownAddressIn(master, entry.mac) : null
    if (own !== null) throw new RefusalError(ownAddress(entry.mac, own))
    const { fdb } = this.need(master)
    const before = fdb.get(entry.mac)
    if (before?.entry.device === entry.device && before.marked === marked) return
    fdb.set(entry.mac, { entry, marked })
    this.notify((listener) => listener.fdbChanged(master, this.bridgedAs({ entry, marked }), true))
  }

  unbridge(device: string, mac: Mac): void {
    const master = this.links.get(device)?.master
    const held = this.fdbAt(device, mac)
    if (!master || held === undefined) return
    this.need(master).fdb.delete(mac)
    if (!this.isMuted(held))
      this.notify((listener) => listener.fdbChanged(master, this.bridgedAs(held), false))
  }

  /** A bridge's entry as it is reported: behind a VXLAN device it is a part of a remote MAC. */
  bridgedAs({ entry, marked }: { readonly entry: LocalMac; readonly marked: boolean }): ObservedEntry {
    const { device, mac } = entry
    if (this.links.get(device)?.kind !== 'vxlan') return { entry, marked }
    return { ...partOf(device, mac, marked), ...(!marked && { isStuck: true }) }
  }

  /** Has a VXLAN device hold its entry for a MAC behind a VTEP. */
  hold({ remote }: MemoryLink, entry: RemoteMac, marked: boolean): void {
    remote.set(entry.mac, { entry, marked })
    const isStuck = marked ? {} : { isStuck: true }
    this.notify((listener) => listener.entryChanged({ entry, marked, ...isStuck }, true))
  }

  drop({ remote }: MemoryLink, mac: Mac): void {
    const observed: ObservedEntry | undefined = remote.get(mac)
    if (observed === undefined) return
    remote.delete(mac)
    if (!this.isMuted(observed)) this.notify((listener) => listener.entryChanged(observed, false))
  }

  private isMuted({ entry, marked }: ObservedEntry): boolean {
    const isMuted = marked && this.muted.has(entry.device)
    if (isMuted) this.missed.add(entry.device)
    return isMuted
  }

  /** An interface goes down, if only for a moment. */
  private disrupt(name: string): void {
    this.tables.goDown(name)
    this.notify((listener) => listener.linkDisrupted(name))
  }

  private changed(name: string): void {
    this.notify((listener) => listener.linkChanged(name))
  }
}
