import { isOwned } from '../../driver.ts'
import type { Veth } from '../../model.ts'
import { taken } from '../../refusal.ts'
import * as k from '../constants.ts'
import { deleteLink, ifinfomsg, setMac, writeMark } from '../encode.ts'
import type { LinuxLinkDefinition } from './link-definition.ts'

/** One end of a veth pair; the one that is created brings the other along. */
export const veth: LinuxLinkDefinition<Veth> = {
  kind: 'veth',
  kernelKinds: new Map([['veth', 'veth']]),
  macOf: ({ mac }) => mac,
  writeTraits(writer, { peer }) {
    const info = writer.nest(k.VETH_INFO_PEER)
    ifinfomsg(writer, { family: k.AF_UNSPEC, index: 0 })
    writer.attributeText(k.IFLA_IFNAME, peer)
    writer.close(info)
  },
  prepare({ peer }, { requests, links }) {
    const other = links.get(peer)
    // it would get the mark of the veth pair's other end
    if (other !== undefined && !isOwned(other)) return taken(peer)
    // this end was renamed, or is in another network namespace
    if (other !== undefined) deleteLink(requests, other.index)
    if (other !== undefined) requests.send()
    return null
  },
  adjust(batch, { device, peer, alias, mac }, link) {
    if (link === undefined) {
      writeMark(batch, peer, alias)
      batch.end()
    } else if (link.mac !== mac) setMac(batch, device, mac)
  },
}
