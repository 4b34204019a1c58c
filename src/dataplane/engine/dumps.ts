import type { Closable } from '../../values/closable.ts'
import type { Driver } from '../driver.ts'
import { allAnswered, type Eventual, whenAnswered } from '../eventual.ts'
import type { TableEntry } from '../kinds/index.ts'
import type { Device } from './device.ts'
import { DeviceDump } from './device-dump.ts'
import type { Exceptions } from './exceptions.ts'
import type { Sweep } from './sweep.ts'

/** Devices whose dumps go on in one turn: they hold up the thread where the driver answers at once. */
const DUMPS_A_TURN = 4
/** The same where it answers later. */
const LATE_DUMPS_A_TURN = 64

export interface DumpsDependencies {
  readonly driver: Driver
  readonly exceptions: Exceptions
  readonly sweep: Sweep
  /** Called when the entries of a device are known. */
  readonly over: (device: Device) => void
  /** Called when they cannot be read. */
  readonly failed: (device: Device, error: unknown) => void
}

/** The devices whose entries are being dumped, a few chunks a turn. */
export class Dumps implements Closable {
  private readonly driver: Driver
  private readonly exceptions: Exceptions
  private readonly sweep: Sweep
  private readonly over: (device: Device) => void
  private readonly failed: (device: Device, error: unknown) => void
  private readonly devices = new Set<Device>()

  constructor({ driver, exceptions, sweep, over, failed }: DumpsDependencies) {
    this.driver = driver
    this.exceptions = exceptions
    this.sweep = sweep
    this.over = over
    this.failed = failed
  }

  /** The devices with a dump under way. */
  get open(): Iterable<Device> {
    return this.devices
  }

  /** Nothing is asked after this, whatever is answered then. */
  close(): void {
    this.devices.clear()
  }

  get hasWork(): boolean {
    return this.devices.size > 0
  }

  has(device: Device): boolean {
    return this.devices.has(device)
  }

  start(device: Device): void {
    device.beginDump(new DeviceDump(device, this.driver.dump(device.name)))
    this.devices.add(device)
  }

  /** The interface is gone. */
  drop(device: Device): void {
    this.devices.delete(device)
  }

  /** Reads the next chunks. */
  advance(): Eventual<void> {
    const answers: Eventual<void>[] = []
    let most = DUMPS_A_TURN
    for (const device of [...this.devices].slice(0, LATE_DUMPS_A_TURN)) {
      if (answers.length === most) break
      const answer = this.continue(device)
      if (answer instanceof Promise) most = LATE_DUMPS_A_TURN
      answers.push(answer)
    }
    return allAnswered(answers)
  }

  /** Entries that need this interface may be lost, whether or not dumps have read them. */
  disrupted(name: string): void {
    for (const { dump } of this.devices) dump?.disrupted.add(name)
  }

  /** Entries were removed: dumps that are under way may still show them. */
  removed(entries: readonly TableEntry[], deviceOf: (name: string) => Device | undefined): void {
    if (this.devices.size === 0) return
    for (const entry of entries) deviceOf(entry.device)?.dump?.noteRemoved(entry)
  }

  private continue(device: Device): Eventual<void> {
    const { dump } = device
    if (dump === null) return void this.devices.delete(device)
    const failed = (error: unknown) => this.failed(device, error)
    try {
      const answer = whenAnswered(dump.step(), (isOver) => {
        this.devices.delete(device)
        if (isOver) this.end(device, dump)
        else this.devices.add(device)
      })
      return answer instanceof Promise ? answer.catch(failed) : answer
    } catch (error) {
      return failed(error)
    }
  }

  private end(device: Device, dump: DeviceDump): void {
    dump.finish()
    device.endDump()
    this.sweep.dumped(device)
    // the last observation may show only its earlier state
    if (device.accepting) for (const name of dump.disrupted) device.requeueDependents(name)
    this.exceptions.retryEntries(device.name)
    this.over(device)
  }
}
