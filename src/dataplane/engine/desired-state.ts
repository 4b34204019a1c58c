import type { Clock } from '../../clock.ts'
import type { Key } from '../../values/key-map.ts'
import { type DeviceEntry, isTableEntry, same, type TableEntry, type TableKind } from '../kinds/index.ts'
import type { Entry } from '../model.ts'
import type { Device } from './device.ts'
import type { Devices } from './devices.ts'
import type { Drift } from './drift.ts'
import type { Exceptions } from './exceptions.ts'
import type { Statuses } from './statuses.ts'
import type { Work } from './work.ts'

export interface DesiredStateDependencies {
  readonly clock: Clock
  readonly devices: Devices
  readonly exceptions: Exceptions
  readonly drift: Drift
  readonly statuses: Statuses
  readonly work: Work
  /** Plans a turn, which acts on the changes. */
  readonly schedule: () => void
}

/** Receives the changes of the desired state, and queues the entries by which it differs from the actual state. */
export class DesiredState {
  private readonly clock: Clock
  private readonly devices: Devices
  private readonly exceptions: Exceptions
  private readonly drift: Drift
  private readonly statuses: Statuses
  private readonly work: Work
  private readonly schedule: () => void

  constructor({ clock, devices, exceptions, drift, statuses, work, schedule }: DesiredStateDependencies) {
    this.clock = clock
    this.devices = devices
    this.exceptions = exceptions
    this.drift = drift
    this.statuses = statuses
    this.work = work
    this.schedule = schedule
  }

  want(entry: Entry): void {
    const device = this.devices.named(entry.device)
    if (isTableEntry(entry)) this.wantEntry(device, entry)
    else this.wantDevice(device, entry)
  }

  unwant(entry: Entry): void {
    const device = this.devices.all.get(entry.device)
    if (device === undefined) return
    if (device.leavingSince === null) device.leave(this.clock.epoch())
    if (isTableEntry(entry)) {
      // the removal of one that is unwanted already may have failed, and has to be retried
      if (device.tables.get(entry.kind)?.unwant(entry)) {
        this.forget(entry)
        this.work.add(device)
      }
    } else {
      this.forget(entry)
      device.unwant(entry)
      this.devices.disturb()
      this.devices.touch(device)
    }
    this.devices.dismiss(device)
    this.schedule()
  }

  /** As `unwant`, for the entries of one kind on one device that have these keys. */
  unwantAll(kind: TableKind, name: string, keys: ArrayLike<Key>): void {
    const device = this.devices.all.get(name)
    if (device === undefined) return
    if (device.leavingSince === null) device.leave(this.clock.epoch())
    const hasHistories = this.exceptions.size > 0 || this.drift.hasHistories
    const gone = hasHistories ? (entry: TableEntry) => this.forget(entry) : null
    if (device.tables.get(kind)?.unwantAll(keys, gone)) this.work.add(device)
    this.devices.dismiss(device)
    this.schedule()
  }

  release(entry: Entry): void {
    const device = this.devices.all.get(entry.device)
    if (device === undefined) return
    if (!isTableEntry(entry)) {
      this.forget(entry)
      device.release(entry)
      // what else is wanted of it may have waited for that alone
      if (device.failure !== null && !device.isUnwanted) this.devices.touch(device)
    } else if (device.tables.get(entry.kind)?.release(entry)) this.forget(entry)
    this.devices.release(device)
    this.schedule()
  }

  clear(entries: readonly Entry[]): void {
    const left = entries.filter((entry) => !this.statuses.wants(entry))
    for (const entry of left) this.want(entry)
    for (const entry of left) this.unwant(entry)
  }

  /** Retries an entry that failed or drifted. */
  retry(entry: Entry): void {
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

  /** Forgets what the entry met while it was wanted. */
  private forget(entry: Entry): void {
    this.exceptions.drop(entry)
    this.drift.drop(entry)
  }

  private wantEntry(device: Device, entry: TableEntry): void {
    const retries = this.exceptions.status(entry) !== undefined
    const table = device.table(entry.kind)
    if (!table.want(entry, !device.disturbed) && !retries) return
    if (device.accepting) {
      table.push(entry)
      if (table.waiting === 1) this.work.add(device)
      if (device.waitingSince === null) device.wait(this.clock.epoch())
    }
    this.schedule()
  }

  private wantDevice(device: Device, entry: DeviceEntry): void {
    const before = device.wanted(entry)
    if (before !== null && same(before, entry) && this.statuses.tried(entry).state === 'programmed') return
    this.exceptions.drop(entry)
    device.want(entry)
    this.devices.disturb()
    this.devices.touch(device)
    this.schedule()
  }
}
