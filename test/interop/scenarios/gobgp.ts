import { gobgpReflector } from './daemons.ts'
import { NODES, node, RR, vm } from './parts.ts'
import type { Scenario } from './scenario.ts'
import {
  attach,
  detach,
  established,
  kill,
  learns,
  loses,
  move,
  NET2,
  park,
  reaches,
  shows,
  start,
  whileFlowing,
} from './steps.ts'

/** What the README shows, and what everything else builds on. */
export const evpnPing: Scenario = {
  name: 'EVPN: ping over VXLAN',
  peer: 'GoBGP reflector',
  nodes: { rr: gobgpReflector(RR, NODES), node1: node(NODES[0]), node2: node(NODES[1]) },
  vms: { vm1: vm('node1', 1), vm2: vm('node2', 2) },
  steps: [
    established('node1', 'rr'),
    established('node2', 'rr'),
    attach('vm1'),
    attach('vm2'),
    reaches('vm1', 'vm2'),
    reaches('vm2', 'vm1'),
    detach('vm2'),
    loses('vm1', 'vm2'),
  ],
}

/** Restarts lose nothing behind a reflector that keeps routes (RFC 4724); a migration loses what is sent while the VM is nowhere. */
export const evpnRestarts: Scenario = {
  name: 'EVPN: restarts and a migration under load',
  peer: 'GoBGP reflector, graceful restart',
  nodes: {
    rr: gobgpReflector(RR, NODES, { gracefulRestart: true }),
    node1: node(NODES[0]),
    node2: node(NODES[1]),
    node3: node(NODES[2]),
  },
  vms: { vm1: vm('node1', 1), vm2: vm('node2', 2), moved: vm('node3', 1) },
  steps: [
    park('moved'),
    ...['node1', 'node2', 'node3'].map((name) => established(name, 'rr')),
    attach('vm1'),
    attach('vm2'),
    reaches('vm2', 'vm1'),
    whileFlowing('vm2', 'vm1', 0, [kill('node1'), start('node1'), established('node1', 'rr')]),
    whileFlowing('vm2', 'vm1', 150, [move('vm1', 'moved'), reaches('vm2', 'moved')]),
    // last: what GoBGP learns after a restart it passes on minutes later
    whileFlowing('vm2', 'moved', 0, [kill('rr'), start('rr'), established('node2', 'rr')]),
  ],
}

/** The reflector sends a node the routes of its own networks alone (RFC 4684), with all paths of each (RFC 7911). */
export const constraint: Scenario = {
  name: 'EVPN: route target constraint, add-path',
  peer: 'GoBGP reflector, graceful restart, add-path',
  nodes: {
    rr: gobgpReflector(RR, NODES, { gracefulRestart: true, addPath: true }),
    node1: node(NODES[0]),
    node2: node(NODES[1]),
  },
  vms: { vm1: vm('node1', 1), vm2: vm('node2', 2), vm3: vm('node2', 3) },
  steps: [
    established('node1', 'rr'),
    established('node2', 'rr'),
    shows('rr', `gobgp neighbor ${NODES[0]}`, /add-path:.*\n(.*\n)*.*l2vpn-evpn/i),
    attach('vm1'),
    attach('vm2'),
    attach('vm3', NET2),
    shows('rr', 'gobgp global rib -a rtc', /64512:64512:10/),
    shows('rr', 'gobgp global rib -a rtc', /64512:64512:20/),
    shows('rr', 'gobgp global rib -a evpn', /02:00:00:00:01:03/),
    reaches('vm1', 'vm2'),
    learns('node1', ['02:00:00:00:01:02'], ['02:00:00:00:01:03']),
    detach('vm1'),
    learns('node1', [], ['02:00:00:00:01:02']),
  ],
}
