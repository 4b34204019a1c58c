import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import type { InterfaceAddress, Ip } from '../../values/address.ts'
import type { Closable } from '../../values/closable.ts'
import type { Key } from '../../values/key-map.ts'
import type { Driver } from '../driver.ts'
import { type Eventual, gathered, takeSteps, whenAnswered } from '../eventual.ts'
import type { NamedTable } from '../kernel-queries.ts'
import type { TableKind } from '../kinds/index.ts'
import type {
  Dataplane,
  Entry,
  EntryStatus,
  Interface,
  Isolation,
  NextHop,
  Status,
  TightUnderlay,
} from '../model.ts'
import { type PortQuestion, type PortSurvey, survey } from '../survey.ts'
import { DesiredState } from './desired-state.ts'
import type { Device } from './device.ts'
import { Devices } from './devices.ts'
import { Drift } from './drift.ts'
import { Exceptions } from './exceptions.ts'
import { externalVxlanGaps } from './external-vxlans.ts'
import { NeighbourTables } from './neighbour-tables.ts'
import { NodeAddresses } from './node-addresses.ts'
import { Notices } from './notices.ts'
import { Overruns } from './overruns.ts'
import { Resync } from './resync.ts'
import type { Rounds } from './rounds.ts'
import { type NeededSetting, neededSettings } from './settings.ts'
import { staleDevices } from './stale-devices.ts'
import { Statuses } from './statuses.ts'
import { Storms } from './storms.ts'
import { strayPortGaps } from './stray-ports.ts'
import { tightUnderlays } from './tight-underlays.ts'
import { TunnelPaths } from './tunnel-paths.ts'
import { Turns } from './turns.ts'
import { Underlay } from './underlay.ts'
import { unmanagedGaps } from './unmanaged.ts'
import { Verifier } from './verifier.ts'
import { vrfLeftWith } from './vrf-left.ts'
import { Waiters } from './waiters.ts'
import { Work } from './work.ts'

export interface ReconcilerDependencies {
  readonly clock: Clock
  readonly driver: Driver
  readonly events: EventSink
  /** How often the kernel is compared with the desired state without a notification; 0 or absent: never. */
  readonly resyncMs?: number
}

/** The forwarding loop: makes the kernel equal to the desired state, and keeps it so. */
export class Reconciler implements Dataplane {
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly exceptions: Exceptions
  private readonly devices: Devices
  private readonly notices: Notices
  private readonly desired: DesiredState
  readonly statuses: Statuses
  readonly drift: Drift
  private readonly work: Work
  readonly verifier: Verifier
  readonly storms: Storms
  readonly neighbourTables: NeighbourTables
  private readonly tunnelPaths: TunnelPaths
  /** What looks at the kernel at intervals. */
  private readonly watches: readonly Pick<Rounds, 'start' | 'stop'>[]
  private readonly resync: Resync
  private readonly underlay: Underlay
  private readonly nodeAddresses: NodeAddresses
  private readonly overruns: Overruns
  private readonly waiters: Waiters
  private readonly turns: Turns

  constructor({ clock, driver, events, resyncMs = 0 }: ReconcilerDependencies) {
    this.clock = clock
    this.driver = driver
    const schedule = () => this.turns.schedule()
    this.underlay = new Underlay(clock, driver)
    this.nodeAddresses = new NodeAddresses(clock, driver, events)
    this.overruns = new Overruns(clock, events, () => {
      this.devices.doubt()
      schedule()
    })
    this.drift = new Drift(clock, events)
    const { drift } = this
    this.exceptions = new Exceptions(clock, (entry) => this.desired.retry(entry), drift, events)
    const { exceptions } = this
    this.devices = new Devices({
      clock,
      driver,
      events,
      exceptions,
      released: (device) => {
        this.work.add(device)
        schedule()
      },
      wake: () => {
        // the next links may take long
        this.waiters.answerGone()
        schedule()
      },
    })
    const { devices } = this
    this.work = new Work({
      clock,
      driver,
      events,
      exceptions,
      tableOf: ({ device, kind }) => devices.named(device).table(kind),
      removed: (entries) => devices.dumps.removed(entries, (name) => devices.all.get(name)),
      done: (device) => devices.rest(device),
      missed: (device) => devices.renew(device),
    })
    const { work, underlay, nodeAddresses } = this
    this.notices = new Notices({ devices, arrived: schedule, underlay, nodeAddresses })
    const isUnplaced = (device: Device) => devices.isUnplaced(device)
    this.statuses = new Statuses({ devices: devices.all, exceptions, isUnplaced })
    const { statuses } = this
    this.desired = new DesiredState({ clock, devices, exceptions, drift, statuses, work, schedule })
    this.waiters = new Waiters(devices, statuses)
    this.verifier = new Verifier({ clock, driver, devices, statuses, drift })
    this.turns = new Turns({
      clock,
      turn: () => this.turn(),
      failed: () => this.notices.overrun(), // work may be lost: check everything again
    })
    this.storms = new Storms({ clock, driver, events, devices: devices.all })
    this.neighbourTables = new NeighbourTables({ clock, driver, events })
    this.tunnelPaths = new TunnelPaths(clock, driver, devices.all)
    this.resync = new Resync({ clock, verifier: this.verifier, events, intervalMs: resyncMs })
    this.watches = [this.resync, this.storms.rounds, this.neighbourTables.rounds, this.tunnelPaths.rounds]
  }

  /** Begins to make the kernel equal to the desired state. */
  start(): void {
    this.turns.start()
    this.driver.watch(this.notices)
    this.nodeAddresses.hint()
    for (const watch of this.watches) watch.start()
    this.schedule()
  }

  /** Ends all activity, and every wait for it; the kernel stays as it is. */
  stop(): void {
    this.turns.stop()
    for (const watch of this.watches) watch.stop()
    const { devices, work, verifier, exceptions, underlay, nodeAddresses, overruns, drift, waiters } = this
    const parts: Closable[] = [
      devices,
      work,
      verifier,
      exceptions,
      underlay,
      nodeAddresses,
      overruns,
      drift,
      waiters,
    ]
    for (const part of parts) part.close()
  }

  /** Milliseconds between comparisons of the kernel with the desired state; 0: never. */
  setResync(ms: number): void {
    this.resync.setInterval(ms)
  }

  /** The desired state is complete: unwanted entries with our mark may be removed, now and later. */
  complete(): void {
    this.devices.sweep.begin()
    this.clock.soon(() => this.driver.sweep())
    this.schedule()
  }

  want(entry: Entry): void {
    this.desired.want(entry)
  }

  unwant(entry: Entry): void {
    this.desired.unwant(entry)
  }

  /** As `unwant`, for the entries of one kind on one device that have these keys. */
  unwantAll(kind: TableKind, device: string, keys: ArrayLike<Key>): void {
    this.desired.unwantAll(kind, device, keys)
  }

  release(entry: Entry): void {
    this.desired.release(entry)
  }

  clear(entries: readonly Entry[]): void {
    this.desired.clear(entries)
  }

  settled(entries: readonly Entry[]): Promise<readonly EntryStatus[]> {
    return this.waiters.settled(entries)
  }

  gone(entries: readonly Entry[]): Promise<void> {
    this.schedule()
    return this.waiters.gone(entries)
  }

  rename(device: string, name: string): Eventual<boolean> {
    return this.driver.rename(device, name)
  }

  wants(entry: Entry): boolean {
    return this.statuses.wants(entry)
  }

  status(entry: Entry): Status {
    return this.statuses.of(entry)
  }

  interfaceNamed(name: string): Eventual<Interface | undefined> {
    this.devices.asked()
    return this.driver.link(name)
  }

  survey(asked: PortQuestion): Eventual<PortSurvey> {
    this.devices.asked()
    return survey(asked, this.driver)
  }

  staleDevices(entries: readonly Entry[]): Eventual<readonly string[]> {
    return staleDevices(entries, this.devices.all, this.driver)
  }

  isolationOf(bridge: string): Eventual<Isolation> {
    return this.driver.isolationOf(bridge)
  }

  vrfGaps(): Eventual<readonly string[]> {
    return this.driver.vrfGaps()
  }

  vxlanGaps(): Eventual<readonly string[]> {
    const { driver, devices } = this
    const answers = gathered([
      driver.vxlanGaps(),
      externalVxlanGaps(devices.all.values(), driver),
      this.tunnelPaths.gaps(),
      strayPortGaps(devices.all, driver),
    ])
    return whenAnswered(answers, (gaps) => [...gaps.flat(), ...unmanagedGaps(devices.all.values())])
  }

  tightUnderlays(): Eventual<readonly TightUnderlay[]> {
    return tightUnderlays(this.devices.all, this.driver)
  }

  vxlanIn(bridge: string, vni: number): Eventual<Interface | undefined> {
    return this.driver.vxlanIn(bridge, vni)
  }

  vrfOf(alias: string): Eventual<NamedTable | undefined> {
    return whenAnswered(this.driver.ownedLinks(), (links) => {
      const link = links.find((one) => one.alias === alias && one.table !== null)
      return link === undefined ? undefined : { name: link.name, table: link.table! }
    })
  }

  vrfLeftWith(port: string, bridge: string | null): Eventual<NamedTable | undefined> {
    return takeSteps(vrfLeftWith(port, bridge, this.driver))
  }

  vxlansOn(port: number): Eventual<readonly Interface[]> {
    return this.driver.vxlansOn(port)
  }

  isVniTaken(vni: number, port: number): Eventual<boolean> {
    this.devices.asked()
    return this.driver.isVniTaken(vni, port)
  }

  isLabelTaken(label: number): Eventual<boolean> {
    return this.driver.isLabelTaken(label)
  }

  isTableTaken(table: number): Eventual<boolean> {
    return this.driver.isTableTaken(table)
  }

  watchNextHop(ip: Ip, changed: (nextHop: NextHop | null) => void): void {
    this.underlay.watchNextHop(ip, changed)
  }

  unwatchNextHop(ip: Ip): void {
    this.underlay.unwatchNextHop(ip)
  }

  watchAddresses(changed: (addresses: readonly InterfaceAddress[]) => void): void {
    this.nodeAddresses.watch(changed)
  }

  /** The node settings that wanted entries need, see `neededSettings`. */
  settings(slices: Iterable<readonly EntryStatus[]>): Iterable<Eventual<readonly NeededSetting[]>> {
    return neededSettings(slices, this.driver)
  }

  private schedule(): void {
    this.turns.schedule()
  }

  /** One step of everything. Where the driver answers later, the rest of the turn waits for that, and the next turn for this one. */
  private turn(): Eventual<void> {
    const { turns } = this
    return turns.next(this.devices.removals.revived(), () => turns.next(this.handle(), () => this.step()))
  }

  private step(): Eventual<void> {
    return this.turns.next(this.devices.advance(), () =>
      this.turns.next(this.work.setSome(), (isFull) => {
        if (this.waiters.answerSettled()) this.devices.disturb()
        return this.turns.next(isFull || this.work.removeSome(), (isLeft) => {
          const isTime = !isLeft && this.work.isDone
          const taken = isTime ? this.devices.takeAway(this.waiters.areSettling) : undefined
          return this.turns.next(taken, () => this.seeWhatIsLeft())
        })
      }),
    )
  }

  private seeWhatIsLeft(): void {
    // before the desired state changes, or notifications of our own changes would pass for those of others
    this.driver.poll()
    if (!this.work.isDone || this.devices.hasWork || this.notices.any) this.schedule()
    else this.waiters.answerGone()
  }

  /** Acts on notifications of the kernel. */
  private handle(): Eventual<void> {
    if (!this.notices.any) return
    const { links, disrupted, drifted, overran } = this.notices.take(this.devices.changes.most)
    return this.turns.next(this.devices.linksChanged(links), () => {
      for (const name of disrupted) this.devices.requeueDependents(name)
      for (const entry of drifted) {
        if (this.devices.all.get(entry.device)?.repairs(entry)) this.exceptions.drifted(entry)
      }
      if (overran) this.overruns.add()
    })
  }
}
