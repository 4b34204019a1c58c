import { formatIp, isIpv4 } from '../../values/address.ts'
import { isOwned, type Link } from '../driver.ts'
import { addressesOf, type HeldAddress, isLinkLocal } from './addresses.ts'
import * as k from './constants.ts'
import { dumpRoutes } from './encode-ip.ts'
import type { Links } from './links.ts'
import { NetlinkAttributes, type NetlinkMessage, type NetlinkWriter } from './message.ts'
import { dump, exhaust } from './requests.ts'

/** Kinds of links that stand on another one and receive its frames. */
const UPPER_KINDS = ['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap']

/** The host's use of an external bridge, because of which it needs the frames passed up; null where there is none. */
export function hostUseOf(bridge: Link, links: Links): string | null {
  if (bridge.master !== null) return `it is in ${bridge.master}`
  const own = addressesOf(bridge.index).find(isConfigured)
  if (own !== undefined) return `${formatIp(own.ip)}/${own.prefixLength}`
  return links.uppersOf(bridge.index, UPPER_KINDS)[0]?.name ?? null
}

/** Whether an operator or program set it: the kernel makes others by itself, or from router advertisements. */
function isConfigured(address: HeldAddress): boolean {
  return !isLinkLocal(address) && !isFromRouter(address)
}

/**
 * Whether the kernel made it of a router advertisement, which any VM may send. Before 5.18 it tells the origin of none, and of temporary addresses
 * never. A program that reads advertisements itself, as NetworkManager does, adds the route to the prefix itself.
 */
function isFromRouter({ ip, flags }: HeldAddress): boolean {
  if (isIpv4(ip)) return false
  const isAutomatic = (flags & (k.IFA_F_MANAGETEMPADDR | k.IFA_F_NOPREFIXROUTE)) === k.IFA_F_MANAGETEMPADDR
  return isAutomatic || (flags & k.IFA_F_TEMPORARY) !== 0
}

/** Interfaces of the host with an IPv6 address from router advertisements or DHCP, or a route from the former; not those of VMs and their VPNs. */
export function autoconfigured(links: Links): string[] {
  const isTemporary = ({ scope, flags }: HeldAddress) =>
    scope === k.RT_SCOPE_UNIVERSE && (flags & k.IFA_F_PERMANENT) === 0
  const temporary = addressesOf(0, [k.AF_INET6]).filter(isTemporary)
  const indexes = new Set([...temporary.map(({ index }) => index), ...advertisedRoutes()])
  return [...indexes].flatMap((index) => {
    const link = links.get(index)
    const isHosts = link !== undefined && link.master === null && link.kind !== 'tun' && !isOwned(link)
    return isHosts ? [link.name] : []
  })
}

/** The interface of each route that a router advertised: a host with an address of its own may have its default route so. */
function advertisedRoutes(): number[] {
  const indexes: number[] = []
  const visit = ({ bytes, start, end }: NetlinkMessage) => {
    if (bytes.readUInt8(start + 5) !== k.RTPROT_RA) return
    const attributes = new NetlinkAttributes(bytes, start + k.RTMSG_LENGTH, end)
    while (attributes.next()) if (attributes.type === k.RTA_OIF) indexes.push(attributes.u32())
  }
  const write = (writer: NetlinkWriter) => dumpRoutes(writer, k.AF_INET6, null, k.RTPROT_RA)
  exhaust(dump({ type: k.RTM_GETROUTE, write, visit, nothing: [k.ENOENT, k.EAFNOSUPPORT, k.EOPNOTSUPP] }))
  return indexes
}
