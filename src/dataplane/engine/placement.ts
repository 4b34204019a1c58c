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
import { driverLost, missing, type Refusal } from '../refusal.ts'
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

/** The driver's answer to a query was lost: the interface is not known. */
export interface Unanswered {
  readonly link: null
  readonly refusal: Refusal
  /** The entry that waits for it, if any. */
  readonly culprit: DeviceEntry | null
}

/** Null: the desired state changed before a late answer came, or the engine was stopped; nothing more was asked then. */
export type PlacingResult = Placement | Unanswered | null

/** Creates or adjusts a device's own link, then its port; the device comes up last, so that it forwards nothing before it is enslaved. */
export function place(device: Device, driver: Driver, isStopped: () => boolean): Eventual<PlacingResult> {
  return new Placing(device, driver, isStopped).run()
}

/** The steps of one placement. */
class Placing {
  private readonly device: Device
  private readonly wanted: LinkEntry | null
  private readonly port: PortEntry | null
  private readonly complete: boolean
  private readonly driver: Driver
  private readonly isStopped: () => boolean
  private link: Link | undefined
  private fresh = false
  private moved = false
  private learned = false

  constructor(device: Device, driver: Driver, isStopped: () => boolean) {
    this.device = device
    this.wanted = device.link
    this.port = device.port
    this.complete = device.complete
    this.driver = driver
    this.isStopped = isStopped
  }

  run(): Eventual<PlacingResult> {
    const { wanted, driver } = this
    return this.ask(driver.link(this.device.name), (link) => {
      this.link = link
      if (link !== undefined || wanted === null) return this.setLink()
      return this.ask(driver.reclaim(wanted), (reclaimed) => {
        this.link = reclaimed
        return this.setLink()
      })
    })
  }

  private setLink(): Eventual<PlacingResult> {
    const { wanted, driver } = this
    if (wanted === null) return this.setPort()
    return this.ask(measured(wanted, driver), (measuredLink) =>
      this.ask(stepTo(measuredLink, this.link, driver, this.complete), (step) => {
        if (step.do === 'refuse') return this.fail(step.refusal, wanted)
        if (step.do === 'nothing') return this.setPort()
        const removal = step.do === 'recreate' ? orLost(driver.removeDevice(wanted)) : null
        const setting = whenAnswered(removal, (refusal) => refusal ?? driver.setDevice(measuredLink))
        return this.after(setting, wanted, () => {
          this.fresh = step.do !== 'adjust'
          return this.setPort()
        })
      }),
    )
  }

  private setPort(): Eventual<PlacingResult> {
    const { port, link, driver } = this
    if (link === undefined) return this.fail(missing(this.device.name), port)
    if (port === null) return this.setUp()
    const moved = link.master !== masterOf(port)
    this.learned = !moved && (portDefinition(port.kind).hasLearned?.(port, link) ?? false)
    if (isPlaced(port, link)) return this.setUp()
    return this.after(driver.setDevice(port), port, () => {
      this.moved = moved
      return this.setUp()
    })
  }

  private setUp(): Eventual<PlacingResult> {
    const { wanted, link, driver } = this
    if (wanted === null || link === undefined || !isDown(wanted, link)) return this.end(null, null)
    return this.after(driver.setUp(this.device.name), wanted, () => this.end(null, null))
  }

  /** Goes on with an answer. A late one may be lost, or the desired state may have changed before it came. */
  private ask<T>(answer: Eventual<T>, next: (result: T) => Eventual<PlacingResult>): Eventual<PlacingResult> {
    if (!(answer instanceof Promise)) return next(answer)
    return answer.then(
      (result) => (this.isOutdated ? null : next(result)),
      (error) =>
        this.isOutdated
          ? null
          : { link: null, refusal: driverLost(error), culprit: this.wanted ?? this.port },
    )
  }

  /** Goes on after a change of the device, unless it was refused. */
  private after(
    answer: Eventual<Refusal | null>,
    culprit: DeviceEntry,
    next: () => Eventual<PlacingResult>,
  ): Eventual<PlacingResult> {
    return this.ask(orLost(answer), (refusal) =>
      this.ask(this.driver.link(this.device.name), (link) => {
        this.link = link
        return refusal === null ? next() : this.fail(refusal, culprit)
      }),
    )
  }

  private get isOutdated(): boolean {
    return this.device.link !== this.wanted || this.device.port !== this.port || this.isStopped()
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
export function misplaced(
  { link: wanted, port }: Device,
  link: Link,
  driver: Driver,
): Eventual<DeviceEntry | undefined> {
  const wrongPort = port !== null && !isPlaced(port, link) ? port : undefined
  if (wanted === null) return wrongPort
  return whenAnswered(isAsWanted(wanted, link, driver), (isRight) => (isRight ? wrongPort : wanted))
}

/** Whether a link needs no change. */
export function isAsWanted(wanted: LinkEntry, link: Link | undefined, driver: Driver): Eventual<boolean> {
  if (link === undefined || isDown(wanted, link)) return false
  return whenAnswered(measured(wanted, driver), (measuredLink) =>
    whenAnswered(stepTo(measuredLink, link, driver), (step) => step.do === 'nothing'),
  )
}

/** The step that a link needs; a bridge has to be isolated too, even an external one. */
function stepTo(
  wanted: LinkEntry,
  link: Link | undefined,
  driver: Driver,
  isComplete = false,
): Eventual<LinkStep> {
  const step = linkStep(wanted, link, isComplete)
  if (step.do !== 'nothing' || !linkDefinition(wanted.kind).isBridge || link === undefined) return step
  return whenAnswered(driver.isIsolated(link), (isIsolated) => (isIsolated ? step : ADJUST))
}

const ADJUST: LinkStep = { do: 'adjust' }

/** Whether an owned link has to be set up. */
function isDown(wanted: LinkEntry, link: Link): boolean {
  return !link.up && (!isExternal(wanted) || isOwned(link))
}

/** The link with the MTU that it should have now. */
function measured(wanted: LinkEntry, driver: Driver): Eventual<LinkEntry> {
  if (!('underlay' in wanted) || wanted.mtu !== null) return wanted
  const { mtuOver } = linkDefinition(wanted.kind)
  const underlay = wanted.underlay === null ? undefined : driver.link(wanted.underlay)
  return whenAnswered(underlay, (link) => ({ ...wanted, mtu: mtuOver?.(wanted, link?.mtu) ?? null }))
}
