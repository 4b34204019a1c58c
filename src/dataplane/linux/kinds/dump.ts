import type { Link, ObservedEntry } from '../../driver.ts'
import * as k from '../constants.ts'
import { dumpRoutes } from '../encode-ip.ts'
import type { NetlinkMessage, NetlinkWriter } from '../message.ts'
import { dump } from '../requests.ts'
import type { Sources, Steps } from './definition.ts'

/** The errnos for an absent table or family. */
const NOTHING = [k.ENOENT, k.EAFNOSUPPORT, k.EOPNOTSUPP]

/** In a dump request: routes of all protocols. */
const ANY_PROTOCOL = 0

/** The entries in a dump of one device, a chunk a datagram. */
export function* dumped(
  device: string,
  type: number,
  write: (writer: NetlinkWriter) => void,
  read: (message: NetlinkMessage) => ObservedEntry | undefined,
): Steps {
  let chunk: ObservedEntry[] = []
  const visit = (message: NetlinkMessage) => {
    const observed = read(message)
    if (observed?.entry.device === device) chunk.push(observed)
  }
  for (const _ of dump({ type, write, visit, nothing: NOTHING })) {
    yield chunk
    chunk = []
  }
}

/** The routes in the table of a VRF, those of other programs too; those of bagpipe-bgp last, since they hide ours. */
export function* dumpVrfRoutes({ name, table }: Link, { routes }: Pick<Sources, 'routes'>): Steps {
  if (table === null) return
  const left: ObservedEntry[] = []
  const read = (message: NetlinkMessage) => {
    const observed = routes.readHeld(message)
    const hiding = observed === undefined ? routes.readLeft(message) : undefined
    if (hiding?.entry.device === name) left.push(hiding)
    return observed
  }
  for (const family of [k.AF_INET, k.AF_INET6])
    yield* dumped(name, k.RTM_GETROUTE, (writer) => dumpRoutes(writer, family, table, ANY_PROTOCOL), read)
  if (left.length > 0) yield left
}
