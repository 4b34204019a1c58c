import type { InterfaceAddress } from '../../values/address.ts'
import { isOwned, type Link } from '../driver.ts'
import { addressesOf } from './addresses.ts'
import * as k from './constants.ts'
import type { Links } from './links.ts'

/** The node's own addresses: not those of VRFs and their ports, of owned interfaces, nor those found to be another machine's. */
export function nodeAddresses(links: Links): InterfaceAddress[] {
  return addressesOf(0).flatMap(({ index, ip, prefixLength, marked, flags }) => {
    const name = links.nameOf(index)
    const isDuplicate = (flags & k.IFA_F_DADFAILED) !== 0
    if (marked || isDuplicate || name === undefined || isForTenants(links, name)) return []
    return [{ ip, prefixLength }]
  })
}

function isForTenants(links: Links, name: string): boolean {
  let link: Link | undefined = links.lookUp(name)
  if (link === undefined || isOwned(link)) return true
  while (link !== undefined && link.table === null)
    link = link.master === null ? undefined : links.lookUp(link.master)
  return link !== undefined
}
