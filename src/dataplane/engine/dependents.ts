import { masterOf } from '../kinds/index.ts'
import type { Device } from './device.ts'

/** The devices that wait for another interface, or depend on its MTU. */
export class Dependents {
  private readonly touch: (device: Device) => void
  /** Devices that cannot be set up. */
  private readonly failing = new Set<Device>()
  /** All interfaces that links have been wanted over. */
  private readonly underlays = new Set<string>()

  /** `touch` is called with devices that have to be checked. */
  constructor(touch: (device: Device) => void) {
    this.touch = touch
  }

  /** Records the underlay of a device's link. */
  add(device: Device): void {
    const underlay = underlayOf(device)
    if (underlay !== null) this.underlays.add(underlay)
  }

  setFailing(device: Device, fails: boolean): void {
    if (fails) this.failing.add(device)
    else this.failing.delete(device)
  }

  forget(device: Device): void {
    this.failing.delete(device)
  }

  /** Bridges may have appeared for which ports wait, or underlays may have another MTU. */
  changed(names: ReadonlySet<string>, devices: Iterable<Device>): void {
    this.touchPortsOf(names)
    if (![...names].some((name) => this.underlays.has(name))) return
    for (const device of devices) {
      const underlay = underlayOf(device)
      if (underlay !== null && names.has(underlay)) this.touch(device)
    }
  }

  /** Checks the ports that could not be set up, and have one of these masters. */
  touchPortsOf(masters: ReadonlySet<string>): void {
    for (const device of this.failing)
      if (device.port !== null && masters.has(masterOf(device.port))) this.touch(device)
  }
}

/** The interface that the device's link is wanted over; null for none. */
export function underlayOf({ link }: Device): string | null {
  return link !== null && 'underlay' in link ? link.underlay : null
}
