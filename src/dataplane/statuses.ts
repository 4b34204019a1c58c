import type { AnyTable, Device } from './device.ts'
import { APPLIED, type Exceptions } from './exceptions.ts'
import { isTableEntry } from './layout.ts'
import { type Entry, identity, type Status } from './model.ts'

const PENDING: Status = { state: 'pending', reason: null, attempts: 0 }
const UNWANTED: Status = { state: 'pending', reason: 'not wanted', attempts: 0 }

export interface EntryStatus {
  readonly entry: Entry
  readonly status: Status
}

export interface Counts {
  readonly wanted: number
  readonly applied: number
  readonly pending: number
  readonly failed: number
}

export interface StatusesParts {
  readonly devices: ReadonlyMap<string, Device>
  readonly exceptions: Exceptions
  readonly isUnplaced: (device: Device) => boolean
}

/** Tells what became of entries; nothing is kept for those that are in place. */
export class Statuses {
  private readonly devices: ReadonlyMap<string, Device>
  private readonly exceptions: Exceptions
  private readonly isUnplaced: (device: Device) => boolean

  constructor({ devices, exceptions, isUnplaced }: StatusesParts) {
    this.devices = devices
    this.exceptions = exceptions
    this.isUnplaced = isUnplaced
  }

  wants(entry: Entry): boolean {
    const device = this.devices.get(entry.device)
    return device !== undefined && isWanted(device, entry)
  }

  of(entry: Entry): Status {
    const status = this.tried(entry)
    if (status !== APPLIED || !isTableEntry(entry)) return status
    const queued = this.devices.get(entry.device)?.tables.get(entry.kind)?.pending().has(entry)
    return queued ? PENDING : APPLIED
  }

  /** As `of`, for an entry that is not queued. */
  tried(entry: Entry): Status {
    const device = this.devices.get(entry.device)
    if (device === undefined || !isWanted(device, entry)) return UNWANTED
    const behindFailure = device.failure !== null && isTableEntry(entry)
    return (behindFailure ? undefined : this.exceptions.status(entry)) ?? this.ofDevice(device, entry)
  }

  *entries(): Generator<EntryStatus, void> {
    for (const device of this.devices.values()) {
      if (device.link !== null) yield { entry: device.link, status: this.tried(device.link) }
      if (device.port !== null) yield { entry: device.port, status: this.tried(device.port) }
      for (const table of device.tables.values()) {
        const pending = table.pending()
        for (const entry of table.entries()) {
          const status = this.tried(entry)
          yield { entry, status: status === APPLIED && pending.has(entry) ? PENDING : status }
        }
      }
    }
  }

  /** What failed: entries, and of removals those that are tried again. */
  *failures(): Generator<EntryStatus, void> {
    const failing = new Set<string>()
    for (const exception of this.exceptions) {
      if (exception.status.state !== 'failed') continue
      failing.add(identity(exception.entry))
      yield exception
    }
    for (const device of this.devices.values()) {
      if (device.failure === null) continue
      for (const entry of device.entries()) {
        const status = this.tried(entry)
        if (status.state === 'failed' && !failing.has(identity(entry))) yield { entry, status }
      }
    }
  }

  counts(): Counts {
    const tally = { pending: 0, applied: 0, failed: 0 }
    const queues = new Map<AnyTable, ReturnType<AnyTable['pending']>>()
    for (const device of this.devices.values()) {
      if (device.link !== null) tally[this.tried(device.link).state]++
      if (device.port !== null) tally[this.tried(device.port).state]++
      const state = tableState(device)
      for (const table of device.tables.values()) {
        const pending = table.pending()
        queues.set(table, pending)
        const queued = state === 'applied' ? pending.size : 0
        tally[state] += table.size - queued
        tally.pending += queued
      }
    }
    for (const { entry, status } of this.exceptions) {
      const device = this.devices.get(entry.device)
      if (device === undefined || !isTableEntry(entry) || !isWanted(device, entry)) continue
      const queued = queues.get(device.table(entry.kind))?.has(entry)
      const state = tableState(device)
      if (state === 'failed') continue
      const counted = state === 'applied' && queued ? 'pending' : state
      tally[counted]--
      tally[status === APPLIED ? counted : status.state]++
    }
    return { wanted: tally.pending + tally.applied + tally.failed, ...tally }
  }

  private ofDevice(device: Device, entry: Entry): Status {
    const isLink = entry.kind === 'bridge' || entry.kind === 'vxlan'
    if (device.failure !== null && !isLink) {
      return { state: 'failed', reason: device.failure, attempts: this.attempts(device) }
    }
    const placed = isTableEntry(entry) ? device.index !== null : !this.isUnplaced(device)
    return placed ? APPLIED : PENDING
  }

  private attempts(device: Device): number {
    for (const entry of [device.link, device.port]) {
      const status = entry && this.exceptions.status(entry)
      if (status?.state === 'failed') return status.attempts
    }
    return 1
  }
}

/** Where the entries of a device stand as a whole. */
function tableState(device: Device): Status['state'] {
  if (device.failure !== null) return 'failed'
  return device.index === null ? 'pending' : 'applied'
}

function isWanted(device: Device, entry: Entry): boolean {
  if (isTableEntry(entry)) return device.tables.get(entry.kind)?.wants(entry) ?? false
  return entry.kind === 'port' ? device.port !== null : device.link !== null
}
