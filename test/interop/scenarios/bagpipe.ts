import { bagpipe, gobgpReflector } from './daemons.ts'
import { NODES, node, RR, vm } from './parts.ts'
import type { Scenario } from './scenario.ts'
import { attach, detach, established, loses, reaches } from './steps.ts'

/** A fleet that is being migrated: the same attaches, one answered by bagpipe-bgp and one by chanter. */
export const evpnBagpipe: Scenario = {
  name: 'EVPN: ping over VXLAN',
  peer: 'bagpipe-bgp node, both reflected',
  nodes: { rr: gobgpReflector(RR, NODES), node1: node(NODES[0]), node2: bagpipe(NODES[1], RR) },
  vms: { vm1: vm('node1', 1), vm2: vm('node2', 2) },
  steps: [
    established('node1', 'rr'),
    attach('vm1'),
    attach('vm2'),
    reaches('vm1', 'vm2'),
    reaches('vm2', 'vm1'),
    detach('vm1'),
    loses('vm2', 'vm1'),
  ],
}
