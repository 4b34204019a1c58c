import { formatIp } from '../../values/address.ts'
import type { Driver } from '../driver.ts'
import { type AskingSteps, answerTo, type Eventual, takeSteps } from '../eventual.ts'
import { tableDefinition } from '../kinds/index.ts'
import type { Interface } from '../model.ts'
import type { Device } from './device.ts'

type AskedDriver = Pick<Driver, 'link' | 'holderOf'>

/** Why external VXLAN devices that VPN instances use carry no packets any more, a sentence each: another program may have changed them since. */
export function externalVxlanGaps(devices: Iterable<Device>, driver: AskedDriver): Eventual<string[]> {
  return takeSteps(gapSteps(devices, driver))
}

function* gapSteps(devices: Iterable<Device>, driver: AskedDriver): AskingSteps<string[]> {
  const gaps: string[] = []
  for (const device of [...devices].filter(usesExternalVxlan)) {
    const link = yield* answerTo(driver.link(device.name))
    const reason = link === undefined ? null : yield* faultOf(link, driver)
    if (reason !== null)
      gaps.push(`${device.name}, a VXLAN device of another program, carries no packets of its VPN: ${reason}`)
  }
  return gaps
}

function usesExternalVxlan({ link, port, tables }: Device): boolean {
  const sends = [...tables.values()].some(
    ({ kind, size }) => size > 0 && tableDefinition(kind).sendsTo !== undefined,
  )
  return link === null && port === null && sends
}

function* faultOf({ up, master, local }: Interface, driver: AskedDriver): AskingSteps<string | null> {
  if (!up) return 'it is down'
  if (master === null) return 'it is in no bridge'
  if (local === null || (yield* answerTo(driver.holderOf(local))) !== null) return null
  return `its source address ${formatIp(local)} is on no interface of this node`
}
