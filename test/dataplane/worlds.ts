import { isOwned } from '../../src/dataplane/driver.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from './entries.ts'
import type { World } from './histories.ts'
import * as vpn from './ip-entries.ts'
import type { MemoryLab } from './memory-lab.ts'

const ENTRIES: readonly Entry[] = [
  e.bridge,
  { ...e.bridge, external: true },
  e.vxlan,
  { ...e.vxlan, mtu: 9000 },
  { ...e.vxlan, vni: 200 },
  e.vxlanPort,
  e.tapPort,
  { ...e.tapPort, learning: false },
  { ...e.tapPort, external: true },
  { ...e.tapPort, device: 'tap2' },
  e.local(1),
  e.local(2),
  e.local(9, 'tap2'),
  e.remote(3),
  e.remote(3, '192.0.2.3'),
  e.remote(4, '192.0.2.3', 300),
  e.flood('192.0.2.2'),
  e.flood('192.0.2.3', 300),
  e.neighbour('10.0.0.3', 3),
  e.neighbour('10.0.0.3', 4),
  e.neighbour('2001:db8::3', 3),
  e.neighbour('2001:db8::3', 3, true),
]

/** Whether the entry can be programmed, with the other desired entries and the existing interfaces. */
function isPossible(wanted: ReadonlyMap<string, Entry>, lab: MemoryLab, each: Entry): boolean {
  const there = lab.driver.link(each.device)
  const link = wanted.get(`link ${each.device}`)
  const usable = link?.kind === 'bridge' && link.external && there?.kind === 'bridge'
  const taken = there !== undefined && link !== undefined && !isOwned(there) && !usable
  if (taken || each.kind === 'bridge' || each.kind === 'vxlan') return !taken
  const port = wanted.get(`port ${each.device}`)
  if (there === undefined || (port?.kind === 'port' && lab.driver.link(port.bridge)?.kind !== 'bridge'))
    return false
  if (each.kind === 'local-mac') return there.master !== null
  return true
}

const IP_ENTRIES: readonly Entry[] = [
  vpn.red,
  vpn.blue,
  vpn.gre,
  { ...vpn.gre, remote: vpn.gre.local },
  vpn.port('tap1'),
  vpn.port('tap1', vpn.blue),
  vpn.port('tap2'),
  { ...vpn.core, device: 'tap2' },
  vpn.address('10.0.0.1/24'),
  vpn.address('2001:db8::1/64'),
  vpn.fixed('10.0.0.5', 5),
  vpn.fixed('10.0.0.5', 6),
  vpn.fixed('2001:db8::5', 5),
  vpn.proxy('2001:db8::9'),
  vpn.unreachable('0.0.0.0/0'),
  vpn.route('0.0.0.0/0', ['gre-2 push 100']),
  vpn.route('10.0.0.5/32', ['tap1']),
  vpn.route('10.0.0.5/32', ['tap2']),
  vpn.route('10.0.0.5/32', ['tap1', 'gre-2 push 100'], vpn.blue),
  vpn.route('10.0.0.5/32', ['tap2', 'tap1', 'gre-2 push 100'], vpn.blue),
  vpn.label(100, 'tap1 via 10.0.0.5'),
  vpn.label(100, 'bvrf-1'),
  vpn.label(101, 'tap2 via 10.0.0.5'),
  vpn.end('end-v', 'end-e', 1),
  vpn.end('end-v', 'end-e', 3),
  vpn.end('end-e', 'end-v', 2),
  vpn.port('end-v'),
  vpn.fixed('10.0.0.7', 7, 'end-v'),
  vpn.route('10.0.0.7/32', ['end-v']),
]

function isIpPossible(wanted: ReadonlyMap<string, Entry>, lab: MemoryLab, each: Entry): boolean {
  const there = lab.driver.link(each.device)
  const link = wanted.get(`link ${each.device}`)
  const taken = there !== undefined && link !== undefined && !isOwned(there)
  if (taken || each.kind === 'vrf' || each.kind === 'tunnel' || each.kind === 'veth') return !taken
  const port = wanted.get(`port ${each.device}`)
  if (there === undefined || (port?.kind === 'vrf-port' && lab.driver.link(port.vrf)?.kind !== 'vrf'))
    return false
  if (each.kind === 'route') return each.hops.every(({ device }) => lab.driver.link(device)?.up)
  if (each.kind === 'mpls') return each.hops.every(({ device }) => lab.driver.link(device) !== undefined)
  return true
}

export const evpn: World = { entries: ENTRIES, devices: ['br0', 'vx0', 'tap1', 'tap2'], isPossible }

export const ipVpn: World = {
  entries: IP_ENTRIES,
  devices: ['bvrf-1', 'bvrf-2', 'gre-2', 'tap1', 'tap2', 'lo', 'end-v', 'end-e'],
  isPossible: isIpPossible,
}
