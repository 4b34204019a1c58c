import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import type { Driver, Link } from '../driver.ts'
import { type Eventual, whenAnswered } from '../eventual.ts'
import { masterOf, type PortEntry } from '../kinds/index.ts'
import { unreadable } from '../refusal.ts'
import { Dependents } from './dependents.ts'
import { Device } from './device.ts'
import { DeviceFailures } from './device-failures.ts'
import { DeviceRemovals } from './device-removals.ts'
import { Dumps } from './dumps.ts'
import type { Exceptions } from './exceptions.ts'
import { InterfaceStates } from './interface-states.ts'
import { LinkChanges } from './link-changes.ts'
import { orUnknown } from './lost-answers.ts'
import type { Placement, PlacingResult, Unanswered } from './placement.ts'
import { PlacementQueue } from './placement-queue.ts'
import { PortsByMaster } from './ports-by-master.ts'
import { Sweep } from './sweep.ts'

export interface DevicesDependencies {
  readonly clock: Clock
  readonly driver: Driver
  readonly exceptions: Exceptions
  readonly events: EventSink
  /** Called when entries of a device may have become work. */
  readonly released: (device: Device) => void
  /** Called when links have been deleted, or may be. */
  readonly wake: () => void
}

/** The interfaces of which something is wanted: enslaves each to its wanted master, then dumps its entries. */
export class Devices {
  readonly all = new Map<string, Device>()
  readonly ports = new PortsByMaster()
  readonly sweep: Sweep
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly exceptions: Exceptions
  private readonly events: EventSink
  private readonly released: (device: Device) => void
  /** Devices whose link or port is to be checked. */
  private readonly unplaced: PlacementQueue
  readonly dumps: Dumps
  readonly removals: DeviceRemovals
  /** Devices whose entries may need other interfaces. */
  private readonly crossing = new Set<Device>()
  private readonly dependents: Dependents
  private readonly failures: DeviceFailures
  private readonly states: InterfaceStates
  readonly changes: LinkChanges

  constructor({ clock, driver, exceptions, events, released, wake }: DevicesDependencies) {
    this.clock = clock
    this.driver = driver
    this.exceptions = exceptions
    this.events = events
    this.released = released
    const touch = (device: Device) => this.touch(device)
    const lose = (device: Device) => this.lose(device)
    this.sweep = new Sweep(clock, this.all, released, touch)
    this.dependents = new Dependents(touch)
    this.failures = new DeviceFailures({
      clock,
      exceptions,
      events,
      dependents: this.dependents,
      retry: (device) => this.suspect(device),
    })
    this.unplaced = new PlacementQueue({
      driver,
      prepare: (device) => {
        this.dependents.add(device)
        return this.removals.makeRoom(device)
      },
      placed: (device, result) => this.placed(device, result),
    })
    this.states = new InterfaceStates({
      clock,
      exceptions,
      disowned: (device) => {
        for (const member of this.ports.of(device.name)) this.doubtOf(member)
      },
    })
    this.changes = new LinkChanges({
      driver,
      devices: this.all,
      exceptions,
      states: this.states,
      isQueued: (device) => this.unplaced.has(device),
      lose,
      touch,
    })
    this.dumps = new Dumps({
      driver,
      exceptions,
      sweep: this.sweep,
      over: (device) => this.dumped(device),
      failed: (device, error) => this.dumpFailed(device, error),
    })
    this.removals = new DeviceRemovals({
      clock,
      driver,
      exceptions,
      events,
      wake,
      fail: (entry, refusal) => this.failures.refused(entry, refusal),
      lose,
      left: (device) => this.forgetIdle(device),
    })
  }

  get hasWork(): boolean {
    return !this.unplaced.isEmpty || this.dumps.hasWork || this.removals.hasWork
  }

  /** The device of that name; a new one is checked next. */
  named(name: string): Device {
    const known = this.all.get(name)
    if (known !== undefined) return known
    const device = new Device(name, (one) => this.crossing.add(one))
    this.all.set(name, device)
    this.touch(device)
    return device
  }

  /** Whether the device is still tracked: a dropped one may have a successor of the same name. */
  isCurrent(device: Device): boolean {
    return this.all.get(device.name) === device
  }

  /** Schedules a check of the device's link and port. */
  touch(device: Device): void {
    if (!this.isCurrent(device)) return
    this.unplaced.add(device)
    device.wait(this.clock.epoch())
  }

  /** Schedules the removal of the device's link and port, where they are unwanted. */
  dismiss(device: Device): void {
    this.removals.add(device)
  }

  /** Whether the device's missing entries are not known yet. */
  isUnplaced(device: Device): boolean {
    return this.unplaced.isUnfinished(device) || (device.index === null && this.dumps.has(device))
  }

  /** Whether its port has failed, and is tried again as soon as its bridge or VRF is programmed. */
  awaitsMaster({ port, failure }: Device): boolean {
    const master = port === null || failure === null ? undefined : this.all.get(masterOf(port))
    return master !== undefined && this.isUnplaced(master)
  }

  /** Records that an attachment has asked something. */
  asked(): void {
    this.removals.asked()
  }

  /** Records that entries of an attachment are wanted, unwanted or programmed. */
  disturb(): void {
    this.removals.disturb()
  }

  /** Schedules a check of everything. */
  doubt(): void {
    for (const device of this.all.values()) this.doubtOf(device)
  }

  /** Schedules a check of a device whose actual state differs from the observed one. */
  suspect(device: Device): void {
    if (!this.isCurrent(device)) return
    this.doubtOf(device)
    this.released(device)
  }

  /** Sets all entries of a device again: other programs may have removed some. */
  renew(name: string): void {
    const device = this.all.get(name)
    if (device === undefined) return
    if (device.accepting) this.refill(device)
    this.released(device)
  }

  /** Takes the next few steps. */
  advance(): Eventual<void> {
    return whenAnswered(this.unplaced.placeSome(), () => this.dumps.advance())
  }

  /** Removes the unwanted rest of some devices, when all entries are dealt with. `isAwaited`: an attachment waits to be programmed. */
  takeAway(isAwaited: boolean): Eventual<void> {
    // an interface that has left its VRF needs no removal of the entries it had there
    for (const devices of [this.unplaced.unfinished(), this.dumps.open])
      for (const device of devices)
        if (this.removals.all.has(device) && this.isUnplaced(device)) return undefined
    return this.removals.takeAway(isAwaited, this.ports)
  }

  /** The device has nothing left to set or remove. */
  rest(device: Device): void {
    if (!this.isUnplaced(device)) device.rest()
    device.settleLeaving()
    this.forgetIdle(device)
  }

  /** Sets everything again that needs this interface: the kernel may have dropped it. */
  requeueDependents(name: string): void {
    this.states.down(name)
    this.exceptions.excuse(name)
    this.dumps.disrupted(name)
    const own = this.all.get(name)
    for (const device of own === undefined ? this.crossing : new Set([own, ...this.crossing]))
      if (device.accepting && device.requeueDependents(name)) this.released(device)
  }

  /** The kernel reported changes of these interfaces. */
  linksChanged(names: ReadonlySet<string>): Eventual<void> {
    if (names.size === 0) return undefined
    this.dependents.changed(names, this.all.values())
    // a port may have left a bridge or VRF that is to be removed
    this.removals.tryAgain()
    return this.changes.handle(names)
  }

  /** Nothing is asked after this, whatever is answered then. */
  close(): void {
    for (const part of [this.unplaced, this.changes, this.dumps, this.removals]) part.close()
  }

  /** Drops a device of which nothing is wanted or to be removed any more, whatever the kernel holds of it. */
  release(device: Device): void {
    if (!device.isUnwanted || device.leavingSize > 0) return
    this.dumps.drop(device)
    this.removals.all.delete(device)
    this.forget(device)
  }

  /** Drops a device of which nothing is left. */
  private forgetIdle(device: Device): void {
    if (!device.isIdle || this.removals.all.has(device) || this.dumps.has(device)) return
    this.forget(device)
  }

  private forget(device: Device): void {
    if (this.isCurrent(device)) this.all.delete(device.name)
    this.unplaced.delete(device)
    this.crossing.delete(device)
    this.dependents.forget(device)
    this.ports.move(device, null)
  }

  private doubtOf(device: Device): void {
    device.doubt()
    this.touch(device)
  }

  private placed(device: Device, result: PlacingResult): Eventual<void> {
    // one that was released meanwhile stays as it is
    if (!this.isCurrent(device)) return undefined
    if (result === null) return this.touch(device)
    if (result.link === null) return this.unanswered(device, result)
    this.observed(device, result)
    return result.refusal === null || device.port === null ? undefined : this.repairMaster(device.port)
  }

  /** What was known of the interface stays, and it is asked for again. */
  private unanswered(device: Device, { refusal, culprit }: Unanswered): void {
    if (culprit === null) return this.failures.unread(device, refusal)
    this.failures.set(device, refusal)
    this.failures.refused(culprit, refusal)
  }

  private observed(device: Device, { refusal, culprit, link, fresh, moved, learned }: Placement): void {
    const { failure, master } = device
    if (device.observedIndex !== null && link?.index !== device.observedIndex) this.lose(device)
    this.states.handleUp(device.name, link)
    this.states.placed(device, link)
    this.failures.set(device, refusal)
    device.observed(link)
    this.ports.move(device, link?.master ?? null)
    const isElsewhere = device.master !== master
    if (refusal !== null && culprit !== null) this.failures.refused(culprit, refusal)
    const linkFailed = culprit !== null && culprit === device.link
    if (device.link !== null && !linkFailed) this.exceptions.done(device.link)
    if (device.port !== null && refusal === null) {
      this.exceptions.done(device.port)
      device.setEnslaved()
    }
    if (learned && device.master !== null)
      for (const other of this.ports.of(device.master)) this.doubtOf(other)
    if (link === undefined || linkFailed) return
    if (device.link !== null) this.dependents.touchPortsOf(new Set([device.name]))
    // the table of a VRF outlives its device
    if (fresh && link.table === null) this.begin(device, link)
    else if (moved && device.isEmptiedAs(link)) this.adoptEmpty(device, link)
    else if (fresh || device.index === null || device.unsure) this.dumps.start(device)
    else if (refusal === null && (failure !== null || moved || (isElsewhere && device.port === null)))
      this.refill(device)
    if (isElsewhere) this.exceptions.retryEntries(device.name)
    this.released(device)
  }

  private lose(device: Device): void {
    this.dumps.drop(device)
    this.ports.move(device, null)
    device.lose()
    this.exceptions.dropEntries(device.name)
  }

  /** The device was created just now: everything wanted of it is missing. */
  private begin(device: Device, link: Link): void {
    this.sweep.startEmpty(device, link.index)
    this.refill(device)
    this.events.emit({ type: 'device-created', device: device.name, alias: link.alias })
  }

  /** The device has just been put into its bridge: it holds nothing and needs no dump. */
  private adoptEmpty(device: Device, link: Link): void {
    this.sweep.startEmpty(device, link.index)
    for (const table of device.tables.values()) table.compare([], true)
    this.exceptions.retryEntries(device.name)
    this.dismiss(device)
  }

  private refill(device: Device): void {
    device.refill()
    this.exceptions.retryEntries(device.name)
  }

  private dumped(device: Device): void {
    this.dismiss(device)
    this.released(device)
  }

  private dumpFailed(device: Device, error: unknown): void {
    this.lose(device)
    const refusal = unreadable(error)
    this.events.emit({ type: 'device-unreadable', device: device.name, reason: refusal.text })
    this.failures.unread(device, refusal)
  }

  /** An owned master of a port that another program removed is restored at once. */
  private repairMaster(port: PortEntry): Eventual<void> {
    const master = this.all.get(masterOf(port))
    if (master === undefined || master.link === null || master.failure !== null) return undefined
    return whenAnswered(orUnknown(this.driver.link(master.name)), (link) => {
      if (link === undefined) this.touch(master)
    })
  }
}
