import { ANY_IPV4, ANY_IPV6, isIpv4 } from '../../values/address.ts'
import type { Vxlan } from '../model.ts'
import * as k from './constants.ts'
import type { NetlinkAttributes, NetlinkWriter } from './message.ts'

/** By attribute type: length in octets, and required value. */
type LinkOptions = ReadonlyMap<number, readonly [octets: 1 | 2 | 4, value: number]>

/** Changeable options of a VXLAN device that frames or packets depend on, with their default values. */
const VXLAN: LinkOptions = new Map([
  [k.IFLA_VXLAN_TTL, [1, 0]],
  [k.IFLA_VXLAN_TOS, [1, 0]],
  [k.IFLA_VXLAN_LEARNING, [1, 0]],
  [k.IFLA_VXLAN_AGEING, [4, 300]],
  [k.IFLA_VXLAN_LABEL, [4, 0]],
  [k.IFLA_VXLAN_DF, [1, 0]],
  [k.IFLA_VXLAN_LOCALBYPASS, [1, 1]],
])

/** TTL of tunnel packets. */
export const TUNNEL_HOPS = 64

/** The same for a GRE tunnel. A message with some of them resets the others: one that has others is recreated. */
const GRE: LinkOptions = new Map([
  [k.IFLA_GRE_LINK, [4, 0]],
  [k.IFLA_GRE_IFLAGS, [2, 0]],
  [k.IFLA_GRE_OFLAGS, [2, 0]],
  [k.IFLA_GRE_TTL, [1, TUNNEL_HOPS]],
  [k.IFLA_GRE_TOS, [1, 0]],
  [k.IFLA_GRE_PMTUDISC, [1, 1]],
  [k.IFLA_GRE_FLOWINFO, [4, 0]],
  [k.IFLA_GRE_ENCAP_TYPE, [2, 0]],
  [k.IFLA_GRE_IGNORE_DF, [1, 0]],
  [k.IFLA_GRE_FWMARK, [4, 0]],
])

/** The same for a tunnel in UDP. */
const IP_TUNNEL: LinkOptions = new Map([
  [k.IFLA_IPTUN_LINK, [4, 0]],
  [k.IFLA_IPTUN_TTL, [1, TUNNEL_HOPS]],
  [k.IFLA_IPTUN_TOS, [1, 0]],
  [k.IFLA_IPTUN_FLOWINFO, [4, 0]],
  [k.IFLA_IPTUN_FWMARK, [4, 0]],
])

/** The same for a bridge; the forward delay and the default VLAN need a message of their own. */
const BRIDGE: LinkOptions = new Map([
  [k.IFLA_BR_AGEING_TIME, [4, 30_000]],
  [k.IFLA_BR_STP_STATE, [4, 0]],
  [k.IFLA_BR_GROUP_FWD_MASK, [2, 0]],
  // VMs must not control a bridge: a query of one of them must not prune the groups of all (RFC 4541 §2.1)
  [k.IFLA_BR_MCAST_SNOOPING, [1, 0]],
])

/** Whether the option just read is one of these and differs from its required value. */
function strays(data: NetlinkAttributes, options: LinkOptions): boolean {
  const option = options.get(data.type)
  if (option === undefined) return false
  const [octets, value] = option
  const found = octets === 1 ? data.u8() : octets === 2 ? data.u16() : data.u32()
  return found !== value
}

export function isBridgeOptionChanged(data: NetlinkAttributes): boolean {
  if (data.type === k.IFLA_BR_FORWARD_DELAY) return data.u32() !== 0
  if (data.type === k.IFLA_BR_VLAN_DEFAULT_PVID) return data.u16() !== 0
  return strays(data, BRIDGE)
}

/** A default destination is one more VTEP that BUM traffic goes to. */
export function isVxlanOptionChanged(data: NetlinkAttributes): boolean {
  if (data.type === k.IFLA_VXLAN_GROUP || data.type === k.IFLA_VXLAN_GROUP6)
    return !/^\0*$/.test(data.octets())
  return strays(data, VXLAN)
}

export const isGreOptionChanged = (data: NetlinkAttributes): boolean => strays(data, GRE)
export const isIpTunnelOptionChanged = (data: NetlinkAttributes): boolean => strays(data, IP_TUNNEL)

export function writeBridgeOptions(writer: NetlinkWriter): void {
  write(writer, BRIDGE)
}

export function writeVxlanOptions(writer: NetlinkWriter, { local }: Vxlan): void {
  const isV4 = isIpv4(local)
  writer.attributeIp(isV4 ? k.IFLA_VXLAN_LOCAL : k.IFLA_VXLAN_LOCAL6, local)
  writer.attributeIp(isV4 ? k.IFLA_VXLAN_GROUP : k.IFLA_VXLAN_GROUP6, isV4 ? ANY_IPV4 : ANY_IPV6)
  write(writer, VXLAN)
}

function write(writer: NetlinkWriter, options: LinkOptions): void {
  for (const [type, [octets, value]] of options) {
    if (octets === 1) writer.attributeU8(type, value)
    else if (octets === 2) writer.attributeU16(type, value)
    else writer.attributeU32(type, value)
  }
}
