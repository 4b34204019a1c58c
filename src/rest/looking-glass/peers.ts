import { MessageType } from '../../bgp/constants.ts'
import { familyName, familyNames, ROUTE_TARGET } from '../../bgp/family.ts'
import type { Neighbour } from '../../bgp/neighbour.ts'
import { formatIp } from '../../values/address.ts'
import { hex, octets } from '../../values/bytes.ts'
import { chains, showRoutes, subscription } from './routes.ts'
import { formatTime } from './time.ts'
import { inline, leaf, type Node, tree } from './tree.ts'

/** One peer: what bagpipe-bgp shows of it, then what the session and its messages amount to. */
export function peerNode(neighbour: Neighbour, routeTargetConstraint: boolean, base: string): Node {
  const { peer, negotiated, source, routesIn, routesOut } = neighbour
  const families = [...(negotiated?.families ?? [])]
  return tree(() => ({
    name: inline(() => source.name),
    peeringAddresses: inline(() => ({
      local_address: formatIp(peer.session?.connection?.localAddress ?? peer.localAddress),
      peer_address: peer.name,
    })),
    as_info: inline(() => ({ local: peer.localAs, peer: peer.config.as })),
    protocol: inline(() => ({
      state: peer.state,
      previous_state: `(${peer.previousState})`,
      last_transition_time: formatTime(peer.lastTransition),
      hold_time: negotiated?.holdTimeSeconds ?? peer.config.holdTimeSeconds,
      last_error: peer.lastError,
      established_count: peer.establishedCount,
    })),
    active_families: inline(() =>
      families.map((family) => {
        const { afi, safi } = familyNames(family)
        return `(${afi}, ${safi})`
      }),
    ),
    rtc: inline(() => ({ enabled: routeTargetConstraint, active: families.includes(ROUTE_TARGET) })),
    internals: inline(() => ({
      'event queue length': 0,
      subscriptions: families.map((family) => subscription(family, '*')),
    })),
    messages: inline(() => ({ received: byName(peer.session?.received), sent: byName(peer.session?.sent) })),
    routes: inline(() => ({
      ...routesIn.counters,
      in_rib: source.routeCount,
      end_of_rib: [...routesIn.complete].map(familyName),
    })),
    received_routes: leaf(() => received(neighbour, base)),
    adv_routes: leaf(() => showRoutes(routesOut.routes(), base)),
    quarantine: leaf(() =>
      routesIn.quarantine.map(({ family, reason, bytes }) => ({
        family: familyName(family),
        reason,
        bytes: hex(octets(bytes)),
      })),
    ),
  }))
}

function* received({ source, rib }: Neighbour, base: string): Iterable<unknown> {
  for (const family of rib.families()) {
    for (const route of chains(rib.best(family)))
      if (route.source === source) yield* showRoutes([route], base)
  }
}

function byName(counts: Readonly<Record<number, number>> = {}): Record<string, number> {
  return Object.fromEntries(
    Object.entries(MessageType).map(([name, type]) => [name.toLowerCase(), counts[type] ?? 0]),
  )
}
