import { isOwned, type Link } from '../../driver.ts'
import type { Refusal } from '../../refusal.ts'
import { removeBagpipeMacs } from '../bagpipe-macs.ts'
import { setMaster, setUp } from '../encode.ts'
import { firstOf } from '../requests.ts'
import type { DeviceTools } from './link-definition.ts'

/**
 * Takes a port out of its bridge or VRF. It stays down: without a master, its VM's frames would reach the host. An external bridge, behind which is a
 * whole network, stays as it was before.
 */
export function releasePort(
  link: Link,
  { requests, links }: Pick<DeviceTools, 'requests' | 'links'>,
): Refusal | null {
  const master = link.master === null ? undefined : links.lookUp(link.master)
  if (master !== undefined && isOwned(master) && master.alias === null) removeBagpipeMacs(link, requests)
  if (!isOwned(link) && link.kind !== 'bridge') setUp(requests, link.index, false)
  setMaster(requests, link.index, 0)
  return firstOf(requests.send())
}

/** Whether the interface that was the port has no master: another program deleted that, or took the port out. */
export function isAlone({ index, master }: Link, enslaved: number | null): boolean {
  return master === null && index === enslaved
}
