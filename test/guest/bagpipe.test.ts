import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/ip-entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { iproute } from '../kernel/iproute.ts'
import { linuxLab } from '../kernel/linux-lab.ts'
import { enterOwnNamespace, run } from '../kernel/namespace.ts'
import { chanter } from '../support/cli.ts'

enterOwnNamespace()

/**
 * What the MPLS driver of bagpipe-bgp makes for VPN instance 1 with two ports and two remote routes (mpls_linux_dataplane.py), and a route and a VRF
 * that a person made.
 */
const LEFT = `
ip link add tap1 up type veth peer name far1
ip link set far1 up
ip link add tap2 up type veth peer name far2
ip link set far2 up
ip link add core up type dummy
ip address add 192.0.2.1/24 dev core
ip link add bvrf-1 up type vrf table 1001
ip rule add priority 100 iif bvrf-1 table 1001
ip rule add priority 100 oif bvrf-1 table 1001
ip rule add priority 101 iif bvrf-1 unreachable
ip rule add priority 101 oif bvrf-1 unreachable
ip link set tap1 master bvrf-1
ip link set tap2 master bvrf-1
ip neigh add 10.0.0.5 lladdr 02:00:00:00:00:05 dev tap1 nud permanent
ip address add 10.0.0.1/24 brd 10.0.0.255 dev tap1
ip address add 10.1.0.1/24 brd 10.1.0.255 dev tap2
ip -f mpls route add 16 via inet 10.0.0.5 dev tap1 proto 19
ip route add table 1001 10.0.9.0/24 encap mpls 77 via 192.0.2.9 dev core proto 19
ip route add table 1001 10.0.7.0/24 encap mpls 78 via 192.0.2.9 dev core proto 19
ip route add table 1001 10.0.8.0/24 via 192.0.2.9 dev core proto static
ip link add bvrf-x up type vrf table 77`

let lab: Lab

beforeEach(() => {
  lab = linuxLab()
  run('sysctl -qw net.mpls.platform_labels=1048575')
  LEFT.trim().split('\n').map(run)
})

afterEach(() => lab.close())

const left = async (dataplane: ReturnType<Lab['restart']>) =>
  (await dataplane.verifier.orphans()).map(({ name }) => name)
const routes = () => run('ip route show table 1001')
const cleanup = () => chanter('cleanup', '--state-file', '/nonexistent/state')

test('a VRF of bagpipe-bgp is adopted in place: wanted routes and the gateway are replaced at once, and the rest goes at convergence', async () => {
  const dataplane = lab.restart()
  expect(await left(dataplane)).toEqual(['bvrf-1'])
  const index = lab.indexOf('bvrf-1')
  const remote = e.route('10.0.9.0/24', ['core via 192.0.2.9 push 99'])
  const wanted: Entry[] = [
    e.red,
    e.port(),
    e.address('10.0.0.1/24'),
    e.fixed('10.0.0.5', 5),
    e.route('10.0.0.5/32', ['tap1']),
    remote,
  ]
  for (const entry of wanted) dataplane.want(entry)
  expect(await dataplane.settled(wanted)).toEqual([])
  await lab.until(() => wanted.every((entry) => lab.holds(entry)))
  expect(lab.indexOf('bvrf-1')).toBe(index)
  expect(run('ip rule')).not.toContain('bvrf-1')
  expect(routes()).not.toMatch(/mpls +77|10\.0\.0\.0\/24/)
  // those of a port that is not attached yet
  expect(routes()).toMatch(/mpls +78/)
  expect(iproute.link('tap2')?.master).toBe('bvrf-1')
  expect(run('ip address show tap2')).toContain('10.1.0.1/24 brd 10.1.0.255')
  dataplane.complete()
  await lab.until(() => !/mpls +78/.test(routes()))
  expect(routes()).toContain('10.0.8.0')
  const { missing, different, extra } = await dataplane.verifier.verify()
  expect({ missing, different, extra }).toEqual({ missing: 0, different: 0, extra: 0 })
  for (const entry of wanted) dataplane.unwant(entry)
  await dataplane.gone(wanted)
  expect(lab.indexOf('bvrf-1')).toBeUndefined()
  expect(iproute.link('tap2')?.flags).not.toContain('UP')
})

test('a VRF that is adopted and released keeps its ports, their gateways and its routes', async () => {
  const dataplane = lab.restart()
  const adopted: Entry[] = [e.red, e.port(), e.address('10.0.0.1/24'), e.fixed('10.0.0.5', 5)]
  const own: Entry[] = [e.port('tap3')]
  expect(await dataplane.staleDevices([...adopted, ...own])).toEqual(['bvrf-1', 'tap1'])
  for (const entry of [...adopted, ...own]) dataplane.want(entry)
  expect(await dataplane.settled([...adopted, ...own])).toMatchObject([{ entry: { device: 'tap3' } }])
  const index = lab.indexOf('bvrf-1')
  for (const entry of adopted) dataplane.release(entry)
  for (const entry of own) dataplane.unwant(entry)
  dataplane.complete()
  await dataplane.gone([...adopted, ...own])
  await lab.calm()
  expect(lab.indexOf('bvrf-1')).toBe(index)
  for (const port of ['tap1', 'tap2']) expect(iproute.link(port)?.master).toBe('bvrf-1')
  expect(run('ip address show tap1')).toContain('10.0.0.1/24')
  expect(run('ip neigh show dev tap1')).toContain('10.0.0.5 lladdr 02:00:00:00:00:05')
  expect(routes()).toMatch(/mpls +77/)
  expect(routes()).toMatch(/mpls +78/)
  expect(await left(dataplane)).toEqual(['bvrf-1'])
  expect(await dataplane.staleDevices(adopted)).toEqual(['bvrf-1', 'tap1'])
})

test('cleanup removes it with its routes, rules and gateways, and nothing of others', async () => {
  const { output } = await cleanup()
  for (const what of ['vrf bvrf-1', 'address 10.0.0.1/24 on tap1', 'address 10.1.0.1/24 on tap2'])
    expect(output).toContain(`removed ${what} (left by bagpipe-bgp)`)
  const names = iproute.links().map(({ ifname }) => ifname)
  expect(names).toEqual(expect.arrayContaining(['tap1', 'core', 'bvrf-x']))
  expect(names).not.toContain('bvrf-1')
  expect(run('ip rule')).not.toContain('bvrf-1')
  expect(run('ip -f mpls route')).toBe('')
  expect(run('ip address show tap1')).not.toContain('10.0.0.1')
  expect(run('ip route show table all')).not.toContain('10.0.9.0')
  expect(routes()).toContain('10.0.8.0')
})

test('a port moves from it to another VRF', async () => {
  const dataplane = lab.restart()
  const wanted = [
    { ...e.red, device: 'bvrf-2', table: 1002 },
    { ...e.port(), vrf: 'bvrf-2' },
  ]
  for (const entry of wanted) dataplane.want(entry)
  expect(await dataplane.settled(wanted)).toEqual([])
  expect(iproute.link('tap1')?.master).toBe('bvrf-2')
})
