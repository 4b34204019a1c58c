import { type Driver, isOwned, type Link } from '../driver.ts'
import { type DeviceEntry, LINK_KINDS, type LinkEntry, masterOf } from '../kinds/index.ts'
import { isExternal, isPlaced, type LinkStep, linkStep } from '../kinds/link-step.ts'
import type { Port } from '../model.ts'
import { missing, type Refusal } from '../refusal.ts'
import type { Device } from './device.ts'
import { tunnelMtuOver, vxlanMtuOver } from './mtu.ts'

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
export function place(device: Device, driver: Driver): Placement {
  let link = driver.link(device.name) ?? (device.link === null ? undefined : driver.reclaim(device.link))
  let fresh = false
  const fail = (refusal: Refusal, culprit: Placement['culprit']): Placement => {
    return { refusal, culprit, link, fresh, moved: false, learned: false }
  }
  if (device.link !== null) {
    const wanted = measured(device.link, driver)
    const step = stepTo(wanted, link, driver, device.complete)
    if (step.do === 'refuse') return fail(step.refusal, device.link)
    if (step.do !== 'nothing') {
      const removal = step.do === 'recreate' ? driver.removeDevice(device.link) : null
      const refusal = removal ?? driver.setDevice(wanted)
      link = driver.link(device.name)
      if (refusal !== null) return fail(refusal, device.link)
      fresh = step.do !== 'adjust'
    }
  }
  if (link === undefined) return fail(missing(device.name), device.port)
  const moved = device.port !== null && link.master !== masterOf(device.port)
  const learned = device.port?.kind === 'port' && !moved && hasLearned(device.port, link)
  if (device.port !== null && !isPlaced(device.port, link)) {
    const refusal = driver.setDevice(device.port)
    link = driver.link(device.name)
    if (refusal !== null) return fail(refusal, device.port)
  }
  if (device.link !== null && link !== undefined && isDown(device.link, link)) {
    const refusal = driver.setUp(device.name)
    link = driver.link(device.name)
    if (refusal !== null) return fail(refusal, device.link)
  }
  return { refusal: null, culprit: null, link, fresh, moved, learned }
}

function hasLearned({ given, learning }: Port, link: Link): boolean {
  return !given && !learning && link.learning
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
    step.do === 'nothing' && wanted.kind === 'bridge' && link !== undefined && !driver.isIsolated(link)
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
  if (wanted.kind !== 'tunnel') return { ...wanted, mtu: vxlanMtuOver(underlay?.mtu ?? 0, wanted.local) }
  return underlay === undefined ? wanted : { ...wanted, mtu: tunnelMtuOver(underlay.mtu, wanted) }
}
