import { createHash } from 'node:crypto'
import type { Veth } from '../dataplane/model.ts'
import type { Mac } from '../values/mac.ts'

/** How a VRF reaches endpoints in the bridge of an EVPN instance: by a veth pair, whose end in the VRF is their port. */
export interface Irb {
  /** The id of the EVPN instance. */
  readonly evpn: string
  /** The other end, for its bridge. */
  readonly device: string
}

/** The options that veth pairs take from the tunnels of EVPN instances, which frames may use next: their MTU. */
export type VethUnderlay = Pick<Veth, 'mtu' | 'local' | 'underlay'>

/** The VRF that a veth pair belongs to. */
interface Owner {
  readonly id: string
  readonly alias: string
  readonly vethUnderlay: VethUnderlay
}

const LOCAL_UNICAST = 0x02
/** The highest there is, since a bridge may take the lowest address of its ports. */
const HIGHEST_LOCAL_UNICAST = 0xfe

/** The MAC address of a VRF's anycast gateway: the same on every node where the VRF has this id, so that VMs can move. */
export const gatewayMac = (vrf: string): Mac => macOf(LOCAL_UNICAST, vrf)

/** Both ends of an IRB's veth pair; `port` is the one in the VRF. */
export function projectIrb(
  { id, alias, vethUnderlay }: Owner,
  port: string,
  { device }: Irb,
): readonly Veth[] {
  const shared = { kind: 'veth', alias, ...vethUnderlay } as const
  return [
    { ...shared, device: port, peer: device, mac: gatewayMac(id) },
    { ...shared, device, peer: port, mac: macOf(HIGHEST_LOCAL_UNICAST, port) },
  ]
}

function macOf(firstOctet: number, seed: string): Mac {
  return firstOctet * 2 ** 40 + createHash('sha256').update(seed).digest().readUIntBE(0, 5)
}
