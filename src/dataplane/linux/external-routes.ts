import type { Ip } from '../../values/address.ts'
import type { NextHop } from '../model.ts'
import * as k from './constants.ts'
import { readHolder, readNextHop } from './decode-ip.ts'
import { dumpRoutes, getLabel, getLocalRoute, getRoute } from './encode-ip.ts'
import type { Links } from './links.ts'
import type { NetlinkMessage } from './message.ts'
import { dump, exhaust, type Requests } from './requests.ts'
import { hasMpls } from './sysctl.ts'

/** External routes and labels: those of other programs or of an operator. */
export class ExternalRoutes {
  private readonly requests: Requests
  private readonly links: Links

  constructor(requests: Requests, links: Links) {
    this.requests = requests
    this.links = links
  }

  isLabelTaken(label: number): boolean {
    if (!hasMpls()) return false
    let isTaken = false
    getLabel(this.requests, label)
    this.requests.send(() => {
      isTaken = true
    })
    return isTaken
  }

  nextHopTo(ip: Ip): NextHop | null {
    let nextHop: NextHop | null = null
    getRoute(this.requests, ip)
    this.requests.send((message) => {
      nextHop = readNextHop(message, this.links)
    })
    return nextHop
  }

  holderOf(ip: Ip): string | null {
    let holder: string | null = null
    getLocalRoute(this.requests, ip)
    this.requests.send((message) => {
      holder = readHolder(message, this.links)
    })
    return holder
  }

  isTableTaken(table: number): boolean {
    if (this.links.all(null).some((link) => link.table === table)) return true
    let isTaken = false
    const visit = ({ bytes, start }: NetlinkMessage) => {
      if (bytes.readUInt8(start + 5) !== k.PROTOCOL) isTaken = true
    }
    for (const family of [k.AF_INET, k.AF_INET6]) {
      const write = (writer: Parameters<typeof dumpRoutes>[0]) => dumpRoutes(writer, family, table, 0)
      exhaust(dump({ type: k.RTM_GETROUTE, write, visit, nothing: [k.ENOENT, k.EAFNOSUPPORT] }))
    }
    return isTaken
  }
}
