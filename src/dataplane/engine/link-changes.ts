import type { Closable } from '../../values/closable.ts'
import type { Driver, Link } from '../driver.ts'
import { allAnswered, type Eventual, whenAnswered } from '../eventual.ts'
import type { Device } from './device.ts'
import type { Exceptions } from './exceptions.ts'
import type { InterfaceStates } from './interface-states.ts'
import { orUnknown, UNKNOWN } from './lost-answers.ts'
import { misplaced } from './placement.ts'

/** Interfaces handled in one turn, so that a change that concerns all of them holds up no other work. */
const LINKS_A_TURN = 32
/** The same where the driver answers later. */
const LATE_LINKS_A_TURN = 256

export interface LinkChangesDependencies {
  readonly driver: Driver
  readonly devices: ReadonlyMap<string, Device>
  readonly exceptions: Exceptions
  readonly states: InterfaceStates
  /** Whether the device is to be checked anyway. */
  readonly isQueued: (device: Device) => boolean
  /** Called with a device whose interface is gone. */
  readonly lose: (device: Device) => void
  /** Called with a device that has to be checked. */
  readonly touch: (device: Device) => void
}

/** What follows from changes of interfaces that the driver reports: it is asked for each as it is now. */
export class LinkChanges implements Closable {
  private readonly driver: Driver
  private readonly devices: ReadonlyMap<string, Device>
  private readonly exceptions: Exceptions
  private readonly states: InterfaceStates
  private readonly isQueued: LinkChangesDependencies['isQueued']
  private readonly lose: LinkChangesDependencies['lose']
  private readonly touch: LinkChangesDependencies['touch']
  private isLate = false
  private isClosed = false

  constructor({ driver, devices, exceptions, states, isQueued, lose, touch }: LinkChangesDependencies) {
    this.driver = driver
    this.devices = devices
    this.exceptions = exceptions
    this.states = states
    this.isQueued = isQueued
    this.lose = lose
    this.touch = touch
  }

  /** How many interfaces to hand over in one turn. */
  get most(): number {
    return this.isLate ? LATE_LINKS_A_TURN : LINKS_A_TURN
  }

  /** Nothing is asked after this, whatever is answered then. */
  close(): void {
    this.isClosed = true
  }

  handle(names: Iterable<string>): Eventual<void> {
    return allAnswered(Array.from(names, (name) => this.ask(name)))
  }

  private ask(name: string): Eventual<void> {
    if (!this.devices.has(name) && this.exceptions.size === 0) return
    const answer = orUnknown(this.driver.link(name))
    this.isLate = answer instanceof Promise
    return whenAnswered(answer, (link) => {
      if (this.isClosed) return
      // the device may have been dropped meanwhile, and may have a successor
      const device = this.devices.get(name)
      if (link !== UNKNOWN) return this.observed(name, device, link)
      if (device !== undefined) this.touch(device)
    })
  }

  private observed(name: string, device: Device | undefined, link: Link | undefined): Eventual<void> {
    this.states.handleUp(name, link)
    if (device === undefined) return
    this.states.changed(device, link)
    if (this.isQueued(device)) return
    if (link === undefined) return this.lost(device)
    if (device.observedIndex !== link.index) {
      this.lose(device)
      return this.touch(device)
    }
    const wrong = device.failure === null ? misplaced(device, link, this.driver) : undefined
    return whenAnswered(orUnknown(wrong), (entry) => {
      if (entry === UNKNOWN || (entry === undefined && device.master !== link.master)) this.touch(device)
      // it may have been released or changed before a late answer
      else if (entry !== undefined && device.wanted(entry) === entry) this.exceptions.drifted(entry)
    })
  }

  private lost(device: Device): void {
    if (device.observedIndex === null) return
    const expected = device.failure === null ? device.link : null
    this.lose(device)
    if (expected === null) this.touch(device)
    else this.exceptions.drifted(expected)
  }
}
