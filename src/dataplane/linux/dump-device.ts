import type { Link } from '../driver.ts'
import { readAddress } from './decode-ip.ts'
import { readNeighbour } from './decode-neighbour.ts'
import type { Fou } from './fou.ts'
import type { Steps } from './kinds/definition.ts'
import { linuxDefinitions } from './kinds/index.ts'
import type { Links } from './links.ts'
import type { NetlinkMessage } from './message.ts'
import type { Routes } from './routes.ts'

const dumps = new Set(linuxDefinitions.flatMap(({ dump }) => dump ?? []))

/** All entries of known kinds that the kernel holds for one interface, a chunk a step. */
export function* dumpDevice(link: Link, links: Links, routes: Routes, fou: Fou): Steps {
  const neighbour = (message: NetlinkMessage) => readNeighbour(message, links)?.observed
  const address = (message: NetlinkMessage) => readAddress(message, links)
  for (const one of dumps) yield* one(link, { fou, routes, neighbour, address })
}
