import { AS } from '../../src/lab/two-nodes.ts'

/** The bgpd.conf of a reflector for the nodes 10.77.0.0/24, up to the lines of its address family. */
export function frrReflector(address: string, family = 'l2vpn evpn'): string {
  return `router bgp ${AS}
 bgp router-id ${address}
 no bgp default ipv4-unicast
 neighbor NODES peer-group
 neighbor NODES remote-as ${AS}
 bgp listen range 10.77.0.0/24 peer-group NODES
 address-family ${family}
  neighbor NODES activate
  neighbor NODES route-reflector-client
`
}
