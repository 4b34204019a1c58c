import type { Clock } from '../../clock.ts'
import type { InterfaceAddress, Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import {
  type ChangeListener,
  type Counters,
  type Driver,
  isOwned,
  type Link,
  type NeighbourTable,
  type ObservedEntry,
  type OwnedObject,
} from '../driver.ts'
import {
  type DeviceEntry,
  isPortEntry,
  isTableEntry,
  type LinkEntry,
  linkDefinition,
  masterOf,
  type PortEntry,
  portDefinition,
  type TableEntry,
} from '../kinds/index.ts'
import { isExternal, isPlaced, linkStep } from '../kinds/link-step.ts'
import type { Entry, HeldSetting, Isolation, NextHop } from '../model.ts'
import { elsewhere, missing, notOwned, type Refusal, RefusalError, type Refused, shared } from '../refusal.ts'
import { remoteMacsOf } from './bridged.ts'
import { MemoryKernel } from './kernel.ts'

const CHUNK = 256

interface InjectedRefusal {
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
  /** Whether links can be renamed while they are up. */
  renames = true
  /** Whether it distinguishes muted removals by other programs from its own. */
  countsRemovals = true
  private readonly clock: Clock
  private readonly pretend: ((name: string) => boolean) | null
  private listener: ChangeListener | null = null
  private notices: ((listener: ChangeListener) => void)[] = []
  private faults: InjectedRefusal[] = []

  constructor(clock: Clock, { pretend }: MemoryDriverOptions = {}) {
    this.clock = clock
    this.pretend = pretend ?? null
    this.kernel = new MemoryKernel((notice) => this.notify(notice))
  }

  /** Refuses to set or remove the next `times` entries that match. */
  fail(matches: InjectedRefusal['matches'], refusal: Refusal, times = 1): void {
    this.faults.push({ matches, refusal, left: times })
  }

  /** Drops the pending notifications, and reports the loss. */
  overrun(): void {
    this.notices = []
    this.notify((listener) => listener.overrun())
  }

  /** Whether the kernel holds exactly this entry; of a remote MAC both halves, of a link the adjustable options too. */
  holds(entry: Entry): boolean {
    if (isTableEntry(entry)) return this.kernel.holds(entry)
    const link = this.kernel.links.get(entry.device)
    if (link === undefined) return false
    if (isPortEntry(entry)) return isPlaced(entry, link)
    // a link that is to be enslaved is down until then
    const mayBeDown = !isOwned(link) || (link.master === null && !linkDefinition(entry.kind).isBridge)
    return linkStep(entry, link).do === 'nothing' && (link.up || mayBeDown)
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

  muteOwned(_sets: boolean, removalsOf: readonly string[]): void {
    this.kernel.muted = new Set(removalsOf)
  }

  missedRemovals(device: string): boolean {
    return this.kernel.missed.delete(device) || !this.countsRemovals
  }

  set(entries: readonly TableEntry[]): Refused {
    return this.each(entries, (entry) => this.carryOut('set', entry, () => this.setEntry(entry)))
  }

  remove(entries: readonly TableEntry[]): Refused {
    return this.each(entries, (entry) => this.carryOut('remove', entry, () => this.removeEntry(entry)))
  }

  setDevice(entry: DeviceEntry): Refusal | null {
    return this.carryOut('set', entry, () => (isPortEntry(entry) ? this.setPort(entry) : this.setLink(entry)))
  }

  reclaim(): undefined {}

  rename(device: string, name: string): boolean {
    if (!this.renames || !this.kernel.links.has(device) || this.kernel.links.has(name)) return false
    this.kernel.renameLink(device, name)
    return true
  }

  setUp(device: string): Refusal | null {
    if (!this.kernel.links.has(device)) return missing(device)
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
    return this.kernel.tables.get({ kind: 'mpls', device: 'lo', label, hops: [] }) !== undefined
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

  isVniTaken(vni: number, port: number): boolean {
    return this.vxlansOn(port).some((link) => link.vni === vni)
  }

  nextHopTo(ip: Ip): NextHop | null {
    return this.kernel.nextHops.get(ip) ?? null
  }

  withoutPath(addresses: readonly Ip[]): ReadonlyMap<Ip, string> {
    return new Map([...this.kernel.dropped].filter(([ip]) => addresses.includes(ip)))
  }

  nodeAddresses(): readonly InterfaceAddress[] {
    return this.kernel.addresses
  }

  portsOf(master: string): Link[] {
    return [...this.kernel.links.values()].filter((link) => link.master === master)
  }

  readonly portsOfOwned = (): Link[] => this.kernel.portsOfOwned()

  counters(devices: readonly string[]): Map<string, Counters> {
    return this.kernel.countersOf(devices)
  }

  readonly neighbourTables = (): readonly NeighbourTable[] => this.kernel.neighbourTables

  readonly neighbourCounts = (): ReadonlyMap<string, number> => this.kernel.neighbourCounts

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
      ...this.kernel.tables.of(device, link.table),
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
    this.link(entry.device)
    if ('hops' in entry) for (const hop of entry.hops) this.link(hop.device)
    this.kernel.setEntry(entry, true)
  }

  private removeEntry(entry: TableEntry): void {
    const { kernel } = this
    const isMissed = kernel.missed.has(entry.device)
    kernel.removeEntry(entry)
    if (!isMissed) kernel.missed.delete(entry.device)
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
    if (isExternal(entry) && ports.length > 0)
      throw new RefusalError(
        shared(
          entry.device,
          ports.map(({ name }) => name),
        ),
      )
    if (link.table !== null) this.kernel.tables.clear(link.table)
    this.kernel.deleteLink(entry.device)
  }

  private setPort(entry: PortEntry): void {
    const wanted = masterOf(entry)
    const master = this.link(entry.device)?.master ?? null
    if (isShared(entry) && master !== null && master !== wanted && this.link(master)?.owned !== true)
      throw new RefusalError(elsewhere(entry.device, master))
    if (this.pretend !== null && this.link(wanted)?.kind === null)
      this.kernel.changeLink(wanted, { kind: portDefinition(entry.kind).masterKind })
    this.kernel.setPort(entry)
  }

  private removePort(entry: PortEntry): void {
    const master = this.kernel.links.get(masterOf(entry))
    if (master === undefined || this.kernel.links.get(entry.device)?.master !== master.name) return
    if (isShared(entry) && !isOwned(master)) return
    this.kernel.release(entry.device)
  }

  private isRouted({ master, table }: Link): boolean {
    return table !== null || (master !== null && (this.kernel.links.get(master)?.table ?? null) !== null)
  }

  private notify(notice: (listener: ChangeListener) => void): void {
    if (this.listener === null) return
    if (this.notices.length === 0) this.clock.soon(() => this.poll())
    this.notices.push(notice)
  }
}

/** Whether another program may have enslaved it. */
function isShared(entry: PortEntry): boolean {
  return 'external' in entry && entry.external
}
