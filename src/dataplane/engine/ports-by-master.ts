import { assert } from '../../values/assert.ts'
import type { Device } from './device.ts'

/** Devices by their bridge or VRF: each notification of a bridge looks them up. */
export class PortsByMaster {
  private readonly byMaster = new Map<string, Set<Device>>()

  of(master: string): Iterable<Device> {
    return this.byMaster.get(master) ?? []
  }

  /** Records a device's master; null: none. */
  move(device: Device, master: string | null): void {
    const before = device.master === null ? undefined : this.byMaster.get(device.master)
    if (device.master !== null) {
      assert(before?.delete(device) === true, 'a port is not among those of its master', device.name)
      if (before.size === 0) this.byMaster.delete(device.master)
    }
    device.moved(master)
    if (master === null) return
    const members = this.byMaster.get(master) ?? new Set()
    this.byMaster.set(master, members.add(device))
  }
}
