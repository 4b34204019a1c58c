import type { Clock } from '../../clock.ts'
import type { InterfaceAddress, Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import {
  type ChangeListener,
  type Counters,
  type Driver,
  isOwned,
  type Link,
  NO_FORMER_WORK,
  type ObservedEntry,
  type OwnedObject,
} from '../driver.ts'
import type { Eventual } from '../eventual.ts'
import type { DeviceEntry, LinkEntry, TableEntry } from '../kinds/index.ts'
import type { Entry, FormerWork, HeldSetting, Isolation, NeighbourFamily, NextHop } from '../model.ts'
import { missing, type Refusal, type Refused } from '../refusal.ts'
import { bridgeAddresses } from './bridge-addresses.ts'
import { Changer } from './change.ts'
import { DeviceChanger } from './change-device.ts'
import { countersOf } from './counters.ts'
import { dumpDevice } from './dump-device.ts'
import type { Resilience } from './encode-nexthop.ts'
import { ExternalRoutes } from './external-routes.ts'
import { Fdb } from './fdb.ts'
import { Fou } from './fou.ts'
import { BridgeIsolation } from './isolation.ts'
import { isTunnel } from './kinds/tunnel.ts'
import { Links } from './links.ts'
import { Monitor, type MonitorDependencies } from './monitor.ts'
import { Multipath } from './multipath.ts'
import { neighbourCounts, neighbourTables } from './neighbour-tables.ts'
import { type Ability, Nexthops } from './nexthops.ts'
import { nodeAddresses } from './node-addresses.ts'
import { OwnRoutes } from './own-routes.ts'
import { LinkRemover } from './remove-links.ts'
import { Requests } from './requests.ts'
import { Routes } from './routes.ts'
import { Rules } from './rules.ts'
import { Sysctls } from './sysctl.ts'
import { tunnelGaps } from './tunnel-gaps.ts'
import { vrfGaps } from './vrf-gaps.ts'

/** How often notifications are read where the caller does not poll. */
const POLL_MS = 50
const MONITOR_BUFFER_BYTES = 16 << 20
const RESILIENCE: Resilience = { idle: 60, unbalanced: 300 }

export interface LinuxDriverOptions {
  readonly clock: Clock
  /** Buffer size for notifications that are not read yet. */
  readonly monitorBufferBytes?: number
  /** When flows may move to an underused hop. */
  readonly resilience?: Resilience
  /** How ECMP routes are built; by default, the best that the kernel can do. */
  readonly ability?: Ability
  /** What earlier processes did in this kernel. */
  readonly former?: FormerWork
  /** Whether the caller calls `poll` whenever one of `descriptors` can be read; default no. */
  readonly isPolled?: boolean
  /** Whether the order of the node's routing rules is changed for VRFs, where necessary; default yes. */
  readonly managesRules?: boolean
  /** Whether to count muted removals, where the kernel permits that; default yes. */
  readonly countsRemovals?: boolean
}

/** The Linux kernel, in the network namespace of the creating thread. */
export class LinuxDriver implements Driver {
  private readonly clock: Clock
  private readonly monitoring: Pick<MonitorDependencies, 'bufferBytes' | 'countsRemovals'>
  private readonly isPolled: boolean
  private readonly requests = new Requests()
  private readonly questions = new Requests()
  private readonly deletions = new Requests()
  private readonly links: Links
  private readonly fdb: Fdb
  private readonly externalRoutes: ExternalRoutes
  private readonly isolation: BridgeIsolation
  private readonly rules: Rules
  private readonly sysctls = new Sysctls()
  private readonly fou = new Fou()
  private readonly multipath: Multipath
  private readonly routes: Routes
  private readonly ownRoutes: OwnRoutes
  private readonly changer: Changer
  private readonly remover: LinkRemover
  private readonly deviceChanger: DeviceChanger
  private monitor: Monitor | null = null
  private sweeping: Generator<undefined, void> | null = null
  private cancelPoll = () => {}

  constructor({
    clock,
    monitorBufferBytes = MONITOR_BUFFER_BYTES,
    resilience = RESILIENCE,
    ability,
    former = NO_FORMER_WORK,
    managesRules = true,
    isPolled = false,
    countsRemovals = true,
  }: LinuxDriverOptions) {
    this.clock = clock
    this.monitoring = { bufferBytes: monitorBufferBytes, countsRemovals }
    this.isPolled = isPolled
    this.rules = new Rules(this.requests, managesRules)
    this.links = new Links(
      this.questions,
      {
        isFiltered: (port) => isTunnel(port) || this.isolation.isPortDone(port.index),
        areRulesDone: () => this.rules.areDone,
      },
      former,
    )
    this.fdb = new Fdb(this.questions, this.links)
    this.externalRoutes = new ExternalRoutes(this.questions, this.links)
    const { requests, deletions, links, sysctls, rules } = this
    this.isolation = new BridgeIsolation({ requests, links, programs: former.programs })
    const { isolation } = this
    const multipath = new Multipath(new Nexthops({ requests, links, resilience, ability }), links)
    this.multipath = multipath
    this.routes = new Routes(links, multipath)
    this.ownRoutes = new OwnRoutes(this.questions)
    const { routes, fou, fdb, ownRoutes } = this
    this.changer = new Changer({ requests, links, sysctls, multipath, routes, fou, fdb, ownRoutes })
    this.remover = new LinkRemover({ requests, deletions, links, routes, multipath, isolation, rules })
    const { remover } = this
    this.deviceChanger = new DeviceChanger({ requests, links, sysctls, isolation, rules }, remover)
  }

  watch(listener: ChangeListener): void {
    const { links, routes, ownRoutes, multipath, isolation, monitoring } = this
    const { port } = this.requests
    const monitor = new Monitor({
      ...monitoring,
      links,
      routes,
      ownRoutes,
      multipath,
      isolation,
      listener,
      port,
    })
    this.monitor = monitor
    this.requests.sent = (batch, refused) => monitor.counter?.note(batch, refused)
    if (!this.isPolled) this.pollLater()
  }

  /** Descriptors that become readable when `poll` is due; none before it watches. */
  get descriptors(): readonly number[] {
    return this.monitor?.descriptors ?? []
  }

  /** Descriptors that become readable when a late answer is there. */
  get answerDescriptors(): readonly number[] {
    return [this.deletions.descriptor]
  }

  poll(): void {
    this.monitor?.poll()
  }

  muteOwned(sets: boolean, removalsOf: readonly string[]): void {
    this.monitor?.muteOwned(
      sets,
      removalsOf.flatMap((device) => this.links.lookUp(device)?.index ?? []),
    )
  }

  get countsRemovals(): boolean {
    return this.monitor?.counter != null
  }

  missedRemovals(device: string): boolean {
    const index = this.links.lookUp(device)?.index
    return index === undefined || this.monitor?.counter?.missed(index) !== false
  }

  set(entries: readonly TableEntry[]): Refused {
    return this.changer.set(entries)
  }

  remove(entries: readonly TableEntry[]): Refused {
    return this.changer.remove(entries)
  }

  setDevice(entry: DeviceEntry): Refusal | null {
    return this.deviceChanger.set(entry)
  }

  reclaim(entry: LinkEntry): Link | undefined {
    return this.deviceChanger.reclaim(entry)
  }

  rename(device: string, name: string): boolean {
    return this.deviceChanger.rename(device, name)
  }

  setUp(device: string): Refusal | null {
    return this.deviceChanger.setUp(device)
  }

  removeDevice(entry: DeviceEntry, enslaved: number | null = null): Refusal | null {
    return this.deviceChanger.remove(entry, enslaved)
  }

  removeLinks(entries: readonly LinkEntry[]): Eventual<Refused> {
    return this.remover.removeLater(entries)
  }

  isIsolated(bridge: Link): boolean {
    return this.isolation.isDone(bridge)
  }

  isolationOf(bridge: string): Isolation {
    const link = this.links.lookUp(bridge)
    return link === undefined ? { by: null, reason: missing(bridge).text } : this.isolation.of(link)
  }

  vrfGaps(): string[] {
    return [...vrfGaps(this.isolation, this.rules), ...this.routes.unmanaged.gaps()]
  }

  vxlanGaps(): string[] {
    return [...tunnelGaps(this.links, (ip) => this.holderOf(ip)), ...bridgeAddresses(this.links)]
  }

  /** Ids of owned XDP programs that may be on bridges. */
  get programs(): readonly number[] {
    return this.isolation.programs
  }

  link(name: string): Link | undefined {
    return this.links.get(name)
  }

  nameOf(index: number): string | undefined {
    return this.links.get(index)?.name
  }

  vxlanIn(bridge: string, vni: number): Link | undefined {
    const master = this.links.get(bridge)
    return master && this.links.all(master.index).find((link) => link.vni === vni)
  }

  isLabelTaken(label: number): boolean {
    return this.externalRoutes.isLabelTaken(label)
  }

  holderOf(ip: Ip): string | null {
    return this.externalRoutes.holderOf(ip)
  }

  ownAddressIn(bridge: string, mac: Mac): string | null {
    return this.fdb.ownAddressIn(bridge, mac)
  }

  vxlansOn(port: number): Link[] {
    return this.links.ofKind('vxlan').filter((link) => link.port === port)
  }

  isVniTaken(vni: number, port: number): boolean {
    return this.links.ofKind('vxlan').some((link) => link.port === port && link.vni === vni)
  }

  nextHopTo(ip: Ip): NextHop | null {
    return this.externalRoutes.nextHopTo(ip)
  }

  withoutPath(addresses: readonly Ip[], local: Ip): ReadonlyMap<Ip, string> {
    return this.externalRoutes.withoutPath(addresses, local)
  }

  isTableTaken(table: number): boolean {
    return this.externalRoutes.isTableTaken(table)
  }

  nodeAddresses(): readonly InterfaceAddress[] {
    return nodeAddresses(this.links)
  }

  portsOf(master: string): Link[] {
    const link = this.links.get(master)
    return link === undefined ? [] : this.links.all(link.index)
  }

  portsOfOwned(): Link[] {
    return this.links.portsOfOwned()
  }

  counters(devices: readonly string[]): Map<string, Counters> {
    return countersOf(this.questions, devices)
  }

  readonly neighbourTables = neighbourTables

  neighbourCounts(family: NeighbourFamily): Map<string, number> {
    return neighbourCounts(family, this.links)
  }

  ownedLinks(): Link[] {
    return this.links.all(null).filter(isOwned)
  }

  settingsFor(entry: Entry): readonly HeldSetting[] {
    const settings = this.sysctls.held(this.links.settingsFor(entry))
    return entry.kind === 'vrf' ? [...settings, this.rules.held()] : settings
  }

  *dump(device: string): Generator<readonly ObservedEntry[], void> {
    const link = this.links.get(device)
    const { links, routes, fou, ownRoutes } = this
    if (link !== undefined) yield* dumpDevice(link, { links, routes, fou, ownRoutes })
  }

  sweep(): void {
    this.sweeping?.return()
    const steps = this.multipath.sweep()
    this.sweeping = steps
    const step = () => {
      if (this.sweeping === steps && !steps.next().done) this.clock.soon(step)
    }
    step()
  }

  otherOwned(): readonly OwnedObject[] {
    return this.multipath.otherOwned()
  }

  close(): void {
    this.cancelPoll()
    this.sweeping?.return()
    this.sweeping = null
    this.monitor?.close()
    this.monitor = null
    this.requests.close()
    this.questions.close()
    this.deletions.close()
    this.fou.close()
    this.isolation.close()
  }

  private pollLater(): void {
    this.cancelPoll = this.clock.after(POLL_MS, () => {
      this.poll()
      this.pollLater()
    })
  }
}
