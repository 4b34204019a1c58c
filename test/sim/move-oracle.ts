import { formatIp } from '../../src/values/address.ts'
import type { Evacuated } from './afterwards.ts'
import { keyOf } from './agent.ts'
import { type Node, networksOf } from './machines.ts'
import { endpointOf } from './networks.ts'
import { advertisedMac } from './oracle.ts'

/** Whether reflectors have the routes of an endpoint: with route target constraint they ask for those that are imported at a node. */
export function isRequested(nodes: readonly Node[], { wish, from }: Evacuated): boolean {
  const targets = networksOf(nodes[from]!, 'evpn').get(wish.network)?.[0]?.exportTargets ?? []
  return nodes.some(({ agent }) =>
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
