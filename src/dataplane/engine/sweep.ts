import type { Clock } from '../../clock.ts'
import type { Device } from './device.ts'

/**
 * So long what an adopted device held is kept although all routes are here: those that somebody has just begun to import
 * for it have no end to wait for.
 */
const ADOPTION_MS = 60_000

/** Gives up what devices hold and nobody wants, once the desired state is complete. */
export class Sweep {
  private readonly clock: Clock
  private readonly devices: ReadonlyMap<string, Device>
  private readonly released: (device: Device) => void
  private begun = false

  /** `released` is called when there may be something to remove of a device. */
  constructor(clock: Clock, devices: ReadonlyMap<string, Device>, released: (device: Device) => void) {
    this.clock = clock
    this.devices = devices
    this.released = released
  }

  /** The desired state is complete. */
  begin(): void {
    this.begun = true
    for (const device of this.devices.values()) this.sweep(device)
  }

  /** It is known what the device holds; one that was not known before has its time. */
  dumped(device: Device): void {
    if (this.begun && device.adopted) this.sweep(device)
    else if (this.begun) this.clock.after(ADOPTION_MS, () => this.sweepLate(device))
    device.adopt()
  }

  private sweepLate(device: Device): void {
    if (this.devices.get(device.name) === device) this.sweep(device)
  }

  private sweep(device: Device): void {
    for (const table of device.tables.values()) table.sweep()
    this.released(device)
  }
}
