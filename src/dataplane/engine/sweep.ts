import type { Clock } from '../../clock.ts'
import type { Device } from './device.ts'

/**
 * How long entries of an adopted device are kept after convergence: an instance that has just begun to import routes
 * for it gets no End-of-RIB to wait for.
 */
const ADOPTION_MS = 60_000

/** Gives up the unwanted entries of devices once the desired state is complete. */
export class Sweep {
  private readonly clock: Clock
  private readonly devices: ReadonlyMap<string, Device>
  private readonly released: (device: Device) => void
  private readonly touch: (device: Device) => void
  private begun = false

  /** `released` is called when a device may have something to remove, `touch` when it is to be recreated. */
  constructor(
    clock: Clock,
    devices: ReadonlyMap<string, Device>,
    released: (device: Device) => void,
    touch: (device: Device) => void,
  ) {
    this.clock = clock
    this.devices = devices
    this.released = released
    this.touch = touch
  }

  /** The desired state is complete. */
  begin(): void {
    this.begun = true
    for (const device of this.devices.values()) this.sweep(device)
  }

  /** The device's entries are known; a device that was not known before gets its own delay. */
  dumped(device: Device): void {
    if (this.begun && device.adopted) this.sweep(device)
    else if (this.begun) this.clock.after(ADOPTION_MS, () => this.sweepLate(device))
    device.adopt()
  }

  /** The device was created or enslaved just now, and holds nothing. */
  startEmpty(device: Device, index: number): void {
    device.startEmpty(index)
    if (this.begun) device.setComplete()
  }

  private sweepLate(device: Device): void {
    if (this.devices.get(device.name) === device) this.sweep(device)
  }

  private sweep(device: Device): void {
    for (const table of device.tables.values()) table.sweep()
    device.setComplete()
    if (device.outdated) this.touch(device)
    this.released(device)
  }
}
