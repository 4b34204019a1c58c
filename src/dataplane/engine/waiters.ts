import type { Closable } from '../../values/closable.ts'
import type { Mark } from '../../values/queue.ts'
import { isTableEntry } from '../kinds/index.ts'
import type { Entry, EntryStatus, Status } from '../model.ts'
import type { AnyTable, Device } from './device.ts'
import type { Devices } from './devices.ts'
import type { Statuses } from './statuses.ts'

/** Callers that wait until entries were tried, or are gone. */
export class Waiters implements Closable {
  private readonly devices: Devices
  private readonly statuses: Statuses
  private readonly settling = new Map<Waiter, (open: readonly EntryStatus[]) => void>()
  private leaving: { readonly entries: readonly Entry[]; readonly resolve: () => void }[] = []

  constructor(devices: Devices, statuses: Statuses) {
    this.devices = devices
    this.statuses = statuses
  }

  /** Whether a caller waits for entries to be tried. */
  get areSettling(): boolean {
    return this.settling.size > 0
  }

  settled(entries: readonly Entry[]): Promise<readonly EntryStatus[]> {
    return new Promise((resolve) => {
      this.settling.set(new Waiter(entries, this.devices.all), resolve)
      this.answerSettled()
    })
  }

  gone(entries: readonly Entry[]): Promise<void> {
    return new Promise((resolve) => this.leaving.push({ entries, resolve }))
  }

  /** Answers the callers whose entries were tried; returns whether there were any. */
  answerSettled(): boolean {
    const before = this.settling.size
    for (const waiter of this.settling.keys())
      if (waiter.isOver(this.devices)) this.answer(waiter, (entry) => this.statuses.tried(entry))
    return this.settling.size < before
  }

  /** Answers the callers whose entries are gone. */
  answerGone(): void {
    const over = this.leaving.filter(({ entries }) => !entries.some((entry) => this.statuses.remains(entry)))
    if (over.length === 0) return
    this.leaving = this.leaving.filter((one) => !over.includes(one))
    for (const { resolve } of over) resolve()
  }

  /** Answers the callers that wait for entries to be tried with the present state of these. */
  close(): void {
    for (const waiter of this.settling.keys()) this.answer(waiter, (entry) => this.statuses.of(entry))
  }

  private answer(waiter: Waiter, statusOf: (entry: Entry) => Status): void {
    const resolve = this.settling.get(waiter)
    this.settling.delete(waiter)
    const statuses = waiter.entries.map((entry) => ({ entry, status: statusOf(entry) }))
    resolve?.(statuses.filter(({ status }) => status.state === 'pending' || status.state === 'failed'))
  }
}

/** A caller that waits until entries were tried. */
class Waiter {
  readonly entries: readonly Entry[]
  private readonly devices = new Map<Device, Map<AnyTable, Mark>>()

  constructor(entries: readonly Entry[], devices: ReadonlyMap<string, Device>) {
    this.entries = entries
    for (const entry of entries) {
      const device = devices.get(entry.device)
      if (device === undefined) continue
      const marks = this.devices.get(device) ?? new Map<AnyTable, Mark>()
      this.devices.set(device, marks)
      if (!isTableEntry(entry)) continue
      const table = device.table(entry.kind)
      if (!marks.has(table)) marks.set(table, table.mark())
    }
  }

  /** All devices at once: one that is done may be checked again on account of another one. */
  isOver(devices: Devices): boolean {
    for (const [device, marks] of this.devices) {
      if (devices.isUnplaced(device) || devices.awaitsMaster(device)) return false
      const lives = devices.all.get(device.name) === device && device.failure === null
      if (lives && !allPassed(marks)) return false
    }
    return true
  }
}

function allPassed(marks: Map<AnyTable, Mark>): boolean {
  for (const [table, mark] of marks) {
    const now = table.mark()
    if (table.passed(mark) ?? table.passed(now)) marks.delete(table)
    else if (mark.epoch !== now.epoch) marks.set(table, now)
  }
  return marks.size === 0
}
