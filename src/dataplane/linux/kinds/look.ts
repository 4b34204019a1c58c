import type { Link, Sighting } from '../../driver.ts'
import * as k from '../constants.ts'
import { dumpRoutes } from '../encode-ip.ts'
import type { Message, Writer } from '../message.ts'
import { dump } from '../requests.ts'
import type { Sources, Steps } from './definition.ts'

/** What the kernel says where there is no such table, or no such family. */
const NOTHING = [k.ENOENT, k.EAFNOSUPPORT, k.EOPNOTSUPP]

/** What a dump shows of one device, a chunk a datagram. */
export function* dumped(
  device: string,
  type: number,
  write: (writer: Writer) => void,
  read: (message: Message) => Sighting | undefined,
): Steps {
  let chunk: Sighting[] = []
  const visit = (message: Message) => {
    const sighting = read(message)
    if (sighting?.entry.device === device) chunk.push(sighting)
  }
  for (const _ of dump({ type, write, visit, nothing: NOTHING })) {
    yield chunk
    chunk = []
  }
}

/** Our routes in the table of a VRF. */
export function* lookRoutes({ name, table }: Link, { routes }: Pick<Sources, 'routes'>): Steps {
  if (table === null) return
  const read = (message: Message) => routes.readHeld(message)
  for (const family of [k.AF_INET, k.AF_INET6])
    yield* dumped(name, k.RTM_GETROUTE, (writer) => dumpRoutes(writer, family, table), read)
}
