import { createHash } from 'node:crypto'
import type { Mac } from '../values/mac.ts'

/** How a VRF reaches endpoints in an EVPN instance: by a link into it, whose end in the VRF is their port. */
export interface Irb {
  /** The id of the EVPN instance. */
  readonly evpn: string
  /** The other end: the VRF's port in the EVPN instance. */
  readonly device: string
}

const LOCAL_UNICAST = 0x02

/** The MAC address of a VRF's anycast gateway: the same on every node where the VRF has this id, so that VMs can move. */
export const gatewayMac = (vrf: string): Mac => stableMac(LOCAL_UNICAST, vrf)

/** A MAC address that follows from its first octet and a text. */
export function stableMac(firstOctet: number, seed: string): Mac {
  return firstOctet * 2 ** 40 + createHash('sha256').update(seed).digest().readUIntBE(0, 5)
}
