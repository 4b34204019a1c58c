import { MOBILITY_DEFAULTS } from '../../src/evpn/mobility.ts'
import type { Ip } from '../../src/values/address.ts'
import type { VpnConfig } from '../../src/vpn/config.ts'
import { RANGES } from './ranges.ts'

/** A node with one address and Linux drivers, whose core interface is `lo`. */
export function vpnConfig(address: Ip, changes: Partial<VpnConfig> = {}): VpnConfig {
  return {
    bgpAddress: address,
    identifier: address,
    vtep: address,
    vxlanPort: 4789,
    mobility: MOBILITY_DEFAULTS,
    vtepNetworks: [],
    vxlanMtu: null,
    underlay: null,
    neighSuppress: true,
    ipvpn: { address, transport: { interface: 'lo' }, underlay: null, fromAnyone: false },
    ranges: RANGES,
    lacks: () => null,
    requireIsolation: false,
    drivers: { evpn: 'linux', ipvpn: 'linux' },
    ...changes,
  }
}
