import { type Ip, isIpv4 } from '../values/address.ts'

/** Octets that VXLAN puts before a frame's payload: the frame's own header, VXLAN, UDP, IP (RFC 7348 §5). */
const OVERHEAD_IPV4 = 14 + 8 + 8 + 20
const OVERHEAD_IPV6 = 14 + 8 + 8 + 40
/** What VMs expect: a smaller MTU would drop their frames, where the underlay may still take fragments. */
const LEAST = 1500

/** The largest MTU of a VXLAN device whose packets fit an underlay, but not less than Ethernet's. */
export function mtuOver(underlayMtu: number, local: Ip): number {
  return Math.max(LEAST, underlayMtu - (isIpv4(local) ? OVERHEAD_IPV4 : OVERHEAD_IPV6))
}
