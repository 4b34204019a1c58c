import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { Ip } from '../values/address.ts'
import type { Device } from './device.ts'
import { Devices } from './devices.ts'
import type { Driver } from './driver.ts'
import { backoff, Exceptions } from './exceptions.ts'
import { type DeviceEntry, isPortEntry, isTableEntry, type TableEntry } from './layout.ts'
import {
  type Counts,
  type Dataplane,
  type Entry,
  type EntryStatus,
  type HeldSetting,
  type Interface,
  type NextHop,
  type Status,
  same,
} from './model.ts'
import { Notices } from './notices.ts'
import { Resync } from './resync.ts'
import { Statuses } from './statuses.ts'
import { Underlay } from './underlay.ts'
import { Verifier } from './verifier.ts'
import { Waiter } from './waiter.ts'
import { Work } from './work.ts'

/** So long without an overrun, the next one is looked into promptly again. */
const OVERRUN_MEMORY_MS = 60_000

export interface ReconcilerParts {
  readonly clock: Clock
  readonly driver: Driver
  readonly log: Logger
  /** How often the kernel is compared with what is wanted though it told of no change; 0 or absent: never. */
  readonly resyncMs?: number
}

/** The forwarding loop: makes the kernel equal to what is wanted, and keeps it so. */
export class Reconciler implements Dataplane {
  private readonly clock: Clock
  private readonly driver: Driver
  private readonly log: Logger
  private readonly exceptions: Exceptions
  private readonly devices: Devices
  private readonly notices: Notices
  readonly statuses: Statuses
  private readonly work: Work
  readonly verifier: Verifier
  private readonly resync: Resync
  private readonly underlay: Underlay
  private readonly waiters = new Map<Waiter, (open: EntryStatus[]) => void>()
  private leaving: { readonly entries: readonly Entry[]; readonly resolve: () => void }[] = []
  private running = false
  private scheduled = false
  private overruns = 0
  private overranAt = Number.NEGATIVE_INFINITY
  private cancelDoubt: (() => void) | null = null

  constructor({ clock, driver, log, resyncMs = 0 }: ReconcilerParts) {
    this.clock = clock
    this.driver = driver
    this.log = log
    this.underlay = new Underlay(clock, driver)
    this.exceptions = new Exceptions(clock, (entry) => this.retry(entry))
    this.devices = new Devices({
      clock,
      driver,
      log,
      exceptions: this.exceptions,
      released: (device) => {
        this.work.add(device)
        this.schedule()
      },
    })
    this.work = new Work({
      driver,
      log,
      exceptions: this.exceptions,
      done: (device) => this.devices.rest(device),
    })
    this.notices = new Notices(
      this.devices.all,
      () => this.schedule(),
      () => this.underlay.hint(),
    )
    this.statuses = new Statuses({
      devices: this.devices.all,
      exceptions: this.exceptions,
      isUnplaced: (device) => this.devices.isUnplaced(device),
    })
    this.verifier = new Verifier({
      clock,
      driver,
      devices: this.devices,
      statuses: this.statuses,
      orphans: () => this.orphans(),
    })
    this.resync = new Resync({ clock, verifier: this.verifier, log, intervalMs: resyncMs })
  }

  /** Begins to make the kernel equal to what is wanted. */
  start(): void {
    this.running = true
    this.driver.watch(this.notices)
    this.resync.start()
    this.schedule()
  }

  /** Ends all activity, and the waiting for it; the kernel stays as it is. */
  stop(): void {
    this.running = false
    this.resync.stop()
    this.verifier.stop()
    this.exceptions.stop()
    this.underlay.stop()
    this.cancelDoubt?.()
    for (const waiter of this.waiters.keys()) this.tell(waiter, (entry) => this.statuses.of(entry))
  }

  /** The desired state is complete: what carries our mark and is not wanted may be removed, now and from here on. */
  complete(): void {
    this.devices.sweep()
    this.driver.sweep()
    this.schedule()
  }

  want(entry: Entry): void {
    const device = this.devices.named(entry.device)
    if (isTableEntry(entry)) this.wantEntry(device, entry)
    else this.wantDevice(device, entry)
  }

  unwant(entry: Entry): void {
    const device = this.devices.all.get(entry.device)
    if (device === undefined) return
    this.exceptions.drop(entry)
    if (isTableEntry(entry)) {
      if (device.tables.get(entry.kind)?.unwant(entry)) this.work.add(device)
    } else if (isPortEntry(entry)) {
      device.leavingPort = device.port ?? device.leavingPort
      device.port = null
      this.devices.touch(device)
    } else {
      device.leavingLink = device.link ?? device.leavingLink
      device.link = null
      this.devices.touch(device)
    }
    this.devices.dismiss(device)
    this.schedule()
  }

  settled(entries: readonly Entry[]): Promise<readonly EntryStatus[]> {
    return new Promise((resolve) => {
      this.waiters.set(new Waiter(entries, this.devices.all), resolve)
      this.tellWaiters()
    })
  }

  gone(entries: readonly Entry[]): Promise<void> {
    return new Promise((resolve) => {
      this.leaving.push({ entries, resolve })
      this.schedule()
    })
  }

  wants(entry: Entry): boolean {
    return this.statuses.wants(entry)
  }

  status(entry: Entry): Status {
    return this.statuses.of(entry)
  }

  interfaceNamed(name: string): Interface | undefined {
    return this.driver.link(name)
  }

  vxlanIn(bridge: string, vni: number): Interface | undefined {
    return this.driver.vxlanIn(bridge, vni)
  }

  vrfOf(alias: string): { readonly name: string; readonly table: number } | undefined {
    const link = this.driver.ours().find((one) => one.alias === alias && one.table !== null)
    return link === undefined ? undefined : { name: link.name, table: link.table! }
  }

  isLabelTaken(label: number): boolean {
    return this.driver.isLabelTaken(label)
  }

  isTableTaken(table: number): boolean {
    return this.driver.isTableTaken(table)
  }

  follow(ip: Ip, changed: (way: NextHop | null) => void): NextHop | null {
    return this.underlay.follow(ip, changed)
  }

  unfollow(ip: Ip): void {
    this.underlay.unfollow(ip)
  }

  counts(): Counts {
    return this.statuses.counts()
  }

  /** What failed and why. */
  failures(): Iterable<EntryStatus> {
    return this.statuses.failures()
  }

  /** Everything that is wanted, for looking at; do not change what is wanted meanwhile. */
  entries(): Iterable<EntryStatus> {
    return this.statuses.entries()
  }

  /** What the kernel holds of ours on wanted devices though it is not wanted; kept until `complete`. */
  *stale(): Generator<Entry, void> {
    for (const device of this.devices.all.values()) {
      for (const table of device.tables.values()) yield* table.leftovers()
    }
  }

  /** Links that carry our mark and that nobody wants; they are never deleted of our own accord. */
  orphans(): readonly Interface[] {
    return this.driver.ours().filter(({ name }) => {
      const device = this.devices.all.get(name)
      return device === undefined || (device.link === null && device.leavingLink === null)
    })
  }

  /** Settings of the machine that wanted entries need, each with the first entry that does; what needs none is undefined, so that whoever walks them can count it as work. */
  *settings(): Generator<{ readonly setting: HeldSetting; readonly entry: Entry } | undefined, void> {
    const seen = new Set<string>()
    for (const { entry } of this.entries()) {
      const isTold = isTableEntry(entry) && entry.kind !== 'mpls-interface' && entry.kind !== 'mpls'
      for (const setting of isTold ? [] : this.driver.settingsFor(entry)) {
        if (!seen.has(setting.name)) yield { setting, entry }
        seen.add(setting.name)
      }
      yield undefined
    }
  }

  private wantEntry(device: Device, entry: TableEntry): void {
    const retries = this.exceptions.status(entry) !== undefined
    const table = device.table(entry.kind)
    if (!table.want(entry, !device.disturbed) && !retries) return
    if (device.accepting) {
      table.push(entry)
      if (table.waiting === 1) this.work.add(device)
      device.waitingSince ??= this.clock.epoch()
    }
    this.schedule()
  }

  private wantDevice(device: Device, entry: DeviceEntry): void {
    const before = isPortEntry(entry) ? device.port : device.link
    if (before !== null && same(before, entry) && this.statuses.tried(entry).state === 'applied') return
    this.exceptions.drop(entry)
    if (isPortEntry(entry)) {
      device.port = entry
      device.leavingPort = null
    } else {
      device.link = entry
      device.leavingLink = null
    }
    this.devices.touch(device)
    this.schedule()
  }

  /** The time has come to try again what failed, or what somebody changed. */
  private retry(entry: Entry): void {
    const device = this.devices.named(entry.device)
    if (!isTableEntry(entry)) {
      this.devices.touch(device)
      this.devices.dismiss(device)
    } else {
      const table = device.table(entry.kind)
      if (device.accepting || (device.index !== null && !table.wants(entry))) {
        table.redo(entry)
        this.work.add(device)
      } else if (device.failure !== null) this.devices.touch(device)
    }
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled || !this.running) return
    this.scheduled = true
    this.clock.soon(() => {
      this.scheduled = false
      if (!this.running) return
      try {
        this.turn()
      } catch (error) {
        this.log.error({ error }, 'dataplane turn failed')
        this.notices.overrun() // work may be lost: look at everything again
      }
    })
  }

  private turn(): void {
    this.heed()
    this.devices.advance()
    if (!this.work.setSome() && !this.work.removeSome() && this.work.isDone) this.devices.takeAway()
    this.driver.poll()
    this.tellWaiters()
    if (!this.work.isDone || this.devices.hasWork) this.schedule()
    else if (this.leaving.length > 0) this.tellGone()
  }

  private tellGone(): void {
    const over = this.leaving.filter(({ entries }) => !entries.some((entry) => this.lingers(entry)))
    if (over.length === 0) return
    this.leaving = this.leaving.filter((one) => !over.includes(one))
    for (const { resolve } of over) resolve()
  }

  private lingers(entry: Entry): boolean {
    const device = this.devices.all.get(entry.device)
    if (device === undefined || this.statuses.wants(entry)) return false
    if (this.exceptions.status(entry)?.state === 'failed') return true
    if (isTableEntry(entry)) return device.tables.get(entry.kind)?.lingers(entry) ?? false
    return (isPortEntry(entry) ? device.leavingPort : device.leavingLink) !== null
  }

  /** Acts on what the kernel told. */
  private heed(): void {
    if (!this.notices.any) return
    const { links, unsteady, contested, overran } = this.notices.take()
    for (const name of links) this.devices.linkChanged(name)
    for (const name of unsteady) this.devices.shake(name)
    for (const entry of contested) {
      if (this.devices.all.get(entry.device)?.tables.get(entry.kind)?.wants(entry)) {
        this.exceptions.contested(entry)
      }
    }
    if (overran) this.overrun()
  }

  /** Something was missed: look at everything again, the sooner the rarer this is. */
  private overrun(): void {
    if (this.cancelDoubt !== null) return
    const now = this.clock.now()
    this.overruns = now - this.overranAt > OVERRUN_MEMORY_MS ? 1 : this.overruns + 1
    this.overranAt = now
    this.log.warn({ overruns: this.overruns }, 'kernel notifications lost')
    this.cancelDoubt = this.clock.after(backoff(this.overruns), () => {
      this.cancelDoubt = null
      this.devices.doubt()
      this.schedule()
    })
  }

  private tellWaiters(): void {
    for (const waiter of this.waiters.keys()) {
      if (!waiter.isOver(this.devices)) continue
      this.tell(waiter, (entry) => this.statuses.tried(entry))
    }
  }

  private tell(waiter: Waiter, statusOf: (entry: Entry) => Status): void {
    const resolve = this.waiters.get(waiter)
    this.waiters.delete(waiter)
    const statuses = waiter.entries.map((entry) => ({ entry, status: statusOf(entry) }))
    resolve?.(statuses.filter(({ status }) => status.state !== 'applied'))
  }
}
