import type { Link, Sighting } from '../driver.ts'
import type { RemoteMac } from '../model.ts'
import * as k from './constants.ts'
import { dumpFdb, dumpNeighbours } from './encode.ts'
import { dumpAddresses, dumpProxies, dumpRoutes } from './encode-ip.ts'
import type { Fou } from './fou.ts'
import type { Links } from './links.ts'
import type { Message, Writer } from './message.ts'
import { RemoteMacs, readNeighbour } from './observe.ts'
import { readAddress } from './observe-ip.ts'
import { dump } from './requests.ts'
import type { Routes } from './routes.ts'
import { fits, hasMpls, mplsInput } from './sysctl.ts'

/** How many sightings that are left make a chunk. */
const CHUNK = 256

type Steps = Generator<readonly Sighting[], void>

/** All that the kernel holds for one interface of what we keep, a chunk a step. */
export function* look(link: Link, links: Links, routes: Routes, fou: Fou): Steps {
  const { name, index, kind, master, table, routing } = link
  const fdb = (message: Message) => readNeighbour(message, links)?.sighting
  const address = (message: Message) => readAddress(message, links)
  if (kind === 'bridge') yield* dumped(name, k.RTM_GETNEIGH, (writer) => dumpNeighbours(writer, index), fdb)
  if (kind === 'vxlan' || (master !== null && routing === null)) {
    const entries = dumped(name, k.RTM_GETNEIGH, (writer) => dumpFdb(writer, index), fdb)
    yield* kind === 'vxlan' && master !== null ? whole(entries) : entries
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
    const route = (message: Message) => routes.read(message)
    yield* dumped(name, k.RTM_GETROUTE, (writer) => dumpRoutes(writer, k.AF_MPLS, null), route)
  }
}

/** Remote MACs as one entry each, of what the FDBs of the VXLAN device and its bridge have. */
function* whole(steps: Steps): Steps {
  const macs = new RemoteMacs()
  for (const chunk of steps)
    yield chunk.flatMap((sighting) => (isRemoteMac(sighting) ? macs.add(sighting) : sighting))
  let chunk: Sighting[] = []
  for (const sighting of macs.rest()) {
    if (chunk.push(sighting) < CHUNK) continue
    yield chunk
    chunk = []
  }
  yield chunk
}

function isRemoteMac(sighting: Sighting): sighting is Sighting<RemoteMac> {
  return sighting.entry.kind === 'remote-mac'
}

/** Our routes in the table of a VRF. */
export function* routesOf({ name, table }: Link, routes: Routes): Steps {
  if (table === null) return
  const route = (message: Message) => routes.readHeld(message)
  for (const family of [k.AF_INET, k.AF_INET6]) {
    yield* dumped(name, k.RTM_GETROUTE, (writer) => dumpRoutes(writer, family, table), route)
  }
}

function* dumped(
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

/** What the kernel says where there is no such table, or no such family. */
const NOTHING = [k.ENOENT, k.EAFNOSUPPORT, k.EOPNOTSUPP]
