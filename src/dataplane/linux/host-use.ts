import { formatIp, type Ip, isIpv4 } from '../../values/address.ts'
import { isOurs, type Link } from '../driver.ts'
import * as k from './constants.ts'
import { dumpAddresses } from './encode-ip.ts'
import type { Links } from './links.ts'
import { Attributes, type Message, type Writer } from './message.ts'
import { dump, exhaust } from './requests.ts'

/** Kinds of links that stand on another one and take what that receives. */
const UPPER_KINDS = ['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap']
/** What the kernel says of a family or kind that it does not know. */
const NOTHING = [k.EAFNOSUPPORT, k.EOPNOTSUPP, k.ENOENT]

/** What the host has on a bridge that somebody else made, so that it needs what the bridge passes up; null where nothing. */
export function hostUseOf(bridge: Link, links: Links): string | null {
  if (bridge.master !== null) return `it is in ${bridge.master}`
  return addressOn(bridge) ?? links.uppersOf(bridge.index, UPPER_KINDS)[0]?.name ?? null
}

/** An address that an operator, or a program of theirs, gave the bridge. */
function addressOn({ index }: Link): string | null {
  let found: string | null = null
  for (const family of [k.AF_INET, k.AF_INET6]) {
    const visit = (message: Message) => {
      found ??= addressOf(message)
    }
    const write = (writer: Writer) => dumpAddresses(writer, family, index)
    exhaust(dump({ type: k.RTM_GETADDR, write, visit, nothing: NOTHING }))
  }
  return found
}

/** Those that the kernel made by itself, or of router advertisements, are nobody's will. */
function addressOf({ bytes, start, end }: Message): string | null {
  let ip = ''
  let protocol = 0
  const attributes = new Attributes(bytes, start + k.IFADDRMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.IFA_LOCAL) ip = attributes.octets()
    else if (attributes.type === k.IFA_ADDRESS && ip === '') ip = attributes.octets()
    else if (attributes.type === k.IFA_PROTO) protocol = attributes.u8()
  }
  const isLinkLocal = !isIpv4(ip as Ip) && ip.charCodeAt(0) === 0xfe && (ip.charCodeAt(1) & 0xc0) === 0x80
  if (ip === '' || isLinkLocal || protocol === k.IFAPROT_KERNEL_RA) return null
  return `${formatIp(ip as Ip)}/${bytes.readUInt8(start + 1)}`
}

/** Interfaces of the host that have an IPv6 address for a time, of router advertisements or DHCP; not those of VMs and their networks. */
export function autoconfigured(links: Links): string[] {
  const indexes = new Set<number>()
  const visit = ({ bytes, start, end }: Message) => {
    let flags = bytes.readUInt8(start + 2)
    const attributes = new Attributes(bytes, start + k.IFADDRMSG_LENGTH, end)
    while (attributes.next()) if (attributes.type === k.IFA_FLAGS) flags = attributes.u32()
    const isGlobal = bytes.readUInt8(start + 3) === k.RT_SCOPE_UNIVERSE
    if (isGlobal && (flags & k.IFA_F_PERMANENT) === 0) indexes.add(bytes.readUInt32LE(start + 4))
  }
  const write = (writer: Writer) => dumpAddresses(writer, k.AF_INET6, 0)
  exhaust(dump({ type: k.RTM_GETADDR, write, visit, nothing: NOTHING }))
  return [...indexes].flatMap((index) => {
    const link = links.get(index)
    const isHosts = link !== undefined && link.master === null && link.kind !== 'tun' && !isOurs(link)
    return isHosts ? [link.name] : []
  })
}
