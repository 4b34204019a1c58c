import { type Ip, isIpv4 } from '../../../values/address.ts'
import type { Link } from '../../driver.ts'
import type { Vxlan } from '../../model.ts'
import * as k from '../constants.ts'
import { isVxlanOptionChanged, writeVxlanOptions } from '../link-options.ts'
import { networkSettings } from '../sysctl.ts'
import type { LinuxLinkDefinition } from './link-definition.ts'

/** A VXLAN device that does not learn; over IPv6 it takes packets with UDP checksum 0 (RFC 7348 §5, RFC 6935 §5). */
export const vxlan: LinuxLinkDefinition<Vxlan> = {
  kind: 'vxlan',
  kernelKinds: new Map([['vxlan', null]]),
  isInNetwork: true,
  writeTraits(writer, { vni, local, port }, zeroChecksums) {
    writer.attributeU32(k.IFLA_VXLAN_ID, vni)
    writer.attributeIp(isIpv4(local) ? k.IFLA_VXLAN_LOCAL : k.IFLA_VXLAN_LOCAL6, local)
    writer.attributePort(k.IFLA_VXLAN_PORT, port)
    writer.attributeU8(k.IFLA_VXLAN_TTL, 0)
    writer.attributeU8(k.IFLA_VXLAN_LEARNING, 0)
    if (zeroChecksums && !isIpv4(local)) writer.attributeU8(k.IFLA_VXLAN_UDP_ZERO_CSUM6_RX, 1)
  },
  writeOptions: writeVxlanOptions,
  read(data, link) {
    while (data.next()) {
      if (data.type === k.IFLA_VXLAN_ID) link.vni = data.u32()
      else if (data.type === k.IFLA_VXLAN_LINK) link.lower = data.u32()
      else if (data.type === k.IFLA_VXLAN_PORT) link.port = data.network()
      else if (data.type === k.IFLA_VXLAN_LOCAL || data.type === k.IFLA_VXLAN_LOCAL6)
        link.local = data.octets() as Ip
      else if (data.type === k.IFLA_VXLAN_LEARNING) link.learns = data.u8() !== 0
      // it drops the ARP requests that it cannot answer itself
      else if (data.type === k.IFLA_VXLAN_PROXY) link.outdated = data.u8() !== 0
      else if (data.type === k.IFLA_VXLAN_UDP_ZERO_CSUM6_RX) link.takesZeroChecksums = data.u8() !== 0
      else if (data.type === k.IFLA_VXLAN_COLLECT_METADATA || data.type === k.IFLA_VXLAN_VNIFILTER)
        link.flowBased ||= data.u8() !== 0
      if (isVxlanOptionChanged(data)) link.tuned = false
    }
  },
  takesZeroChecksums({ local, port }, links) {
    return isIpv4(local) || (links.vxlanUpOn(port)?.takesZeroChecksums ?? true)
  },
  // those that are up on a UDP port share a socket, which has the option of the first
  isSpoilt(link, errno, links) {
    if (errno !== k.EADDRINUSE || !isVxlan6(link) || link.port === null) return false
    const other = links.vxlanUpOn(link.port)
    return other !== undefined && other.takesZeroChecksums !== link.takesZeroChecksums
  },
  settingsOf: networkSettings,
}

/** Whether it is a VXLAN device over IPv6. */
export function isVxlan6({ kind, local }: Pick<Link, 'kind' | 'local'>): boolean {
  return kind === 'vxlan' && local !== null && !isIpv4(local)
}
