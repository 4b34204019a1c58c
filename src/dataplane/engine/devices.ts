import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import type { Driver, Link } from '../driver.ts'
import { masterOf, type PortEntry } from '../kinds/index.ts'
import type { Entry } from '../model.ts'
import { type Refusal, unreadable } from '../refusal.ts'
import { Device } from './device.ts'
import { DeviceDump } from './device-dump.ts'
import { DeviceRemovals } from './device-removals.ts'
import { backoff, type Exceptions } from './exceptions.ts'
import { misplaced, PLACING_ORDER, place } from './placement.ts'
import { PortsByMaster } from './ports-by-master.ts'
import { Sweep } from './sweep.ts'

/** Devices that are placed or looked at in one turn. */
const DEVICES_A_TURN = 4

export interface DevicesDependencies {
  readonly clock: Clock
  readonly driver: Driver
  readonly exceptions: Exceptions
  readonly events: EventSink
  /** Called when entries of a device may have become work. */
  readonly released: (device: Device) => void
  /** Called when it is time to take away what could not be before. */
  readonly wake: () => void
}

/** The interfaces of which something is wanted: brings each to where it is wanted, then looks at what it holds. */
export class Devices {
  readonly all = new Map<string, Device>()
  readonly ports = new PortsByMaster()
  readonly sweep: Sweep
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly exceptions: Exceptions
  private readonly events: EventSink
  private readonly released: (device: Device) => void
  /** Whose link or port is to be looked at. */
  private readonly unplaced = new Set<Device>()
  /** Whose entries are being looked at. */
  private readonly dumping = new Set<Device>()
  private readonly removals: DeviceRemovals
  /** Whose entries may need other interfaces. */
  private readonly crossing = new Set<Device>()
  /** What cannot be placed. */
  private readonly failing = new Set<Device>()
  /** All interfaces that links have been wanted over. */
  private readonly underlays = new Set<string>()
  /** Which interfaces were up when they were last looked at. */
  private readonly up = new Set<string>()

  constructor({ clock, driver, exceptions, events, released, wake }: DevicesDependencies) {
    this.clock = clock
    this.driver = driver
    this.exceptions = exceptions
    this.events = events
    this.released = released
    this.sweep = new Sweep(clock, this.all, released)
    this.removals = new DeviceRemovals({
      clock,
      driver,
      exceptions,
      events,
      wake,
      fail: (entry, refusal) => this.fail(entry, refusal),
      lose: (device) => this.lose(device),
      left: (device) => this.forgetIdle(device),
    })
  }

  get hasWork(): boolean {
    return this.unplaced.size > 0 || this.dumping.size > 0 || this.removals.hasWork
  }

  /** The device of that name; one that is new will be looked at. */
  named(name: string): Device {
    const known = this.all.get(name)
    if (known !== undefined) return known
    const device = new Device(name, (one) => this.crossing.add(one))
    this.all.set(name, device)
    this.touch(device)
    return device
  }

  /** Whether it is not one that was dropped, of whose name there may be another one by now. */
  isCurrent(device: Device): boolean {
    return this.all.get(device.name) === device
  }

  /** Has the device's link and port looked at. */
  touch(device: Device): void {
    if (!this.isCurrent(device)) return
    this.unplaced.add(device)
    device.waitingSince ??= this.clock.epoch()
  }

  /** Has the device's link and port taken away, where they are to go. */
  dismiss(device: Device): void {
    this.removals.add(device)
  }

  /** Whether it is not yet known what the device lacks. */
  isUnplaced(device: Device): boolean {
    return this.unplaced.has(device) || (device.index === null && this.dumping.has(device))
  }

  /** Whether its port has failed, and is tried again as soon as the bridge or VRF that it belongs in is in place. */
  awaitsMaster({ port, failure }: Device): boolean {
    const master = port === null || failure === null ? undefined : this.all.get(masterOf(port))
    return master !== undefined && this.isUnplaced(master)
  }

  /** Somebody attaches or detaches. */
  disturb(): void {
    this.removals.disturb()
  }

  /** Has everything looked at again. */
  doubt(): void {
    for (const device of this.all.values()) this.doubtOf(device)
  }

  /** Has a device looked at again that is not as it was taken to be. */
  suspect(device: Device): void {
    if (!this.isCurrent(device)) return
    this.doubtOf(device)
    this.released(device)
  }

  /** Has all entries of a device set again: others may have removed some. */
  renew(device: Device): void {
    if (device.accepting) this.refill(device)
    this.released(device)
  }

  /** Takes the next few steps. */
  advance(): void {
    if (this.unplaced.size > 0) for (const device of this.nextUnplaced()) this.place(device)
    if (this.dumping.size === 0) return
    for (const device of [...this.dumping].slice(0, DEVICES_A_TURN)) this.continueDump(device)
  }

  /**
   * Takes away what is left to take away of some devices; to be called when all entries are dealt with. `isAwaited`: an attachment waits to be
   * put in place, so that links may be deleted later.
   */
  takeAway(isAwaited: boolean): void {
    // an interface that has left its VRF is not asked for what it had there
    for (const device of this.removals.all) if (this.isUnplaced(device)) return
    this.removals.takeAway(isAwaited)
  }

  /** The device has nothing left to set or remove. */
  rest(device: Device): void {
    if (!this.isUnplaced(device)) device.waitingSince = null
    if (device.leavingSize === 0) device.leavingSince = null
    this.forgetIdle(device)
  }

  /** Has what needs this interface set again: the kernel may have dropped it. */
  requeueDependents(name: string): void {
    this.up.delete(name)
    this.exceptions.excuse(name)
    for (const { dump } of this.dumping) dump?.disrupted.add(name)
    const own = this.all.get(name)
    for (const device of own === undefined ? this.crossing : new Set([own, ...this.crossing]))
      if (device.accepting && device.requeueDependents(name)) this.released(device)
  }

  /** The kernel told of changes of these interfaces. */
  linksChanged(names: ReadonlySet<string>): void {
    if (names.size > 0) this.touchDependents(names)
    for (const name of names) this.linkChanged(name)
  }

  private linkChanged(name: string): void {
    const device = this.all.get(name)
    if (device === undefined && this.exceptions.size === 0) return
    const link = this.driver.link(name)
    this.handleUp(name, link)
    if (device !== undefined) this.handleOutage(device, link)
    if (device !== undefined && link !== undefined) this.handleAddress(device, link)
    if (device !== undefined && link !== undefined) this.handleOwner(device, link)
    if (device === undefined || this.unplaced.has(device)) return
    if (link === undefined) this.linkLost(device)
    else if (device.observedIndex !== link.index) {
      this.lose(device)
      this.touch(device)
    } else {
      const wrong = device.failure === null ? misplaced(device, link, this.driver) : undefined
      if (wrong !== undefined) this.exceptions.drifted(wrong)
      else if (device.master !== link.master) this.touch(device)
    }
  }

  /** Drops a device of which nothing is left. */
  private forgetIdle(device: Device): void {
    if (!device.isIdle || this.removals.all.has(device) || this.dumping.has(device)) return
    if (this.isCurrent(device)) this.all.delete(device.name)
    this.unplaced.delete(device)
    this.crossing.delete(device)
    this.failing.delete(device)
    this.ports.move(device, null)
  }

  /** What failed for want of an interface is tried again when that is up. */
  private handleUp(name: string, link: Link | undefined): void {
    if (link?.up && !this.up.has(name)) this.exceptions.retryOn(name)
    if (link?.up) this.up.add(name)
    else this.up.delete(name)
  }

  /** Whether a port of others passes traffic is up to them; it is told where it does not. */
  private handleOutage(device: Device, link: Link | undefined): void {
    const isOthers = device.port !== null && device.link === null && link !== undefined
    const reason = !isOthers || link.carrier ? null : link.up ? 'no carrier' : 'down'
    if (reason === null) device.outage = null
    else if (device.outage?.reason !== reason)
      device.outage = { port: device.name, reason, since: device.outage?.since ?? this.clock.epoch() }
  }

  /** With its MAC address, an interface changes all neighbours. */
  private handleAddress(device: Device, { mac }: Link): void {
    if (device.mac !== null && device.mac !== mac) this.exceptions.excuse(device.name)
    device.mac = mac
  }

  /** The entries of a bridge of others are sticky, those of ours are not. */
  private handleOwner(device: Device, { owned }: Link): void {
    const before = device.owned
    device.owned = owned
    if (before === null || before === owned) return
    for (const member of this.ports.of(device.name)) this.doubtOf(member)
  }

  private doubtOf(device: Device): void {
    device.unsure = true
    this.touch(device)
  }

  private linkLost(device: Device): void {
    if (device.observedIndex === null) return
    const expected = device.failure === null ? device.link : null
    this.lose(device)
    if (expected === null) this.touch(device)
    else this.exceptions.drifted(expected)
  }

  private *nextUnplaced(): Generator<Device, void> {
    let left = DEVICES_A_TURN
    for (const kind of PLACING_ORDER) {
      for (const device of this.unplaced) {
        if (left === 0) return
        if (device.link?.kind !== kind) continue
        left--
        yield device
      }
    }
  }

  private place(device: Device): void {
    this.unplaced.delete(device)
    const underlay = underlayOf(device)
    if (underlay !== null) this.underlays.add(underlay)
    this.removals.makeRoom(device)
    const { failure, master } = device
    const { refusal, culprit, link, fresh, moved, learned } = place(device, this.driver)
    if (device.observedIndex !== null && link?.index !== device.observedIndex) this.lose(device)
    this.handleUp(device.name, link)
    this.handleOutage(device, link)
    if (link !== undefined) this.handleOwner(device, link)
    this.setFailure(device, refusal)
    device.observedIndex = link?.index ?? null
    this.ports.move(device, link?.master ?? null)
    device.mac = link?.mac ?? null
    if (refusal !== null && culprit !== null) this.fail(culprit, refusal)
    if (refusal !== null && device.port !== null) this.repairMaster(device.port)
    const linkFailed = culprit !== null && culprit === device.link
    if (device.link !== null && !linkFailed) this.exceptions.applied(device.link)
    if (device.port !== null && refusal === null) {
      this.exceptions.applied(device.port)
      device.enslaved = device.observedIndex
    }
    if (learned && device.master !== null)
      for (const other of this.ports.of(device.master)) this.doubtOf(other)
    if (link === undefined || linkFailed) return
    if (device.link !== null && this.failing.size > 0) this.touchPortsOf(new Set([device.name]))
    // the table of a VRF outlives its device
    if (fresh && link.table === null) this.begin(device, link)
    else if (moved && isEmptied(device, link)) this.adoptEmpty(device, link)
    else if (fresh || device.index === null || device.unsure) this.startDump(device)
    else if (refusal === null && (failure !== null || moved)) this.refill(device)
    if (device.master !== master) this.exceptions.retryEntries(device.name)
    this.released(device)
  }

  private setFailure(device: Device, refusal: Refusal | null, nextTry: number | null = null): void {
    const since = device.failure?.since ?? this.clock.epoch()
    device.failure = refusal === null ? null : { refusal, since, nextTry }
    if (refusal === null) this.failing.delete(device)
    else this.failing.add(device)
  }

  private fail(entry: Entry, refusal: Refusal): void {
    this.exceptions.failed(entry, refusal)
    const { device, kind } = entry
    const attempts = this.exceptions.status(entry)?.attempts ?? 1
    this.events.emit({
      type: 'device-failed',
      device,
      kind,
      reason: refusal.text,
      code: refusal.code,
      attempts,
    })
  }

  private lose(device: Device): void {
    this.dumping.delete(device)
    this.ports.move(device, null)
    device.lose()
    this.exceptions.dropEntries(device.name)
  }

  /** The device was created just now: all that is wanted of it is missing. */
  private begin(device: Device, link: Link): void {
    device.index = link.index
    device.unsure = false
    device.adopted = true
    this.refill(device)
    this.events.emit({ type: 'device-created', device: device.name, alias: link.alias })
  }

  /** The device has just been put into its bridge: it holds nothing, and need not be looked at. */
  private adoptEmpty(device: Device, link: Link): void {
    device.index = link.index
    device.unsure = false
    device.adopted = true
    for (const table of device.tables.values()) table.compare([], true)
    this.exceptions.retryEntries(device.name)
    this.dismiss(device)
  }

  private refill(device: Device): void {
    device.disturbed = true
    for (const table of device.tables.values()) table.refill()
    this.exceptions.retryEntries(device.name)
  }

  private startDump(device: Device): void {
    device.dump?.abandon()
    device.unsure = false
    device.disturbed = false
    device.dump = new DeviceDump(device, this.driver.dump(device.name))
    this.dumping.add(device)
  }

  private continueDump(device: Device): void {
    const { dump } = device
    this.dumping.delete(device)
    if (dump === null) return
    try {
      if (!dump.step()) {
        this.dumping.add(device)
        return
      }
      dump.finish()
      device.dump = null
      device.failedDumps = 0
      device.index = device.observedIndex
      this.sweep.dumped(device)
      // what it was before may be all that was seen
      if (device.accepting) for (const name of dump.disrupted) device.requeueDependents(name)
      this.exceptions.retryEntries(device.name)
      this.dismiss(device)
      this.released(device)
    } catch (error) {
      this.lose(device)
      const refusal = unreadable(error)
      const delay = backoff(++device.failedDumps)
      this.setFailure(device, refusal, this.clock.epoch() + delay)
      this.events.emit({ type: 'device-unreadable', device: device.name, reason: refusal.text })
      this.clock.after(delay, () => {
        if (this.all.get(device.name) !== device) return // what is wanted now has a look of its own
        this.touch(device)
        this.released(device)
      })
    }
  }

  /** A device of ours that a port is to be in, and that somebody took away, is put back at once. */
  private repairMaster(port: PortEntry): void {
    const master = this.all.get(masterOf(port))
    const isOurs = master !== undefined && master.link !== null && master.failure === null
    if (isOurs && this.driver.link(master.name) === undefined) this.touch(master)
  }

  private touchPortsOf(masters: ReadonlySet<string>): void {
    for (const device of this.failing)
      if (device.port !== null && masters.has(masterOf(device.port))) this.touch(device)
  }

  /** A bridge may have appeared for which ports wait, a port may have left a bridge that is to go, an underlay may have another MTU. */
  private touchDependents(names: ReadonlySet<string>): void {
    this.touchPortsOf(names)
    this.removals.tryAgain()
    if (![...names].some((name) => this.underlays.has(name))) return
    for (const device of this.all.values()) {
      const underlay = underlayOf(device)
      if (underlay !== null && names.has(underlay)) this.touch(device)
    }
  }
}

/** Whether a device that has just entered a bridge holds nothing of what we keep; a VXLAN device keeps its own half. */
function isEmptied({ index, port, dump }: Device, { kind }: Link): boolean {
  return index === null && dump === null && port?.kind === 'port' && kind !== 'vxlan'
}

function underlayOf({ link }: Device): string | null {
  return link !== null && 'underlay' in link ? link.underlay : null
}
