import { type Ip, isIpv4 } from '../../values/address.ts'
import * as k from './constants.ts'
import { dumpAddresses } from './encode-ip.ts'
import { NetlinkAttributes, type NetlinkMessage, type NetlinkWriter } from './message.ts'
import { dump, exhaust } from './requests.ts'

/** An address of an interface. */
export interface HeldAddress {
  /** Of the interface. */
  readonly index: number
  readonly ip: Ip
  readonly prefixLength: number
  /** Whether it has our mark. */
  readonly marked: boolean
  /** IFA_F_*. */
  readonly flags: number
  readonly scope: number
}

/** The addresses of one interface, or with 0 of all, now. */
export function addressesOf(index: number, families = [k.AF_INET, k.AF_INET6]): HeldAddress[] {
  const addresses: HeldAddress[] = []
  const visit = (message: NetlinkMessage) => void addresses.push(readHeld(message))
  for (const family of families) {
    const write = (writer: NetlinkWriter) => dumpAddresses(writer, family, index)
    exhaust(dump({ type: k.RTM_GETADDR, write, visit, nothing: [k.EAFNOSUPPORT, k.EOPNOTSUPP] }))
  }
  return addresses
}

/** The attributes of an address by which it is an owned one; numbers that are absent are 0. */
export interface AddressMark {
  readonly protocol: number
  readonly metric: number
  /** IFA_F_*. */
  readonly flags: number
}

/** Before 5.18 the kernel keeps no protocol: there the metric is the mark, which means nothing without a route to the subnet. */
export function isMarkedAddress({ protocol, metric, flags }: AddressMark): boolean {
  if (protocol !== 0) return protocol === k.PROTOCOL
  return metric === k.METRIC && (flags & k.IFA_F_NOPREFIXROUTE) !== 0
}

/** Made by the kernel for the link itself. */
export function isLinkLocal({ ip }: Pick<HeldAddress, 'ip'>): boolean {
  return !isIpv4(ip) && ip.charCodeAt(0) === 0xfe && (ip.charCodeAt(1) & 0xc0) === 0x80
}

/** With a peer address, the subnet is that of the peer; the address itself has none. */
function readHeld({ bytes, start, end }: NetlinkMessage): HeldAddress {
  let local = ''
  let address = ''
  let protocol = 0
  let metric = 0
  let flags = bytes.readUInt8(start + 2)
  const attributes = new NetlinkAttributes(bytes, start + k.IFADDRMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.IFA_LOCAL) local = attributes.octets()
    else if (attributes.type === k.IFA_ADDRESS) address = attributes.octets()
    else if (attributes.type === k.IFA_PROTO) protocol = attributes.u8()
    else if (attributes.type === k.IFA_RT_PRIORITY) metric = attributes.u32()
    else if (attributes.type === k.IFA_FLAGS) flags = attributes.u32()
  }
  const hasPeer = local !== '' && address !== '' && local !== address
  const ip = (local === '' ? address : local) as Ip
  return {
    index: bytes.readUInt32LE(start + 4),
    ip,
    prefixLength: hasPeer ? ip.length * 8 : bytes.readUInt8(start + 1),
    marked: isMarkedAddress({ protocol, metric, flags }),
    flags,
    scope: bytes.readUInt8(start + 3),
  }
}
