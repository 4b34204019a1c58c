import type { Clock } from '../../clock.ts'
import type { InterfaceAddress, Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import {
  type ChangeListener,
  type Counters,
  type Driver,
  isOwned,
  type Link,
  type ObservedEntry,
  type OwnedObject,
} from '../driver.ts'
import {
  type DeviceEntry,
  isPortEntry,
  type LinkEntry,
  type PortEntry,
  same,
  type TableEntry,
} from '../kinds/index.ts'
import { isPlaced, linkStep } from '../kinds/link-step.ts'
import type { Entry, HeldSetting, Isolation, NextHop, Port } from '../model.ts'
import { elsewhere, notOwned, type Refusal, RefusalError, type Refused, shared } from '../refusal.ts'
import { floodKey, MemoryKernel, remoteMacsOf } from './kernel.ts'

const CHUNK = 256
const NO_FRAMES: Counters = { received: 0, multicast: 0, promiscuous: false }

interface Fault {
  readonly matches: (op: 'set' | 'remove', entry: Entry) => boolean
  readonly refusal: Refusal
  left: number
}

export interface MemoryDriverOptions {
  /** Whether an interface of that name counts as existing although no call added it. */
  readonly pretend?: (name: string) => boolean
}

/** Linux dumps these only where they matter, on the ports of VRFs. */
const OF_PORTS: ReadonlySet<string> = new Set(['address', 'fixed-neighbour', 'proxy-neighbour'])

/** A kernel in memory: for tests, simulations, and the `dummy` dataplane driver of the configuration. */
export class MemoryDriver implements Driver {
  readonly kernel: MemoryKernel
  /** Of every bridge: there is no host to isolate it from. */
  isolation: Isolation = { by: null, reason: null }
  private readonly clock: Clock
  private readonly pretend: ((name: string) => boolean) | null
  private listener: ChangeListener | null = null
  private notices: ((listener: ChangeListener) => void)[] = []
  private faults: Fault[] = []

  constructor(clock: Clock, { pretend }: MemoryDriverOptions = {}) {
    this.clock = clock
    this.pretend = pretend ?? null
    this.kernel = new MemoryKernel((notice) => this.tell(notice))
  }

  /** Refuses to set or remove the next `times` entries that match. */
  fail(matches: Fault['matches'], refusal: Refusal, times = 1): void {
    this.faults.push({ matches, refusal, left: times })
  }

  /** Drops the pending notifications, and reports the loss. */
  overrun(): void {
    this.notices = []
    this.tell((listener) => listener.overrun())
  }

  /** Whether the kernel holds exactly this entry; of a remote MAC both halves, of a link the adjustable options too. */
  holds(entry: Entry): boolean {
    const link = this.kernel.links.get(entry.device)
    if (link === undefined) return false
    switch (entry.kind) {
      case 'bridge':
        return (
          link.kind === 'bridge' &&
          ((entry.given && !isOwned(link)) || (link.alias === entry.alias && link.up))
        )
      case 'vxlan':
        return (
          link.alias === entry.alias &&
          isUpInPlace(link) &&
          link.vni === entry.vni &&
          link.local === entry.local &&
          link.port === entry.port &&
          (entry.mtu === null || link.mtu === entry.mtu)
        )
      case 'vrf':
      case 'tunnel':
      case 'veth':
        return linkStep(entry, link).do === 'nothing' && isUpInPlace(link)
      case 'port':
      case 'vrf-port':
        return isPlaced(entry, link)
      case 'local-mac':
        return this.kernel.fdbAt(entry.device, entry.mac)?.marked === true
      case 'remote-mac': {
        const held = link.remote.get(entry.mac)?.entry
        const isInBridge = link.master === null || this.kernel.fdbAt(entry.device, entry.mac) !== undefined
        return isInBridge && held?.dst === entry.dst && held.vni === entry.vni
      }
      case 'flood':
        return link.floods.has(floodKey(entry))
      case 'neighbour': {
        const held = link.neighbours.get(entry.ip)?.entry
        return held !== undefined && same(held, entry)
      }
      default: {
        const held = this.kernel.ip.get(entry)
        return held !== undefined && same(held, entry)
      }
    }
  }

  watch(listener: ChangeListener): void {
    this.listener = listener
    this.notices = []
  }

  poll(): void {
    const { notices, listener } = this
    this.notices = []
    if (listener !== null) for (const notice of notices) notice(listener)
  }

  muteOwned(): void {}

  set(entries: readonly TableEntry[]): Refused {
    return this.each(entries, (entry) => this.carryOut('set', entry, () => this.setEntry(entry)))
  }

  remove(entries: readonly TableEntry[]): Refused {
    return this.each(entries, (entry) => this.carryOut('remove', entry, () => this.kernel.removeEntry(entry)))
  }

  setDevice(entry: DeviceEntry): Refusal | null {
    return this.carryOut('set', entry, () => (isPortEntry(entry) ? this.setPort(entry) : this.setLink(entry)))
  }

  reclaim(): undefined {}

  setUp(device: string): Refusal | null {
    this.kernel.setUp(device)
    return null
  }

  isIsolated(): boolean {
    return true
  }

  isolationOf(): Isolation {
    return this.isolation
  }

  readonly programs: readonly number[] = []

  vrfGaps(): readonly string[] {
    return []
  }

  vxlanGaps(): readonly string[] {
    return []
  }

  removeDevice(entry: DeviceEntry): Refusal | null {
    return this.carryOut('remove', entry, () => {
      if (isPortEntry(entry)) this.removePort(entry)
      else this.removeLink(entry)
    })
  }

  removeLinks(entries: readonly LinkEntry[]): Refused {
    return this.each(entries, (entry) => this.removeDevice(entry))
  }

  link(name: string): Link | undefined {
    if (this.pretend?.(name) && !this.kernel.links.has(name)) this.kernel.addLink(name, { up: true })
    return this.kernel.links.get(name)
  }

  nameOf(index: number): string | undefined {
    return [...this.kernel.links.values()].find((link) => link.index === index)?.name
  }

  vxlanIn(bridge: string, vni: number): Link | undefined {
    return [...this.kernel.links.values()].find((link) => link.master === bridge && link.vni === vni)
  }

  isLabelTaken(label: number): boolean {
    return this.kernel.ip.get({ kind: 'mpls', device: 'lo', label, hops: [] }) !== undefined
  }

  isTableTaken(table: number): boolean {
    return [...this.kernel.links.values()].some((link) => link.table === table)
  }

  holderOf(ip: Ip): string | null {
    return this.kernel.holders.get(ip) ?? null
  }

  ownAddressIn(bridge: string, mac: Mac): string | null {
    return this.kernel.ownAddressIn(bridge, mac)
  }

  vxlansOn(port: number): Link[] {
    return [...this.kernel.links.values()].filter((link) => link.kind === 'vxlan' && link.port === port)
  }

  nextHopTo(ip: Ip): NextHop | null {
    return this.kernel.nextHops.get(ip) ?? null
  }

  nodeAddresses(): readonly InterfaceAddress[] {
    return this.kernel.addresses
  }

  portsOf(master: string): Link[] {
    return [...this.kernel.links.values()].filter((link) => link.master === master)
  }

  counters(devices: readonly string[]): Map<string, Counters> {
    const { links, counters } = this.kernel
    return new Map(
      devices
        .filter((name) => links.has(name))
        .map((name) => [name, { ...NO_FRAMES, ...counters.get(name) }]),
    )
  }

  ownedLinks(): Link[] {
    return [...this.kernel.links.values()].filter(isOwned)
  }

  settingsFor(): readonly HeldSetting[] {
    return []
  }

  *dump(device: string): Generator<readonly ObservedEntry[], void> {
    const link = this.kernel.links.get(device)
    if (link === undefined) return
    const bridge = link.master === null ? undefined : this.kernel.links.get(link.master)
    const behind = [...(bridge?.fdb.values() ?? [])].filter(({ entry }) => entry.device === device)
    const macs = new Map(behind.map(({ entry, marked }) => [entry.mac, marked]))
    const isRouted = this.isRouted(link)
    const entries: ObservedEntry[] = [
      ...(link.kind === 'vxlan' ? remoteMacsOf(link, macs) : behind),
      ...link.floods.values(),
      ...link.neighbours.values(),
      ...this.kernel.ip.of(device, link.table),
    ].filter(({ entry }) => isRouted || !OF_PORTS.has(entry.kind))
    for (let i = 0; i < entries.length; i += CHUNK) yield entries.slice(i, i + CHUNK)
  }

  sweep(): void {}

  otherOwned(): readonly OwnedObject[] {
    return []
  }

  close(): void {
    this.listener = null
  }

  private each<E extends Entry>(entries: readonly E[], change: (entry: E) => Refusal | null): Refused {
    const refused = new Map<number, Refusal>()
    for (const [i, entry] of entries.entries()) {
      const refusal = change(entry)
      if (refusal !== null) refused.set(i, refusal)
    }
    return refused
  }

  private carryOut(op: 'set' | 'remove', entry: Entry, change: () => void): Refusal | null {
    const fault = this.faults.find(({ matches, left }) => left > 0 && matches(op, entry))
    if (fault !== undefined) {
      fault.left--
      return fault.refusal
    }
    try {
      change()
      return null
    } catch (error) {
      // on pretended interfaces nothing is refused
      if (error instanceof RefusalError) return this.pretend === null ? error.refusal : null
      throw error
    }
  }

  private setEntry(entry: TableEntry): void {
    const link = this.link(entry.device)
    if (this.pretend !== null && entry.kind === 'local-mac' && link?.master === null) return
    if ('hops' in entry) for (const hop of entry.hops) this.link(hop.device)
    this.kernel.setEntry(entry, true)
  }

  private setLink(entry: LinkEntry): void {
    const link = this.kernel.links.get(entry.device)
    if (link !== undefined && !isOwned(link)) throw new RefusalError(notOwned(link))
    this.kernel.setLink(entry)
  }

  private removeLink(entry: LinkEntry): void {
    const link = this.kernel.links.get(entry.device)
    if (link === undefined || !isOwned(link)) return
    const ports = [...this.kernel.links.values()].filter(({ master }) => master === entry.device)
    if (entry.kind === 'bridge' && entry.given && ports.length > 0)
      throw new RefusalError(
        shared(
          entry.device,
          ports.map(({ name }) => name),
        ),
      )
    if (link.table !== null) this.kernel.ip.clear(link.table)
    this.kernel.deleteLink(entry.device)
  }

  private setPort(entry: PortEntry): void {
    if (entry.kind === 'port') return this.setBridgePort(entry)
    this.link(entry.device)
    this.kernel.setVrfPort(entry)
  }

  private setBridgePort(entry: Port): void {
    const master = this.link(entry.device)?.master ?? null
    if (entry.given && master !== null && master !== entry.bridge)
      throw new RefusalError(elsewhere(entry.device, master))
    if (this.pretend !== null && this.link(entry.bridge)?.kind === null) {
      this.kernel.changeLink(entry.bridge, { kind: 'bridge' })
    }
    this.kernel.setPort(entry)
  }

  private removePort(entry: PortEntry): void {
    if (entry.kind === 'port') this.removeBridgePort(entry)
    else if (this.kernel.links.get(entry.device)?.master === entry.vrf) this.kernel.release(entry.device)
  }

  private removeBridgePort({ device, bridge, given }: Port): void {
    const master = this.kernel.links.get(bridge)
    if (this.kernel.links.get(device)?.master !== bridge) return
    if (given && master !== undefined && !isOwned(master)) return
    this.kernel.release(device)
  }

  private isRouted({ master, table }: Link): boolean {
    return table !== null || (master !== null && (this.kernel.links.get(master)?.table ?? null) !== null)
  }

  private tell(notice: (listener: ChangeListener) => void): void {
    if (this.listener === null) return
    if (this.notices.length === 0) this.clock.soon(() => this.poll())
    this.notices.push(notice)
  }
}

/** A link that is not enslaved yet is down. */
function isUpInPlace({ up, master }: Link): boolean {
  return up || master === null
}
