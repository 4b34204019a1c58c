import { formatIp } from '../../values/address.ts'
import { shellWord } from '../../values/shell-word.ts'
import { isOwned } from '../driver.ts'
import { addressesOf, isLinkLocal } from './addresses.ts'
import type { Links } from './links.ts'

/** Addresses of the host on owned bridges, a sentence each: the bridge neither answers for such an address nor asks other nodes for it, and is isolated from the host. */
export function* bridgeAddresses(links: Links): Generator<string, void> {
  for (const address of addressesOf(0)) {
    const link = links.lookUp(links.nameOf(address.index) ?? '')
    if (link?.kind !== 'bridge' || !isOwned(link) || isLinkLocal(address)) continue
    const { name } = link
    const ip = formatIp(address.ip)
    yield `${name} has ${ip} as an address of the host: VMs that ask for it get no answer (ip address del ${ip}/${address.prefixLength} dev ${shellWord(name)})`
  }
}
