import type { Ip } from '../../../values/address.ts'
import type { Link, Sighting } from '../../driver.ts'
import type { FdbDrift, RemoteMac } from '../../model.ts'
import * as k from '../constants.ts'
import { dumpFdb } from '../encode.ts'
import type { RawNeighbour } from '../observe-neighbour.ts'
import type { Sources, Steps } from './definition.ts'
import { dumped } from './look.ts'
import { RemoteMacs } from './remote-macs.ts'

/** How many sightings that are left make a chunk. */
const CHUNK = 256

/** Where an entry of a VXLAN device's FDB sends to. */
interface Destination {
  readonly dst: Ip
  readonly vni: number
  readonly drift?: FdbDrift
}

/** Where an entry sends to; `drift` is null where nothing drifted. */
export function readDestination({ dst, vni }: RawNeighbour, drift: FdbDrift | null): Destination {
  return { dst, vni: vni ?? 0, ...(drift !== null && { drift }) }
}

/** The FDB entries that a device has, its bridge's for it included. */
export function* lookFdb({ name, index, kind, master, routing }: Link, { neighbour }: Sources): Steps {
  if (kind !== 'vxlan' && (master === null || routing !== null)) return
  const entries = dumped(name, k.RTM_GETNEIGH, (writer) => dumpFdb(writer, index), neighbour)
  yield* kind === 'vxlan' && master !== null ? whole(entries) : entries
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
