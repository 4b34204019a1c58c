import type { Link, ObservedEntry } from '../driver.ts'
import * as k from './constants.ts'
import { readNeighbour } from './decode.ts'
import { readAddress } from './decode-ip.ts'
import { dumpFdb, dumpNeighbours } from './encode.ts'
import { dumpAddresses, dumpProxies, dumpRoutes } from './encode-ip.ts'
import type { Fou } from './fou.ts'
import type { Links } from './links.ts'
import type { NetlinkMessage, NetlinkWriter } from './message.ts'
import { dump } from './requests.ts'
import type { Routes } from './routes.ts'
import { fits, hasMpls, mplsInput } from './sysctl.ts'

type Steps = Generator<readonly ObservedEntry[], void>

/** All that the kernel holds for one interface of what we keep, a chunk a step. */
export function* dumpDevice(link: Link, links: Links, routes: Routes, fou: Fou): Steps {
  const { name, index, kind, master, table, routing } = link
  const fdb = (message: NetlinkMessage) => readNeighbour(message, links)?.observed
  const address = (message: NetlinkMessage) => readAddress(message, links)
  if (kind === 'bridge') yield* dumped(name, k.RTM_GETNEIGH, (writer) => dumpNeighbours(writer, index), fdb)
  if (kind === 'vxlan' || (master !== null && routing === null)) {
    yield* dumped(name, k.RTM_GETNEIGH, (writer) => dumpFdb(writer, index), fdb)
  }
  if (fits(mplsInput(name))) yield [{ entry: { kind: 'mpls-interface', device: name }, marked: false }]
  if (routing !== null) {
    yield* dumped(name, k.RTM_GETNEIGH, (writer) => dumpNeighbours(writer, index), fdb)
    yield* dumped(name, k.RTM_GETNEIGH, (writer) => dumpProxies(writer, index), fdb)
  }
  if (routing !== null || table !== null) {
    for (const family of [k.AF_INET, k.AF_INET6]) {
      yield* dumped(name, k.RTM_GETADDR, (writer) => dumpAddresses(writer, family, index), address)
    }
  }
  if (table !== null) yield* routesOf(link, routes)
  if (name === 'lo')
    yield fou.addresses().map((ip) => ({ entry: { kind: 'udp-port', device: 'lo', ip }, marked: false }))
  if (name === 'lo' && hasMpls()) {
    const route = (message: NetlinkMessage) => routes.read(message)
    yield* dumped(name, k.RTM_GETROUTE, (writer) => dumpRoutes(writer, k.AF_MPLS, null), route)
  }
}

/** Our routes in the table of a VRF. */
export function* routesOf({ name, table }: Link, routes: Routes): Steps {
  if (table === null) return
  const route = (message: NetlinkMessage) => routes.readHeld(message)
  for (const family of [k.AF_INET, k.AF_INET6]) {
    yield* dumped(name, k.RTM_GETROUTE, (writer) => dumpRoutes(writer, family, table), route)
  }
}

function* dumped(
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

/** What the kernel says where there is no such table, or no such family. */
const NOTHING = [k.ENOENT, k.EAFNOSUPPORT, k.EOPNOTSUPP]
