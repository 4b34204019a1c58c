import { formatIp, type Ip } from '../../values/address.ts'
import { isOwned, type Link } from '../driver.ts'
import { isVxlan6 } from './kinds/vxlan.ts'
import type { Links } from './links.ts'

/** What keeps packets of owned VXLAN devices and tunnels from other nodes, a sentence each. `holderOf` tells the interface that has an address. */
export function* tunnelGaps(links: Links, holderOf: (ip: Ip) => string | null): Generator<string, void> {
  const owned = [...links.allNames()].flatMap((name) => {
    const link = links.lookUp(name)
    return link !== undefined && isOwned(link) ? link : []
  })
  for (const [local, ends] of Map.groupBy(owned, (link) => link.local))
    if (local !== null && holderOf(local) === null)
      yield `${formatIp(local)}, the local address of ${named(ends)}, is on no interface of this node, which sends and receives none of their packets: add the address again`
  const deaf = owned.filter((link) => isVxlan6(link) && !link.takesZeroChecksums)
  if (deaf.length > 0)
    yield `${named(deaf)}: packets of VTEPs that send UDP checksum 0 are dropped (ip link has noudp6zerocsumrx, as the first VXLAN device over IPv6 on the UDP port had): a reboot or chanter cleanup recreates the devices`
}

function named(links: readonly Link[]): string {
  const others = links.length > 1 ? ` and ${links.length - 1} more` : ''
  return `${links[0]?.name}${others}`
}
