import type { Ip } from '../../values/address.ts'
import type { NextHop } from '../model.ts'
import * as k from './constants.ts'
import { readHolder, readNextHop } from './decode-ip.ts'
import { dumpRoutes, getLabel, getLocalRoute, getRoute, getRouteFrom } from './encode-ip.ts'
import type { Links } from './links.ts'
import type { NetlinkMessage } from './message.ts'
import { dump, exhaust, type Requests } from './requests.ts'
import { hasMpls } from './sysctl.ts'

/** What a failed route lookup tells, by errno. */
const DROPPED_BY: ReadonlyMap<number, string> = new Map([
  [k.ENETUNREACH, 'no route'],
  [k.EHOSTUNREACH, 'an unreachable route'],
  [k.EINVAL, 'a blackhole route'],
  [k.EACCES, 'a prohibit route'],
])

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

  withoutPath(addresses: readonly Ip[], local: Ip): Map<Ip, string> {
    const lost = new Map<Ip, string>()
    if (addresses.length === 0 || this.holderOf(local) === null) return lost
    for (const ip of addresses) getRouteFrom(this.requests, ip, local)
    for (const [position, { errno }] of this.requests.send()) {
      const reason = DROPPED_BY.get(errno ?? 0)
      if (reason !== undefined) lost.set(addresses[position]!, reason)
    }
    return lost
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
