import { type Ip, isIpv4 } from '../../values/address.ts'
import { described, name, natural, nullable } from './field.ts'
import type { MplsTunnel } from './tunnel.ts'

const IPV4 = 20
const IPV6 = 40
const UDP = 8
/** Octets between an IP packet and a frame's payload: the frame's own header and VXLAN's (RFC 7348 §5). */
const VXLAN = 14 + 8
const GRE = 4
/** The MTU that VMs expect: with a smaller one their frames would be dropped, while the underlay may still carry fragments. */
const LEAST = 1500

/** The fields of a device whose packets an underlay carries. */
export const mtu = described(nullable(natural), 'null: as the underlay has room for')
export const underlay = described(nullable(name), 'the underlay interface; null where it is unknown')

/** The largest MTU of a VXLAN device whose packets fit an underlay, but not less than Ethernet's. */
export function vxlanMtuOver(underlayMtu: number, local: Ip): number {
  return Math.max(LEAST, vxlanRoomOver(underlayMtu, local))
}

/** The largest MTU of a VXLAN device whose packets fit an underlay. */
export function vxlanRoomOver(underlayMtu: number, local: Ip): number {
  return underlayMtu - header(local) - UDP - VXLAN
}

/** The largest MTU of a tunnel whose packets fit an underlay; labels count as part of them. */
export function tunnelMtuOver(underlayMtu: number, { local, encapsulation }: MplsTunnel): number {
  return underlayMtu - header(local) - (encapsulation === 'gre' ? GRE : UDP)
}

function header(local: Ip): number {
  return isIpv4(local) ? IPV4 : IPV6
}
