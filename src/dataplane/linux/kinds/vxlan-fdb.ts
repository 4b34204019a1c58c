import type { Link, ObservedEntry } from '../../driver.ts'
import type { FdbDestination } from '../../kinds/remote-mac.ts'
import type { FdbDrift, RemoteMac } from '../../model.ts'
import * as k from '../constants.ts'
import type { RawNeighbour } from '../decode-neighbour.ts'
import { dumpFdb } from '../encode.ts'
import type { Sources, Steps } from './definition.ts'
import { dumped } from './dump.ts'
import { RemoteMacs } from './remote-macs.ts'

/** How many remaining observed entries make a chunk. */
const CHUNK = 256

/** The destination of an entry; `drift` is null where nothing drifted. */
export function readDestination({ dst, vni }: RawNeighbour, drift: FdbDrift | null): FdbDestination {
  return { dst, vni: vni ?? 0, ...(drift !== null && { drift }) }
}

/** The FDB entries of a device, its bridge's for it included. */
export function* dumpFdbEntries({ name, index, kind, master, routing }: Link, { neighbour }: Sources): Steps {
  if (kind !== 'vxlan' && (master === null || routing !== null)) return
  const entries = dumped(name, k.RTM_GETNEIGH, (writer) => dumpFdb(writer, index), neighbour)
  yield* kind === 'vxlan' && master !== null ? whole(entries) : entries
}

/** Remote MACs as one entry each, from the FDBs of the VXLAN device and its bridge. */
function* whole(steps: Steps): Steps {
  const macs = new RemoteMacs()
  for (const chunk of steps)
    yield chunk.flatMap((observed) => (isRemoteMac(observed) ? macs.add(observed) : observed))
  let chunk: ObservedEntry[] = []
  for (const observed of macs.rest()) {
    if (chunk.push(observed) < CHUNK) continue
    yield chunk
    chunk = []
  }
  yield chunk
}

function isRemoteMac(observed: ObservedEntry): observed is ObservedEntry<RemoteMac> {
  return observed.entry.kind === 'remote-mac'
}
