import { chanter, frr } from './daemons.ts'
import { NODES, vm } from './parts.ts'
import { AS, type Scenario } from './scenario.ts'
import { attach, configure, detach, established, learns, loses, reaches, shows } from './steps.ts'

const [ONE, FRR] = NODES
const BRIDGE = '192.168.10.252'

/** FRR is the other node, with a bridge and a VXLAN device of its own making, and takes our routes of types 2 and 3, as we take its. */
export const evpnFrr: Scenario = {
  name: 'EVPN: ping over VXLAN',
  peer: 'FRR node',
  nodes: {
    frr: frr(
      FRR,
      `router bgp ${AS}
 bgp router-id ${FRR}
 no bgp default ipv4-unicast
 neighbor ${ONE} remote-as ${AS}
 neighbor ${ONE} passive
 address-family l2vpn evpn
  neighbor ${ONE} activate
  advertise-all-vni
  vni 100
   route-target both ${AS}:10
  exit-vni
`,
    ),
    node1: chanter(ONE, { BGP: { peers: FRR } }),
  },
  vms: { vm1: vm('node1', 1), vm2: vm('frr', 2) },
  steps: [
    configure(
      'frr',
      'ip link add br100 type bridge forward_delay 0',
      `ip link add vxlan100 type vxlan id 100 local ${FRR} dstport 4789 nolearning`,
      'ip link set vxlan100 master br100 up',
      'ip link set tap-vm2 master br100 up',
      'ip link set br100 up',
      `ip addr add ${BRIDGE}/24 dev br100`,
      'bridge link set dev vxlan100 learning off neigh_suppress on',
    ),
    established('node1', 'frr'),
    attach('vm1'),
    // FRR learns of its VM when that speaks
    configure('vm2', `ping -c 1 -W 2 ${BRIDGE}`),
    learns('node1', ['02:00:00:00:01:02', '192.168.10.2']),
    reaches('vm1', 'vm2'),
    reaches('vm2', 'vm1'),
    shows('frr', 'show evpn mac vni 100', /02:00:00:00:01:01 +remote/),
    detach('vm1'),
    loses('vm2', 'vm1'),
  ],
}
