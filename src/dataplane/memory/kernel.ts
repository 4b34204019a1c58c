import { constants } from 'node:os'
import { ANY_IPV4, type InterfaceAddress, type Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import {
  type ChangeListener,
  type Counters,
  isMarked,
  isOwned,
  type Link,
  type ObservedEntry,
} from '../driver.ts'
import { kernelKind, type LinkEntry, type TableEntry } from '../kinds/index.ts'
import type { Flood, LocalMac, Neighbour, NextHop, Port, RemoteMac, Veth, VrfPort } from '../model.ts'
import { kernelRefusal, missing, ownAddress, RefusalError, taken, unbridged, unrouted } from '../refusal.ts'
import { MemoryIp } from './ip.ts'

type Held<E> = Map<Mac | string, { readonly entry: E; readonly marked: boolean }>

/** An interface with its kernel state. */
export interface MemoryLink extends Link {
  /** Of a bridge: which port each MAC is behind. */
  readonly fdb: Held<LocalMac>
  readonly remote: Held<RemoteMac>
  readonly floods: Held<Flood>
  readonly neighbours: Held<Neighbour>
}

type Notice = (listener: ChangeListener) => void

/** The part of Linux that the dataplane uses, as plain maps: what one request does to links and entries, and what it notifies. */
export class MemoryKernel {
  readonly links = new Map<string, MemoryLink>()
  readonly ip: MemoryIp
  /** The main table, as set by `setNextHop`. */
  readonly nextHops = new Map<Ip, NextHop>()
  /** Which interfaces have the node's addresses. */
  readonly holders = new Map<Ip, string>()
  /** The counters of devices; devices that are absent here have none. */
  readonly counters = new Map<string, Partial<Counters>>()
  /** The node's addresses, as last set by `setAddresses`. */
  addresses: readonly InterfaceAddress[] = []
  private readonly notify: (notice: Notice) => void
  private lastIndex = 0

  constructor(notify: (notice: Notice) => void) {
    this.notify = notify
    this.ip = new MemoryIp(
      (device) => this.links.get(device)?.up,
      (observed, present) => notify((listener) => listener.entryChanged(observed, present)),
    )
    this.addLink('lo', { up: true, ethernet: false, loopback: true })
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
      floods: new Map(),
      neighbours: new Map(),
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

  /** Renames an interface; its bridge's entries for it get the new name. */
  renameLink(name: string, to: string): void {
    const link = this.need(name)
    this.links.delete(name)
    this.links.set(to, { ...link, name: to })
    for (const { fdb } of this.links.values())
      for (const [mac, held] of fdb)
        if (held.entry.device === name) fdb.set(mac, { ...held, entry: { ...held.entry, device: to } })
    this.changed(name)
    this.changed(to)
  }

  deleteLink(name: string): void {
    const link = this.links.get(name)
    if (link === undefined) return
    this.enslave(name, null)
    for (const port of this.links.values()) if (port.master === name) this.enslave(port.name, null)
    for (const held of [link.remote, link.floods, link.neighbours]) {
      for (const key of held.keys()) this.drop<TableEntry>(held, key)
    }
    this.links.delete(name)
    this.ip.lose(name)
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
    const mac = entry.kind === 'veth' ? { mac: entry.mac } : {}
    const local = entry.kind === 'vxlan' ? { local: entry.local } : {}
    this.changeLink(entry.device, { alias: entry.alias, tuned: true, ...mtu, ...mac, ...local })
  }

  setPort({ device, bridge, given, learning, neighSuppress }: Port): void {
    this.need(device)
    if (this.need(bridge).kind !== 'bridge')
      throw new RefusalError(kernelRefusal(constants.errno.EINVAL, `${bridge} is no bridge`))
    this.move(device, bridge)
    if (!given) this.changeLink(device, { learning, neighSuppress })
  }

  setVrfPort({ device, vrf }: VrfPort): void {
    this.need(device)
    if (this.need(vrf).kind !== 'vrf') throw new RefusalError(unrouted(vrf))
    this.move(device, vrf)
    this.changeLink(device, { routing: true })
  }

  setUp(device: string): void {
    this.need(device)
    this.changeLink(device, { up: true })
  }

  /** An external device is up when it has come into a bridge or VRF. */
  private move(device: string, master: string): void {
    const before = this.need(device)
    if (before.master === master) return
    this.enslave(device, master)
    if (!isOwned(before)) this.changeLink(device, { up: true })
  }

  /** A port that leaves its bridge or VRF is down, unless it is an owned device. */
  release(device: string): void {
    if (!isOwned(this.need(device))) this.changeLink(device, { up: false })
    this.enslave(device, null)
  }

  setEntry(entry: TableEntry, marked: boolean): void {
    switch (entry.kind) {
      case 'local-mac':
        return this.bridge(entry, marked)
      case 'remote-mac': {
        const { remote, master } = this.need(entry.device)
        if (master !== null) this.bridge({ kind: 'local-mac', device: entry.device, mac: entry.mac }, marked)
        // Linux does not let an entry of a user take the mark
        return this.hold(remote, entry.mac, entry, marked && remote.get(entry.mac)?.marked !== false)
      }
      case 'flood':
        return this.hold(this.need(entry.device).floods, floodKey(entry), entry, marked)
      case 'neighbour':
        return this.hold(this.need(entry.device).neighbours, entry.ip, entry, marked)
      default: {
        this.need(entry.device)
        const refusal = this.ip.set(entry, marked)
        if (refusal !== null) throw new RefusalError(refusal)
      }
    }
  }

  removeEntry(entry: TableEntry): void {
    const link = this.links.get(entry.device)
    if (link === undefined) return
    switch (entry.kind) {
      case 'local-mac':
        return this.unbridge(entry.device, entry.mac)
      case 'remote-mac':
        this.unbridge(entry.device, entry.mac)
        return this.drop(link.remote, entry.mac)
      case 'flood':
        return this.drop(link.floods, floodKey(entry))
      case 'neighbour':
        return this.drop(link.neighbours, entry.ip)
      default:
        return this.ip.remove(entry)
    }
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
    if (entry.kind === 'veth') return this.addVeth(entry)
    if (entry.kind !== 'vxlan') {
      const none = { local: null, remote: null, table: null, encapsulation: null }
      const { local, remote, table, encapsulation } = { ...none, ...entry }
      this.addLink(entry.device, { kind: kernelKind(entry), local, peer: remote, table, encapsulation })
      return
    }
    const { vni, local, port } = entry
    for (const other of this.links.values()) {
      if (other.vni === vni && other.port === port) {
        throw new RefusalError(
          kernelRefusal(constants.errno.EEXIST, 'A VXLAN device with the specified VNI already exists'),
        )
      }
    }
    this.addLink(entry.device, { kind: 'vxlan', vni, local, port })
  }

  private addVeth({ device, peer, alias }: Veth): void {
    const before = this.links.get(peer)
    if (before !== undefined && !isOwned(before)) throw new RefusalError(taken(peer))
    this.deleteLink(peer)
    this.addLink(device, { kind: 'veth', pair: peer, alias })
    this.addLink(peer, { kind: 'veth', pair: device, alias })
  }

  private bridge(entry: LocalMac, marked: boolean): void {
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

  private unbridge(device: string, mac: Mac): void {
    const master = this.links.get(device)?.master
    const held = this.fdbAt(device, mac)
    if (!master || held === undefined) return
    this.need(master).fdb.delete(mac)
    this.notify((listener) => listener.fdbChanged(master, this.bridgedAs(held), false))
  }

  /** A bridge's entry as it is reported: behind a VXLAN device it is a part of a remote MAC. */
  bridgedAs({ entry, marked }: { readonly entry: LocalMac; readonly marked: boolean }): ObservedEntry {
    const { device, mac } = entry
    if (this.links.get(device)?.kind !== 'vxlan') return { entry, marked }
    return { ...partOf(device, mac, marked), ...(!marked && { isStuck: true }) }
  }

  private hold<E extends TableEntry>(held: Held<E>, key: Mac | string, entry: E, marked: boolean): void {
    held.set(key, { entry, marked })
    const isStuck = entry.kind === 'remote-mac' && !marked ? { isStuck: true } : {}
    this.notify((listener) => listener.entryChanged({ entry, marked, ...isStuck }, true))
  }

  private drop<E extends TableEntry>(held: Held<E>, key: Mac | string): void {
    const observed: ObservedEntry | undefined = held.get(key)
    if (observed === undefined) return
    held.delete(key)
    this.notify((listener) => listener.entryChanged(observed, false))
  }

  /** An interface goes down, if only for a moment. */
  private disrupt(name: string): void {
    this.ip.goDown(name)
    this.notify((listener) => listener.linkDisrupted(name))
  }

  private changed(name: string): void {
    this.notify((listener) => listener.linkChanged(name))
  }
}

function partOf(device: string, mac: Mac, marked: boolean): ObservedEntry {
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

export function floodKey({ dst, vni }: { dst: Ip; vni: number }): string {
  return `${dst}/${vni}`
}
