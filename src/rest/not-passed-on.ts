import type { BgpPeer } from '../bgp/bgp-peer.ts'
import { EVPN } from '../bgp/family.ts'
import { isOpaque } from '../bgp/nlri/evpn/index.ts'
import { nlriCodec } from '../bgp/nlri/index.ts'
import type { Speaker } from '../bgp/speaker.ts'

/** Routes that peers lack: those that a session cannot carry, and on a reflector those of types that it cannot read. */
export function* notPassedOn({ peers, config }: Speaker): Iterable<string> {
  for (const peer of peers.values()) {
    yield* withheldRoutes(peer)
    if (config.clusterId !== null) yield* unreadRoutes(peer)
  }
}

function* withheldRoutes({ sessions, routesOut }: BgpPeer): Iterable<string> {
  const withheld = [...routesOut.withheld()]
  const [first] = withheld
  if (first === undefined) return
  const { family, nlri } = first.route
  const example = `${nlriCodec(family)!.format(nlri)}: ${first.reason}`
  yield `peer ${sessions.name}: ${withheld.length} routes cannot be advertised to it, such as ${example}`
}

function* unreadRoutes({ sessions, source, routesIn }: BgpPeer): Iterable<string> {
  if (routesIn.counters.unread === 0) return
  const codes = new Set<number>()
  let count = 0
  for (const { nlri } of source.routes.get(EVPN) ?? []) {
    if (!isOpaque(nlri)) continue
    codes.add(nlri.code)
    count++
  }
  if (count === 0) return
  const types = [...codes].sort((a, b) => a - b).join(', ')
  yield `peer ${sessions.name}: ${count} of its EVPN routes are not passed on, of types that are unknown here: ${types}`
}
