import { chanter, chanterReflector } from './daemons.ts'
import { NODES, node, RR, vm } from './parts.ts'
import type { Scenario, Step } from './scenario.ts'
import { attach, detach, established, loses, reaches } from './steps.ts'

const [ONE, TWO, THREE] = NODES
const VMS = { vm1: vm('node1', 1), vm2: vm('node2', 2) }

/** Both VMs reach each other, until one leaves. */
const MEET: readonly Step[] = [
  attach('vm1'),
  attach('vm2'),
  reaches('vm1', 'vm2'),
  reaches('vm2', 'vm1'),
  detach('vm2'),
  loses('vm1', 'vm2'),
]

export const ownReflector: Scenario = {
  name: 'EVPN: ping over VXLAN',
  peer: 'chanter reflector',
  nodes: { rr: chanterReflector(RR), node1: node(ONE), node2: node(TWO) },
  vms: VMS,
  steps: [established('node1', 'rr'), established('node2', 'rr'), ...MEET],
}

/** Two nodes that name each other. */
export const direct: Scenario = {
  name: 'EVPN: ping over VXLAN',
  peer: 'no reflector',
  nodes: { node1: chanter(ONE, { BGP: { peers: TWO } }), node2: chanter(TWO, { BGP: { peers: ONE } }) },
  vms: VMS,
  steps: [established('node1', 'node2'), established('node2', 'node1'), ...MEET],
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
  steps: [established('node1', 'node3'), established('node2', 'node3'), ...MEET],
}
