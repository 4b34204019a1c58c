import type { BgpPeer } from '../bgp/bgp-peer.ts'
import { VPN_FAMILIES } from '../bgp/family.ts'
import { isOfPeerItself } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { formatIp, type Ip, ipv4FromNumber } from '../values/address.ts'

/** Clients of a reflector with one BGP identifier: each takes the routes of the other for its own, and drops them (RFC 4456 §8). */
export function* sharedIdentifiers({ peers, config }: Speaker): Iterable<string> {
  if (config.clusterId === null) return
  const known = new Map<number, BgpPeer>()
  for (const peer of peers.values()) {
    const { identifier, internal } = peer.source.peer!
    if (!internal || peer.negotiated === null) continue
    const other = known.get(identifier)
    if (other === undefined) known.set(identifier, peer)
    else if (areDifferentNodes(other, peer))
      yield `peers ${other.sessions.name} and ${peer.sessions.name} have the same router_id ${formatIp(ipv4FromNumber(identifier))}: each drops the routes of the other; give each node its own`
  }
}

/** Sessions of one node, such as one by IPv4 and one by IPv6, have a next hop in common. */
function areDifferentNodes(one: BgpPeer, other: BgpPeer): boolean {
  const [hops, others] = [nextHopsOf(one), nextHopsOf(other)]
  return hops.size > 0 && others.size > 0 && ![...hops].some((hop) => others.has(hop))
}

function nextHopsOf({ source }: BgpPeer): Set<Ip> {
  const hops = new Set<Ip>()
  for (const [family, routes] of source.routes) {
    if (!VPN_FAMILIES.has(family)) continue
    for (const route of routes)
      if (route.set.nextHop !== null && isOfPeerItself(route)) hops.add(route.set.nextHop)
  }
  return hops
}
