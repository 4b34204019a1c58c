import type { Closable } from '../../values/closable.ts'
import type { Driver } from '../driver.ts'
import { allAnswered, type Eventual, whenAnswered } from '../eventual.ts'
import type { Device } from './device.ts'
import { PLACING_ORDER, type PlacingResult, place } from './placement.ts'

/** Devices that are enslaved or checked in one turn: they hold up the thread where the driver answers at once. */
const DEVICES_A_TURN = 4
/** The same where it answers later. */
const LATE_DEVICES_A_TURN = 256

export interface PlacementQueueDependencies {
  readonly driver: Driver
  /** Called before the driver is asked; removes what is in the way of the device. */
  readonly prepare: (device: Device) => Eventual<void>
  /** Called with the result, unless the device was queued again meanwhile. */
  readonly placed: (device: Device, result: PlacingResult) => Eventual<void>
}

/** The devices whose link and port are to be checked and set, a few in each turn, in the order of their kinds. */
export class PlacementQueue implements Closable {
  private readonly queued = new Set<Device>()
  /** Devices of which the driver has been asked to change the link or port, and has not answered yet. */
  private readonly placing = new Set<Device>()
  private readonly driver: Driver
  private readonly prepare: PlacementQueueDependencies['prepare']
  private readonly placed: PlacementQueueDependencies['placed']
  private isClosed = false

  constructor({ driver, prepare, placed }: PlacementQueueDependencies) {
    this.driver = driver
    this.prepare = prepare
    this.placed = placed
  }

  /** Nothing is asked after this, whatever is answered then. */
  close(): void {
    this.isClosed = true
  }

  get isEmpty(): boolean {
    return this.queued.size === 0
  }

  add(device: Device): void {
    this.queued.add(device)
  }

  delete(device: Device): void {
    this.queued.delete(device)
  }

  /** Whether the device is to be checked. */
  has(device: Device): boolean {
    return this.queued.has(device)
  }

  /** Whether the device is to be checked, or the driver has not answered yet. */
  isUnfinished(device: Device): boolean {
    return this.queued.has(device) || this.placing.has(device)
  }

  /** The devices of which `isUnfinished` is true. */
  *unfinished(): Generator<Device, void> {
    yield* this.queued
    yield* this.placing
  }

  /**
   * Takes the next few devices. Where answers come later, only devices of one kind are set up at a time: those of
   * later kinds need them.
   */
  placeSome(): Eventual<void> {
    const answers: Eventual<void>[] = []
    let kind: string | undefined
    for (const device of this.next()) {
      if (this.placing.size > 0 && device.link?.kind !== kind) break
      kind = device.link?.kind
      answers.push(this.place(device))
    }
    return allAnswered(answers)
  }

  private *next(): Generator<Device, void> {
    let taken = 0
    for (const kind of PLACING_ORDER) {
      for (const device of this.queued) {
        if (taken === (this.placing.size > 0 ? LATE_DEVICES_A_TURN : DEVICES_A_TURN)) return
        if (device.link?.kind !== kind) continue
        taken++
        yield device
      }
    }
  }

  private place(device: Device): Eventual<void> {
    this.queued.delete(device)
    const placed = whenAnswered(this.prepare(device), () =>
      this.isClosed ? null : place(device, this.driver, () => this.isClosed),
    )
    const answer = whenAnswered(placed, (result) => {
      this.placing.delete(device)
      // where it changed meanwhile, it is set up once more
      return this.isClosed || this.queued.has(device) ? undefined : this.placed(device, result)
    })
    if (!(answer instanceof Promise)) return answer
    this.placing.add(device)
    // also where the steps after a late answer throw
    return answer.finally(() => this.placing.delete(device))
  }
}
