import { chanter, chanterReflector } from './daemons.ts'
import { NODES, node, RR, vm } from './parts.ts'
import type { Scenario } from './scenario.ts'
import { established, PING_AND_DETACH } from './steps.ts'

const [ONE, TWO, THREE] = NODES
const VMS = { vm1: vm('node1', 1), vm2: vm('node2', 2) }

export const ownReflector: Scenario = {
  name: 'EVPN: ping over VXLAN',
  peer: 'chanter reflector',
  nodes: { rr: chanterReflector(RR), node1: node(ONE), node2: node(TWO) },
  vms: VMS,
  steps: [established('node1', 'rr'), established('node2', 'rr'), ...PING_AND_DETACH],
}

/** Two nodes that name each other. */
export const direct: Scenario = {
  name: 'EVPN: ping over VXLAN',
  peer: 'no reflector',
  nodes: { node1: chanter(ONE, { BGP: { peers: TWO } }), node2: chanter(TWO, { BGP: { peers: ONE } }) },
  vms: VMS,
  steps: [established('node1', 'node2'), established('node2', 'node1'), ...PING_AND_DETACH],
}

/** A node reflects for all that connect; it does not know their addresses. */
export const dynamic: Scenario = {
  name: 'EVPN: ping over VXLAN',
  peer: 'a node that reflects, dynamic neighbours',
  nodes: {
    node3: chanter(THREE, { BGP: { reflector: 'true', reflector_clients: '10.77.0.0/24' } }),
    node1: chanter(ONE, { BGP: { peers: THREE } }),
    node2: chanter(TWO, { BGP: { peers: THREE } }),
  },
  vms: VMS,
  steps: [established('node1', 'node3'), established('node2', 'node3'), ...PING_AND_DETACH],
}
