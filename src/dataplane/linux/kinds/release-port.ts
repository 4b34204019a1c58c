import { isOwned, type Link } from '../../driver.ts'
import type { Refusal } from '../../refusal.ts'
import { setMaster, setUp } from '../encode.ts'
import { firstOf, type Requests } from '../requests.ts'

/** Takes a port out of its bridge or VRF. It stays down: without a master, its VM's frames would reach the host. */
export function releasePort(link: Link, requests: Requests): Refusal | null {
  if (!isOwned(link)) setUp(requests, link.index, false)
  setMaster(requests, link.index, 0)
  return firstOf(requests.send())
}
