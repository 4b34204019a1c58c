import type { Uplink } from '../../dataplane/model.ts'
import { formatIp, type Ip } from '../../values/address.ts'
import type { VpnConfig } from '../config.ts'

interface Use {
  readonly uplink: Uplink
  /** A clause about the interface. */
  readonly why: string
}

/** The dataplane's answer to `Uplinks.all`. */
export type Stacks = readonly (readonly string[])[]

export interface UplinksDependencies {
  readonly config: Pick<VpnConfig, 'bgpAddress' | 'vtep' | 'ipvpn'>
  /** The addresses of configured BGP peers. */
  readonly peers: readonly Ip[]
}

/** The interfaces that the node's own tunnels and sessions use: none of them can be part of a VPN. */
export class Uplinks {
  /** Those of tunnels first. */
  private readonly uses: readonly Use[]
  private readonly tunnelUses: number
  /** In the form of a query to the dataplane. */
  readonly all: readonly Uplink[]

  constructor({ config: { bgpAddress, vtep, ipvpn }, peers }: UplinksDependencies) {
    const tunnels: Use[] = [...new Set([vtep, ipvpn.address])].map((holds) => ({
      uplink: { holds },
      why: `has the tunnel address ${formatIp(holds)}`,
    }))
    if ('interface' in ipvpn.transport)
      tunnels.push({ uplink: { device: ipvpn.transport.interface }, why: 'is the mpls_interface' })
    const sessions = peers.map((leadsTo) => ({
      uplink: { leadsTo },
      why: `leads to BGP peer ${formatIp(leadsTo)}`,
    }))
    const bgp = { uplink: { holds: bgpAddress }, why: `has the BGP address ${formatIp(bgpAddress)}` }
    this.uses = [...tunnels, bgp, ...sessions]
    this.tunnelUses = tunnels.length
    this.all = this.uses.map(({ uplink }) => uplink)
  }

  /** The node's own use of the interface, as a clause about it; null where there is none. */
  needing(name: string, stacks: Stacks): string | null {
    return this.first(name, stacks, this.uses.length)
  }

  /** As `needing`, for tunnels alone. */
  tunnelsNeeding(name: string, stacks: Stacks): string | null {
    return this.first(name, stacks, this.tunnelUses)
  }

  private first(name: string, stacks: Stacks, count: number): string | null {
    for (const [i, { why }] of this.uses.slice(0, count).entries()) {
      const [device, ...below] = stacks[i] ?? []
      if (device === name) return why
      if (below.includes(name)) return `carries ${device}, which ${why}`
    }
    return null
  }
}
