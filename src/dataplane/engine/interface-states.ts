import type { Clock } from '../../clock.ts'
import { isOwned, type Link } from '../driver.ts'
import { isExternal } from '../kinds/link-step.ts'
import type { Device } from './device.ts'
import type { Exceptions } from './exceptions.ts'

export interface InterfaceStatesDependencies {
  readonly clock: Clock
  readonly exceptions: Exceptions
  /** Called when an interface became owned, or is owned no more. */
  readonly disowned: (device: Device) => void
}

/** What follows from changes of an interface itself: whether it is up, has a carrier, its MAC address, its ownership. */
export class InterfaceStates {
  private readonly clock: Clock
  private readonly exceptions: Exceptions
  private readonly disowned: (device: Device) => void
  /** Which interfaces were up when last observed. */
  private readonly up = new Set<string>()

  constructor({ clock, exceptions, disowned }: InterfaceStatesDependencies) {
    this.clock = clock
    this.exceptions = exceptions
    this.disowned = disowned
  }

  /** The interface went down, if only for a moment. */
  down(name: string): void {
    this.up.delete(name)
  }

  /** Retries entries that failed for want of an interface when that is up. */
  handleUp(name: string, link: Link | undefined): void {
    if (link?.up && !this.up.has(name)) this.exceptions.retryOn(name)
    if (link?.up) this.up.add(name)
    else this.up.delete(name)
  }

  /** The kernel reported a change of a device's interface. */
  changed(device: Device, link: Link | undefined): void {
    this.handleOutage(device, link)
    if (link === undefined) return
    // a new MAC address of an interface changes all its neighbours
    if (device.setMac(link.mac)) this.exceptions.excuse(device.name)
    this.handleOwner(device, link)
  }

  /** A device's link and port were set up. */
  placed(device: Device, link: Link | undefined): void {
    this.handleOutage(device, link)
    if (link !== undefined) this.handleOwner(device, link)
  }

  /** External ports and bridges decide themselves whether they pass traffic; the status of the ports reports where they do not. */
  private handleOutage(device: Device, link: Link | undefined): void {
    const reason = link === undefined ? null : outageOf(device, link)
    if (reason === null) device.setOutage(null)
    else if (device.outage?.reason !== reason)
      device.setOutage({ port: device.name, reason, since: device.outage?.since ?? this.clock.epoch() })
  }

  /** Entries of an external bridge are sticky, those of an owned one are not. */
  private handleOwner(device: Device, { owned }: Link): void {
    if (device.setOwned(owned)) this.disowned(device)
  }
}

/** Why an external interface passes no traffic; null where it does. */
function outageOf({ link: wanted, port }: Device, link: Link): 'down' | 'no carrier' | null {
  if (wanted !== null) return link.up || isOwned(link) || !isExternal(wanted) ? null : 'down'
  if (port === null || link.carrier) return null
  return link.up ? 'no carrier' : 'down'
}
