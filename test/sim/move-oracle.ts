import { formatIp } from '../../src/values/address.ts'
import type { Evacuated } from './afterwards.ts'
import { keyOf } from './agent.ts'
import { type Node, networksOf } from './machines.ts'
import { endpointOf } from './networks.ts'
import { advertisedMac } from './oracle.ts'
import { AS } from './topology.ts'

/**
 * Whether the routes of an endpoint are known where it is attached next, or to the reflectors: with route target constraint they were
 * sent only where they were asked for. Its own node asks for them too if reflectors return its memberships, as they do to clients alone.
 */
export function isKnown(nodes: readonly Node[], { wish, from, to }: Evacuated): boolean {
  const [earlier, later] = [nodes[from]!, nodes[to]!]
  const targets = networksOf(earlier, 'evpn').get(wish.network)?.[0]?.exportTargets ?? []
  const isMesh = later.site.peers.includes(earlier.address)
  const asking = nodes.filter((node) => node !== earlier || node.site.as === AS)
  return (isMesh ? [later] : asking).some(({ agent }) =>
    [...agent.attached()].some(({ importTargets }) => importTargets.some((one) => targets.includes(one))),
  )
}

/** Endpoints of two nodes that the earlier one has although the later one knew of it and has to outbid it (RFC 7432 §15). */
export function* lostMoves(nodes: readonly Node[], evacuated: readonly Evacuated[]): Iterable<string> {
  for (const { wish, from, to } of evacuated) {
    const [earlier, later] = [nodes[from]!, nodes[to]!]
    const requests = [earlier, later].map((node) => networksOf(node, 'evpn').get(wish.network) ?? [])
    const [theirs, ours] = requests.map((all) => all.find((one) => endpointOf(one) === wish.endpoint))
    if (theirs === undefined || ours === undefined || theirs.direction === 'from-port') continue
    if (!theirs.exportTargets.some((target) => ours.importTargets.includes(target))) continue
    const [before, after] = [
      advertisedMac(earlier, theirs.vni, theirs.mac, theirs.ip?.ip ?? null),
      advertisedMac(later, ours.vni, ours.mac, ours.ip?.ip ?? null),
    ].map(({ sequence }) => sequence)
    if (ours.exportTargets.length > 0 && after! <= before!)
      yield `${keyOf(ours)}: sequence ${after} of ${formatIp(later.address)}, where it was attached last, against ${before} of ${formatIp(earlier.address)}`
  }
}
