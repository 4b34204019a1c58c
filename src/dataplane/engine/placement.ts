import { type Driver, isOwned, type Link } from '../driver.ts'
import { type DeviceEntry, LINK_KINDS, type LinkEntry, masterOf } from '../kinds/index.ts'
import { isExternal, isPlaced, type LinkStep, linkStep } from '../kinds/link-step.ts'
import type { Port } from '../model.ts'
import { missing, type Refusal } from '../refusal.ts'
import type { Device } from './device.ts'
import { tunnelMtuOver, vxlanMtuOver } from './mtu.ts'

/** A bridge or VRF has to be there before its ports, and a bridge be left by them before it can go. */
export const PLACING_ORDER: readonly (LinkEntry['kind'] | undefined)[] = [...LINK_KINDS, undefined]

/** What came of bringing a device's link and port to where they are wanted. */
export interface Placement {
  /** Why it failed, if it did. */
  readonly refusal: Refusal | null
  /** Whose failure it is, if anybody's. */
  readonly culprit: DeviceEntry | null
  readonly link: Link | undefined
  /** Whether the device was created now, and so holds nothing. */
  readonly fresh: boolean
  /** Whether it was enslaved now, which costs it what it held. */
  readonly moved: boolean
  /** Whether others had it learn, so that MACs may be at another port than is wanted: nobody is told of what a bridge learns. */
  readonly learned: boolean
}

/** Creates or adjusts a device's own link, then its place; it is up last, so that nothing gets by it before it is where it belongs. */
export function place(device: Device, driver: Driver): Placement {
  let link = driver.link(device.name) ?? (device.link === null ? undefined : driver.reclaim(device.link))
  let fresh = false
  const fail = (refusal: Refusal, culprit: Placement['culprit']): Placement => {
    return { refusal, culprit, link, fresh, moved: false, learned: false }
  }
  if (device.link !== null) {
    const wanted = measured(device.link, driver)
    const step = stepTo(wanted, link, driver)
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

/** What of a device's link or port is not as wanted, if anything. */
export function misplaced(device: Device, link: Link, driver: Driver): DeviceEntry | undefined {
  if (device.link !== null && !isAsWanted(device.link, link, driver)) return device.link
  if (device.port !== null && !isPlaced(device.port, link)) return device.port
  return undefined
}

/** Whether there is nothing to do for a link. */
export function isAsWanted(wanted: LinkEntry, link: Link | undefined, driver: Driver): boolean {
  if (link === undefined || isDown(wanted, link)) return false
  return stepTo(measured(wanted, driver), link, driver).do === 'nothing'
}

/** What becomes of a link; a bridge has to be isolated too, whoever made it. */
function stepTo(wanted: LinkEntry, link: Link | undefined, driver: Driver): LinkStep {
  const step = linkStep(wanted, link)
  const isOpen =
    step.do === 'nothing' && wanted.kind === 'bridge' && link !== undefined && !driver.isIsolated(link)
  return isOpen ? { do: 'adjust' } : step
}

/** Whether a link of ours has to be set up. */
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
