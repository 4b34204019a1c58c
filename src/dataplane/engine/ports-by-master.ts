import { assert } from '../../values/assert.ts'
import type { Device } from './device.ts'

/** Devices by the bridge or VRF that they are in: each notification of a bridge asks for them. */
export class PortsByMaster {
  private readonly byMaster = new Map<string, Set<Device>>()

  of(master: string): Iterable<Device> {
    return this.byMaster.get(master) ?? []
  }

  /** Notes where a device is; null: in none. */
  move(device: Device, master: string | null): void {
    const before = device.master === null ? undefined : this.byMaster.get(device.master)
    if (device.master !== null) {
      assert(before?.delete(device) === true, 'a port is not among those of its master', device.name)
      if (before.size === 0) this.byMaster.delete(device.master)
    }
    device.master = master
    if (master === null) return
    const members = this.byMaster.get(master) ?? new Set()
    this.byMaster.set(master, members.add(device))
  }
}
