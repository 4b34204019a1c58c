import { ANY_IPV4, ANY_IPV6, formatIp, type Ip } from '../../values/address.ts'
import { ensure } from '../../values/map.ts'
import { isOwned } from '../driver.ts'
import * as k from './constants.ts'
import { dumpRoutes } from './encode-ip.ts'
import type { Links } from './links.ts'
import { NetlinkAttributes, type NetlinkMessage, type NetlinkWriter } from './message.ts'
import { dump, exhaust } from './requests.ts'

/** Origins of routes that are no other program's. */
const OWN: readonly number[] = [k.PROTOCOL, k.RTPROT_REDIRECT, k.RTPROT_KERNEL]

interface UnmanagedRoute {
  readonly table: number
  /** As `ip route del` takes it. */
  readonly text: string
}

/**
 * Routes of other programs in the tables of owned VRFs: packets of the VPN go by them and not by its own routes. Only where some may be is
 * remembered, since not every one that goes is notified.
 */
export class UnmanagedRoutes {
  private readonly links: Links
  /** By table, the protocols of such routes that were observed. */
  private readonly observed = new Map<number, Set<number>>()

  constructor(links: Links) {
    this.links = links
  }

  /** Takes in a notification, or a message of a dump. */
  note(message: NetlinkMessage): void {
    const protocol = protocolOf(message)
    if (familyOf(message) === k.AF_MPLS || OWN.includes(protocol)) return
    const { table } = readUnmanaged(message)
    if (this.links.vrfOf(table) !== undefined) ensure(this.observed, table, () => new Set()).add(protocol)
  }

  /** The effect of those that there are now, in a sentence for each VRF that has some. */
  gaps(): string[] {
    const gaps: string[] = []
    for (const [table, protocols] of this.observed) {
      const name = this.links.vrfOf(table)
      const link = name === undefined ? undefined : this.links.lookUp(name)
      const routes =
        link !== undefined && isOwned(link) ? [...protocols].flatMap((one) => present(table, one)) : []
      const [first] = routes
      if (first === undefined) this.observed.delete(table)
      else
        gaps.push(
          `${name} forwards by routes of another program in table ${table}: ${routes.length}, such as ${first.text} (ip route del ${first.text} table ${table})`,
        )
    }
    return gaps
  }
}

function present(table: number, protocol: number): UnmanagedRoute[] {
  const routes: UnmanagedRoute[] = []
  const visit = (message: NetlinkMessage) => {
    const route = readUnmanaged(message)
    if (route.table === table && protocolOf(message) === protocol) routes.push(route)
  }
  for (const family of [k.AF_INET, k.AF_INET6]) {
    const write = (writer: NetlinkWriter) => dumpRoutes(writer, family, table, protocol)
    exhaust(dump({ type: k.RTM_GETROUTE, write, visit, nothing: [k.ENOENT, k.EAFNOSUPPORT, k.EOPNOTSUPP] }))
  }
  return routes
}

const familyOf = ({ bytes, start }: NetlinkMessage): number => bytes.readUInt8(start)
const protocolOf = ({ bytes, start }: NetlinkMessage): number => bytes.readUInt8(start + 5)

function readUnmanaged({ bytes, start, end }: NetlinkMessage): UnmanagedRoute {
  let destination = bytes.readUInt8(start) === k.AF_INET ? ANY_IPV4 : ANY_IPV6
  let table = 0
  let metric = 0
  const attributes = new NetlinkAttributes(bytes, start + k.RTMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.RTA_DST) destination = attributes.octets() as Ip
    else if (attributes.type === k.RTA_TABLE) table = attributes.u32()
    else if (attributes.type === k.RTA_PRIORITY) metric = attributes.u32()
  }
  return { table, text: `${formatIp(destination)}/${bytes.readUInt8(start + 1)} metric ${metric}` }
}
