import { afterEach, beforeEach, expect, test } from 'vitest'
import * as e from '../dataplane/ip-entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { iproute } from '../kernel/iproute.ts'
import { linuxLab } from '../kernel/linux-lab.ts'
import { enterOwnNamespace, run } from '../kernel/namespace.ts'
import { chanter } from '../support/cli.ts'

enterOwnNamespace()

/** What the MPLS driver of bagpipe-bgp makes for VPN instance 1 with a port and a remote route (mpls_linux_dataplane.py), and a VRF that a person made. */
const LEFT = `
ip link add tap1 up type veth peer name far1
ip link set far1 up
ip link add core up type dummy
ip address add 192.0.2.1/24 dev core
ip link add bvrf-1 up type vrf table 1001
ip rule add priority 100 iif bvrf-1 table 1001
ip rule add priority 100 oif bvrf-1 table 1001
ip rule add priority 101 iif bvrf-1 unreachable
ip rule add priority 101 oif bvrf-1 unreachable
ip link set tap1 master bvrf-1
ip neigh add 10.0.0.5 lladdr 02:00:00:00:00:05 dev tap1 nud permanent
ip address add 10.0.0.1/24 dev tap1
ip route add table 1001 10.0.9.0/24 encap mpls 77 via 192.0.2.9 dev core proto 19
ip route add table 1001 10.0.8.0/24 via 192.0.2.9 dev core proto static
ip link add bvrf-x up type vrf table 77`

let lab: Lab

beforeEach(() => {
  lab = linuxLab()
})

afterEach(() => lab.close())

test('a VRF of bagpipe-bgp is recognised, its port moves to a VRF of ours, and cleanup removes it with its routes and rules', async () => {
  LEFT.trim().split('\n').map(run)
  const dataplane = lab.restart()
  expect(dataplane.verifier.orphans().map(({ name }) => name)).toEqual(['bvrf-1'])
  const wanted = [
    { ...e.red, device: 'bvrf-2', table: 1002 },
    { ...e.port(), vrf: 'bvrf-2' },
  ]
  for (const entry of wanted) dataplane.want(entry)
  expect(await dataplane.settled(wanted)).toEqual([])
  expect(iproute.link('tap1')?.master).toBe('bvrf-2')
  expect((await chanter('cleanup', '--state-file', '/nonexistent/state')).output).toContain(
    'removed vrf bvrf-1 (left by bagpipe-bgp)',
  )
  const names = iproute.links().map(({ ifname }) => ifname)
  expect(names).toEqual(expect.arrayContaining(['tap1', 'core', 'bvrf-x']))
  expect(names).not.toContain('bvrf-1')
  expect(run('ip rule')).not.toContain('bvrf-1')
  const routes = run('ip route show table all')
  expect(routes).not.toContain('10.0.9.0')
  expect(routes).toContain('10.0.8.0')
})
