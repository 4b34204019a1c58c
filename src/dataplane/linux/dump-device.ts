import type { Link } from '../driver.ts'
import { readAddress } from './decode-ip.ts'
import { readNeighbour } from './decode-neighbour.ts'
import type { Sources, Steps } from './kinds/definition.ts'
import { linuxDefinitions } from './kinds/index.ts'
import type { Links } from './links.ts'
import type { NetlinkMessage } from './message.ts'

const dumps = new Set(linuxDefinitions.flatMap(({ dump }) => dump ?? []))

interface DumpTools extends Pick<Sources, 'fou' | 'routes' | 'ownRoutes'> {
  readonly links: Links
}

/** All entries of known kinds that the kernel holds for one interface, a chunk a step. */
export function* dumpDevice(link: Link, { links, ...tools }: DumpTools): Steps {
  const neighbour = (message: NetlinkMessage) => readNeighbour(message, links)?.observed
  const address = (message: NetlinkMessage) => readAddress(message, links)
  for (const one of dumps) yield* one(link, { ...tools, neighbour, address })
}
