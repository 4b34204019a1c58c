import type { Logger } from 'pino'
import type { Clock } from '../../clock.ts'
import { LogAllowance } from '../../log-allowance.ts'
import { type Driver, IPV6_DISABLED } from '../driver.ts'
import type { TableEntry } from '../kinds/layout.ts'
import { identity } from '../model.ts'
import { type AnyTable, type Device, TABLE_KINDS } from './device.ts'
import type { Exceptions } from './exceptions.ts'

/** Entries that are handed to the driver at once; between two such batches everybody else gets a turn. */
const BATCH = 256
/** From so many waiting entries on, the kernel's echo of what we set is not listened to. */
const BULK = 1024

export interface WorkParts {
  readonly clock: Clock
  readonly driver: Driver
  readonly exceptions: Exceptions
  readonly log: Logger
  /** Called when a device has nothing left to set or remove. */
  readonly done: (device: Device) => void
}

/** The devices with entries to set or remove, dealt with a batch at a time. */
export class Work {
  private readonly driver: Driver
  private readonly exceptions: Exceptions
  private readonly log: Logger
  private readonly done: (device: Device) => void
  /** A full table refuses every entry: some lines tell as much as all. */
  private readonly allowance: LogAllowance
  private readonly busy = new Set<Device>()

  constructor({ clock, driver, exceptions, log, done }: WorkParts) {
    this.allowance = new LogAllowance(clock)
    this.driver = driver
    this.exceptions = exceptions
    this.log = log
    this.done = done
  }

  get isDone(): boolean {
    return this.busy.size === 0
  }

  /** The device may have entries to set or remove. */
  add(device: Device): void {
    this.busy.add(device)
  }

  /** Sets a batch of entries; true when more may be left to set. */
  setSome(): boolean {
    const batch: TableEntry[] = []
    const stuck: TableEntry[] = []
    for (const kind of TABLE_KINDS) {
      for (const device of this.busy) {
        if (device.accepting) device.tables.get(kind)?.takeSets(BATCH, batch, stuck)
      }
    }
    this.driver.hush(batch.length === BATCH && this.isBulk())
    if (stuck.length > 0) this.driver.remove(stuck)
    if (batch.length > 0) this.set(batch)
    return batch.length === BATCH
  }

  private set(batch: readonly TableEntry[]): void {
    const refused = this.driver.set(batch)
    if (refused.size === 0 && this.exceptions.size === 0) return
    for (const [i, entry] of batch.entries()) {
      const reason = refused.get(i)
      if (reason === undefined) this.exceptions.applied(entry)
      else this.refuse('set', entry, reason)
    }
  }

  /** Removes a batch of entries, in the reverse order of setting; true when more may be left to remove. */
  removeSome(): boolean {
    const batch: TableEntry[] = []
    const tables: AnyTable[] = []
    for (const kind of TABLE_KINDS.toReversed()) {
      for (const device of this.busy) {
        const table = device.tables.get(kind)
        if (device.index === null || table === undefined || device.goesWithLink(kind)) continue
        table.takeRemovals(BATCH, batch)
        while (tables.length < batch.length) tables.push(table)
      }
    }
    if (batch.length > 0) this.remove(batch, tables)
    for (const device of this.busy) {
      if (device.hasSets || device.hasRemovals) continue
      this.busy.delete(device)
      this.done(device)
    }
    return batch.length === BATCH
  }

  /** Removes entries, each of the table beside it. */
  private remove(batch: readonly TableEntry[], tables: readonly AnyTable[]): void {
    const refused = this.driver.remove(batch)
    for (const [i, entry] of batch.entries()) {
      const reason = refused.get(i)
      if (reason === undefined) {
        this.exceptions.drop(entry)
        continue
      }
      tables[i]?.linger(entry)
      this.refuse('remove', entry, reason)
    }
  }

  private refuse(op: string, entry: TableEntry, reason: string): void {
    if (reason === IPV6_DISABLED) {
      const isFirst = this.exceptions.unneeded(entry, reason)
      if (isFirst) this.log.info({ device: entry.device }, 'IPv6 is disabled: IPv6 neighbours are not set')
      return
    }
    this.exceptions.failed(entry, reason)
    const fields = { op, entry: identity(entry), reason }
    const isNew = this.exceptions.status(entry)?.attempts === 1
    const suppressed = isNew ? this.allowance.take() : null
    if (suppressed === null) this.log.debug(fields, 'entry refused')
    else this.log.warn({ ...fields, suppressed }, 'entry refused; it is tried again')
  }

  private isBulk(): boolean {
    let waiting = 0
    for (const device of this.busy) {
      for (const table of device.tables.values()) waiting += table.waiting
    }
    return waiting > BULK
  }
}
