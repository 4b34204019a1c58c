import type { Veth } from '../../dataplane/model.ts'
import { gatewayMac, stableMac } from '../../ipvpn/irb.ts'

/** The options that veth pairs take from the tunnels of EVPN instances, which frames may use next: their MTU. */
export type VethUnderlay = Pick<Veth, 'mtu' | 'local' | 'underlay'>

/** The VRF that a veth pair belongs to. */
export interface VethOwner {
  readonly id: string
  /** Mark of its devices. */
  readonly alias: string
  readonly vethUnderlay: VethUnderlay
}

/** The highest there is, since a bridge may take the lowest address of its ports. */
const HIGHEST_LOCAL_UNICAST = 0xfe

/** Both ends of an IRB's veth pair: `port` in the VRF, `device` in the bridge. */
export function vethEntries(
  { id, alias, vethUnderlay }: VethOwner,
  port: string,
  device: string,
): readonly Veth[] {
  const shared = { kind: 'veth', alias, ...vethUnderlay } as const
  return [
    { ...shared, device: port, peer: device, mac: gatewayMac(id) },
    { ...shared, device, peer: port, mac: stableMac(HIGHEST_LOCAL_UNICAST, port) },
  ]
}
