import { chanter, gobgpReflector } from './daemons.ts'
import type { Scenario } from './scenario.ts'
import {
  attach,
  detach,
  established,
  kill,
  loses,
  move,
  park,
  reaches,
  start,
  whileFlowing,
} from './steps.ts'

const RR = '10.77.0.1'
const NODES = ['10.77.0.11', '10.77.0.12', '10.77.0.13'] as const
const node = (address: string) => chanter(address, { BGP: { peers: RR } })
const vm = (node: string, number: number) => ({
  node,
  mac: `02:00:00:00:01:0${number}`,
  addresses: [`192.168.10.${number}/24`],
})

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
    whileFlowing('vm2', 'moved', 0, [kill('rr'), start('rr'), established('node2', 'rr', 60)]),
  ],
}
