import { frrReflector } from '../../support/frr-config.ts'
import { chanter, frr, gobgpReflector, IPVPN } from './daemons.ts'
import { customer, NODES, RR } from './parts.ts'
import type { Node, Scenario } from './scenario.ts'
import { attach, detach, established, learns, RED, reaches, withMpls } from './steps.ts'

const node = (address: string) => chanter(address, { ...IPVPN, BGP: { peers: RR } })

/** Customers of an IP VPN reach each other over MPLS, VPNv4 and VPNv6; where the kernel has no MPLS, the routes are there. */
function ipVpn(peer: string, rr: Node): Scenario {
  return {
    name: 'IP VPN: VPNv4 and VPNv6',
    peer,
    nodes: { rr, node1: node(NODES[0]), node2: node(NODES[1]) },
    vms: { ce1: customer('node1', 1), ce2: customer('node2', 2) },
    steps: [
      established('node1', 'rr'),
      established('node2', 'rr'),
      attach('ce1', RED),
      attach('ce2', RED),
      learns('node1', ['10.0.2.1/32', '2001:db8:2::1/128']),
      learns('node2', ['10.0.1.1/32', '2001:db8:1::1/128']),
      ...withMpls(reaches('ce1', 'ce2'), reaches('ce2', 'ce1')),
      detach('ce2', RED),
      learns('node1', ['10.0.1.1/32'], ['10.0.2.1/32', '2001:db8:2::1/128']),
    ],
  }
}

export const ipVpnGobgp = ipVpn('GoBGP reflector', gobgpReflector(RR, NODES))

export const ipVpnFrr = ipVpn(
  'FRR reflector',
  frr(
    RR,
    `${frrReflector(RR, 'ipv4 vpn')} exit-address-family
 address-family ipv6 vpn
  neighbor NODES activate
  neighbor NODES route-reflector-client
 exit-address-family
`,
  ),
)
