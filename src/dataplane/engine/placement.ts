import { type Driver, isOwned, type Link } from '../driver.ts'
import { type Eventual, whenAnswered } from '../eventual.ts'
import {
  type DeviceEntry,
  LINK_KINDS,
  type LinkEntry,
  linkDefinition,
  masterOf,
  type PortEntry,
  portDefinition,
} from '../kinds/index.ts'
import { isExternal, isPlaced, type LinkStep, linkStep } from '../kinds/link-step.ts'
import { missing, type Refusal } from '../refusal.ts'
import type { Device } from './device.ts'
import { orLost } from './lost-answers.ts'

/** A bridge or VRF must exist before its ports, and its ports must leave it before it can be removed. */
export const PLACING_ORDER: readonly (LinkEntry['kind'] | undefined)[] = [...LINK_KINDS, undefined]

/** The result of setting up a device's link and port. */
export interface Placement {
  /** Why it failed, if it did. */
  readonly refusal: Refusal | null
  /** The entry that failed, if any. */
  readonly culprit: DeviceEntry | null
  readonly link: Link | undefined
  /** Whether the device was created now, and so holds nothing. */
  readonly fresh: boolean
  /** Whether it was enslaved now, which costs it the entries it held. */
  readonly moved: boolean
  /** Whether another program turned learning on, so that MACs may be at another port than is wanted: bridges do not report what they learn. */
  readonly learned: boolean
}

/** Creates or adjusts a device's own link, then its port; the device comes up last, so that it forwards nothing before it is enslaved. */
export function place(device: Device, driver: Driver): Eventual<Placement> {
  return new Placing(device, driver).run()
}

/** The steps of one placement. What is wanted may change before they are answered. */
class Placing {
  private readonly name: string
  private readonly wanted: LinkEntry | null
  private readonly port: PortEntry | null
  private readonly complete: boolean
  private readonly driver: Driver
  private link: Link | undefined
  private fresh = false
  private moved = false
  private learned = false

  constructor({ name, link, port, complete }: Device, driver: Driver) {
    this.name = name
    this.wanted = link
    this.port = port
    this.complete = complete
    this.driver = driver
  }

  run(): Eventual<Placement> {
    this.link = this.driver.link(this.name)
    if (this.link !== undefined || this.wanted === null) return this.setLink()
    return whenAnswered(orLost(this.driver.reclaim(this.wanted)), (link) => {
      if (link !== undefined && 'code' in link) return this.fail(link, this.wanted)
      this.link = link
      return this.setLink()
    })
  }

  private setLink(): Eventual<Placement> {
    const { wanted, driver } = this
    if (wanted === null) return this.setPort()
    const measuredLink = measured(wanted, driver)
    const step = stepTo(measuredLink, this.link, driver, this.complete)
    if (step.do === 'refuse') return this.fail(step.refusal, wanted)
    if (step.do === 'nothing') return this.setPort()
    const removal = step.do === 'recreate' ? orLost(driver.removeDevice(wanted)) : null
    const setting = whenAnswered(removal, (refusal) => refusal ?? driver.setDevice(measuredLink))
    return this.after(setting, wanted, () => {
      this.fresh = step.do !== 'adjust'
      return this.setPort()
    })
  }

  private setPort(): Eventual<Placement> {
    const { port, link, driver } = this
    if (link === undefined) return this.fail(missing(this.name), port)
    if (port === null) return this.setUp()
    const moved = link.master !== masterOf(port)
    this.learned = !moved && (portDefinition(port.kind).hasLearned?.(port, link) ?? false)
    if (isPlaced(port, link)) return this.setUp()
    return this.after(driver.setDevice(port), port, () => {
      this.moved = moved
      return this.setUp()
    })
  }

  private setUp(): Eventual<Placement> {
    const { wanted, link, driver } = this
    if (wanted === null || link === undefined || !isDown(wanted, link)) return this.end(null, null)
    return this.after(driver.setUp(this.name), wanted, () => this.end(null, null))
  }

  /** Goes on after a change of the device, unless it was refused. */
  private after(
    answer: Eventual<Refusal | null>,
    culprit: DeviceEntry,
    next: () => Eventual<Placement>,
  ): Eventual<Placement> {
    return whenAnswered(orLost(answer), (refusal) => {
      this.link = this.driver.link(this.name)
      return refusal === null ? next() : this.fail(refusal, culprit)
    })
  }

  private fail(refusal: Refusal, culprit: DeviceEntry | null): Placement {
    this.moved = false
    this.learned = false
    return this.end(refusal, culprit)
  }

  private end(refusal: Refusal | null, culprit: DeviceEntry | null): Placement {
    const { link, fresh, moved, learned } = this
    return { refusal, culprit, link, fresh, moved, learned }
  }
}

/** The difference between a device's link or port and the wanted one, if any. */
export function misplaced(device: Device, link: Link, driver: Driver): DeviceEntry | undefined {
  if (device.link !== null && !isAsWanted(device.link, link, driver)) return device.link
  if (device.port !== null && !isPlaced(device.port, link)) return device.port
  return undefined
}

/** Whether a link needs no change. */
export function isAsWanted(wanted: LinkEntry, link: Link | undefined, driver: Driver): boolean {
  if (link === undefined || isDown(wanted, link)) return false
  return stepTo(measured(wanted, driver), link, driver).do === 'nothing'
}

/** The step that a link needs; a bridge has to be isolated too, even an external one. */
function stepTo(wanted: LinkEntry, link: Link | undefined, driver: Driver, isComplete = false): LinkStep {
  const step = linkStep(wanted, link, isComplete)
  const isOpen =
    step.do === 'nothing' &&
    linkDefinition(wanted.kind).isBridge &&
    link !== undefined &&
    !driver.isIsolated(link)
  return isOpen ? { do: 'adjust' } : step
}

/** Whether an owned link has to be set up. */
function isDown(wanted: LinkEntry, link: Link): boolean {
  return !link.up && (!isExternal(wanted) || isOwned(link))
}

/** The link with the MTU that it should have now. */
function measured(wanted: LinkEntry, driver: Driver): LinkEntry {
  if (!('underlay' in wanted) || wanted.mtu !== null) return wanted
  const underlay = wanted.underlay === null ? undefined : driver.link(wanted.underlay)
  const mtu = linkDefinition(wanted.kind).mtuOver?.(wanted, underlay?.mtu) ?? null
  return { ...wanted, mtu }
}
