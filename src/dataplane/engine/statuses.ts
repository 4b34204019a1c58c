import { identity, isLinkEntry, isTableEntry, masterOf } from '../kinds/index.ts'
import type { Counts, Entry, EntryStatus, Outage, Status } from '../model.ts'
import type { AnyTable, Device } from './device.ts'
import { type Exceptions, PROGRAMMED, pending, refusalFields, stateOf } from './exceptions.ts'

const UNWANTED = pending(null, 'not wanted')

export interface StatusesDependencies {
  readonly devices: ReadonlyMap<string, Device>
  readonly exceptions: Exceptions
  readonly isUnplaced: (device: Device) => boolean
}

/** Reports the state of entries; it stores nothing for programmed ones. */
export class Statuses {
  private readonly devices: ReadonlyMap<string, Device>
  private readonly exceptions: Exceptions
  private readonly isUnplaced: (device: Device) => boolean

  constructor({ devices, exceptions, isUnplaced }: StatusesDependencies) {
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
    if (status !== PROGRAMMED || !isTableEntry(entry)) return status
    const device = this.devices.get(entry.device)
    const queued = device?.tables.get(entry.kind)?.pending().has(entry)
    return device !== undefined && queued ? pending(device.waitingSince) : PROGRAMMED
  }

  /** The wanted entry of the identity of `entry`, and its state. */
  find(entry: Entry): EntryStatus | undefined {
    const device = this.devices.get(entry.device)
    const wanted = device && wantedUnder(device, entry)
    return wanted && { entry: wanted, status: this.of(wanted) }
  }

  /** As `of`, for an entry that is not queued. */
  tried(entry: Entry): Status {
    const device = this.devices.get(entry.device)
    if (device === undefined || !isWanted(device, entry)) return UNWANTED
    const behindFailure = device.failure !== null && isTableEntry(entry)
    return (behindFailure ? undefined : this.exceptions.status(entry)) ?? this.ofDevice(device, entry)
  }

  /** All wanted entries, of some devices or of all. */
  *entries(only?: ReadonlySet<string>): Generator<EntryStatus, void> {
    for (const device of this.devices.values()) {
      if (only?.has(device.name) === false) continue
      if (device.link !== null) yield { entry: device.link, status: this.tried(device.link) }
      if (device.port !== null) yield { entry: device.port, status: this.tried(device.port) }
      for (const table of device.tables.values()) {
        const queued = table.pending()
        for (const entry of table.entries()) {
          const status = this.tried(entry)
          const waits = status === PROGRAMMED && queued.has(entry)
          yield { entry, status: waits ? pending(device.waitingSince) : status }
        }
      }
    }
  }

  /** Failures: entries, and those removals that are tried again. */
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

  /** Unwanted entries with our mark on wanted devices: they are kept until initial convergence is complete. */
  *stale(): Generator<Entry, void> {
    for (const { tables } of this.devices.values())
      for (const table of tables.values()) yield* table.staleEntries()
  }

  /** The number of stale entries. */
  staleCount(): number {
    let count = 0
    for (const { tables } of this.devices.values())
      for (const table of tables.values()) count += table.staleSize
    return count
  }

  /** Whether the entry is unwanted, and could not be removed. */
  unremoved(entry: Entry): boolean {
    return !this.wants(entry) && this.exceptions.isRefused(entry)
  }

  /** Whether a part of an unwanted entry is still in the kernel. */
  remains(entry: Entry): boolean {
    const device = this.devices.get(entry.device)
    if (device === undefined || isWanted(device, entry)) return false
    if (this.exceptions.isRefused(entry)) return true
    if (isTableEntry(entry)) return device.tables.get(entry.kind)?.remains(entry) ?? false
    return device.leaving(entry) !== null
  }

  /** How many unwanted entries could not be removed. */
  unremovedCount(): number {
    let count = 0
    for (const { entry } of this.exceptions) if (this.unremoved(entry)) count++
    return count
  }

  /** How many removals are left that did not fail, and since when, in epoch milliseconds. */
  removing(): { readonly count: number; readonly since: number | null } {
    let count = -this.unremovedCount()
    let since = Number.POSITIVE_INFINITY
    for (const device of this.devices.values()) {
      const size = device.leavingSize
      count += size
      if (size > 0) since = Math.min(since, device.leavingSince ?? since)
    }
    return count > 0 && since !== Number.POSITIVE_INFINITY
      ? { count, since }
      : { count: Math.max(0, count), since: null }
  }

  /** By device, how many entries it has no use for. */
  unneeded(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { entry, status } of this.exceptions)
      if (status.state === 'unneeded') counts.set(entry.device, (counts.get(entry.device) ?? 0) + 1)
    return counts
  }

  /** The attached ports that pass no traffic. */
  *outages(): Generator<Outage, void> {
    for (const { name, link, port, outage } of this.devices.values()) {
      if (port === null || link !== null) continue
      const above = this.devices.get(masterOf(port))?.outage
      if (outage !== null) yield outage
      else if (above) yield { port: name, reason: `${above.port} is ${above.reason}`, since: above.since }
    }
  }

  counts(): Counts {
    const tally = { pending: 0, programmed: 0, failed: 0, unneeded: 0 }
    const queues = new Map<AnyTable, ReturnType<AnyTable['pending']>>()
    for (const device of this.devices.values()) {
      if (device.link !== null) tally[this.tried(device.link).state]++
      if (device.port !== null) tally[this.tried(device.port).state]++
      const state = tableState(device)
      for (const table of device.tables.values()) {
        const waiting = table.pending()
        if (waiting.size > 0) queues.set(table, waiting)
        const queued = state === 'programmed' ? waiting.size : 0
        tally[state] += table.size - queued
        tally.pending += queued
      }
    }
    for (const { entry, status } of this.exceptions) {
      const device = this.devices.get(entry.device)
      if (device === undefined || !isTableEntry(entry) || !isWanted(device, entry)) continue
      const queued = queues.get(device.table(entry.kind))?.has(entry)
      const state = tableState(device)
      if (device.failure !== null) continue
      const before = state === 'programmed' && queued ? 'pending' : state
      tally[before]--
      tally[status === PROGRAMMED ? before : status.state]++
    }
    const { pending, programmed, failed } = tally
    return { wanted: pending + programmed + failed, pending, programmed, failed }
  }

  /** Since when the longest waiting entry is not programmed, in epoch milliseconds; null when none waits. */
  waitingSince(): number | null {
    let since = Number.POSITIVE_INFINITY
    for (const device of this.devices.values()) {
      if (device.failure === null && !device.isUnwanted) since = Math.min(since, device.waitingSince ?? since)
    }
    for (const { status } of this.exceptions) {
      if (status.state === 'pending') since = Math.min(since, status.since ?? since)
    }
    return since === Number.POSITIVE_INFINITY ? null : since
  }

  private ofDevice(device: Device, entry: Entry): Status {
    if (device.failure !== null && !isLinkEntry(entry)) {
      const { refusal, since, nextTry } = device.failure
      const culprit = this.culprit(device)
      const attempts = culprit?.attempts ?? 1
      const retry = culprit === undefined ? nextTry : culprit.nextTry
      return { state: stateOf(refusal), ...refusalFields(refusal), attempts, since, nextTry: retry }
    }
    const placed = isTableEntry(entry) ? device.index !== null : !this.isUnplaced(device)
    return placed ? PROGRAMMED : pending(device.waitingSince)
  }

  /** The failure of the device's link or port, which blocks its entries. */
  private culprit(device: Device): Status | undefined {
    for (const entry of [device.link, device.port]) {
      if (entry !== null && this.exceptions.isRefused(entry)) return this.exceptions.status(entry)
    }
    return undefined
  }
}

/** The state that all entries of a device share. */
function tableState(device: Device): Status['state'] {
  if (device.failure !== null) return stateOf(device.failure.refusal)
  return device.index === null ? 'pending' : 'programmed'
}

function isWanted(device: Device, entry: Entry): boolean {
  if (isTableEntry(entry)) return device.tables.get(entry.kind)?.wants(entry) ?? false
  return device.wanted(entry) !== null
}

function wantedUnder(device: Device, entry: Entry): Entry | undefined {
  if (isTableEntry(entry)) return device.tables.get(entry.kind)?.find(entry)
  return device.wanted(entry) ?? undefined
}
