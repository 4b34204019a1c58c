import { type Ip, isIpv4 } from '../../values/address.ts'
import type { Link } from '../driver.ts'
import * as k from './constants.ts'
import { getLocalRoute } from './encode-ip.ts'
import type { NetlinkMessage } from './message.ts'
import type { Requests } from './requests.ts'

/** Its route is the one by which IPv6 receives ND on an interface. */
const ALL_NODES = '\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01' as Ip

/**
 * The routes that the kernel makes by itself for the addresses of a port, in the table of its VRF. Without them nothing reaches the addresses,
 * though the port still has them: another program may have flushed the table.
 */
export class OwnRoutes {
  private readonly requests: Requests

  constructor(requests: Requests) {
    this.requests = requests
  }

  /** Those among the addresses of a port that lack their routes; none while it is down or without a carrier, when the kernel may have none. */
  lacking({ index, up, carrier }: Pick<Link, 'index' | 'up' | 'carrier'>, ips: readonly Ip[]): Set<Ip> {
    if (!up || !carrier || ips.length === 0) return new Set()
    const found = new Set<Ip>()
    const asked = ips.some((ip) => !isIpv4(ip)) ? [...ips, ALL_NODES] : ips
    for (const ip of asked) getLocalRoute(this.requests, ip, index)
    this.requests.send((message, position) => {
      if (isOwnRoute(message)) found.add(asked[position]!)
    })
    return new Set(ips.filter((ip) => !found.has(ip) || !(isIpv4(ip) || found.has(ALL_NODES))))
  }
}

/** Whether a route is one of them. */
export function isOwnRoute({ bytes, start }: NetlinkMessage): boolean {
  const type = bytes.readUInt8(start + 7)
  return type === k.RTN_LOCAL || type === k.RTN_MULTICAST
}
