import type { MobilityOptions } from '../evpn/mobility.ts'
import type { TransportConfig } from '../ipvpn/provider-edge.ts'
import type { InterfaceAddress, Ip } from '../values/address.ts'
import type { VpnType } from './request.ts'

/** The node-wide resources that this daemon may use. */
export interface Ranges {
  /** First and last MPLS label for endpoints. */
  readonly labels: readonly [number, number]
  /** First and last routing table of VRFs. */
  readonly tables: readonly [number, number]
  /** Prefix of the names of VRF devices. */
  readonly vrfPrefix: string
}

/** The dataplane driver of each type: `dummy` accepts everything, and forwards nothing. */
export type Drivers = Readonly<Record<VpnType, 'linux' | 'dummy'>>

export interface VpnConfig {
  readonly bgpAddress: Ip
  /** IPv4, for route distinguishers. */
  readonly identifier: Ip
  readonly mobility: MobilityOptions
  /** Our VTEP address. */
  readonly vtep: Ip
  /** UDP destination port of VXLAN. */
  readonly vxlanPort: number
  /** Of VXLAN devices; null: what the underlay has room for. */
  readonly vxlanMtu: number | null
  /** The interface with the VTEP address; null where none has it. */
  readonly underlay: string | null
  /** Whether this node answers ARP and ND for remote addresses. */
  readonly neighSuppress: boolean
  /** Prefixes of other nodes' VTEPs and provider edges; none: they may be anywhere. */
  readonly vtepNetworks: readonly InterfaceAddress[]
  /** The MPLS transport of IP VPNs. */
  readonly ipvpn: {
    readonly address: Ip
    readonly transport: TransportConfig
    /** The underlay interface of tunnels; null where it is unknown. */
    readonly underlay: string | null
    /** Whether tunnels accept labelled packets of all nodes, not only of provider edges with routes. */
    readonly fromAnyone: boolean
  }
  readonly ranges: Ranges
  /** Whether a VPN is refused if its bridge is not isolated from the host. */
  readonly requireIsolation: boolean
  readonly drivers: Drivers
  /** What the kernel lacks for a type at present; null when nothing. */
  readonly lacks: (type: VpnType) => string | null
}

export { tunnelTypeOf } from '../ipvpn/provider-edge.ts'
