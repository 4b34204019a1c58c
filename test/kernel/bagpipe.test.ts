import { release } from 'node:os'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { LinuxDriver } from '../../src/dataplane/linux/driver.ts'
import type { Entry } from '../../src/dataplane/model.ts'
import * as e from '../dataplane/entries.ts'
import type { Lab } from '../dataplane/lab.ts'
import { chanter } from '../support/cli.ts'
import { iproute } from './iproute.ts'
import { linuxLab } from './linux-lab.ts'
import { enterOwnNamespace, run } from './namespace.ts'

enterOwnNamespace()

/**
 * What bagpipe-bgp 17 leaves of an instance, after SIGTERM as after SIGKILL: it makes the devices with these commands (linux_vxlan.py). The bridge has
 * the address of a port, local MACs are `self permanent` on the port, remote ones and VTEPs on the VXLAN device; neighbours are permanent there.
 */
const LEFT = `
ip tuntap add tap1 mode tap
ip tuntap add tap2 mode tap
ip link add evpn---net1 type bridge forward_delay 0 stp_state 0
ip link set evpn---net1 up
ip link add vxlan--net1 type vxlan id 100 local 192.0.2.1 nolearning proxy dstport 4789
ip link set vxlan--net1 up
ip link set vxlan--net1 master evpn---net1
ip link set tap1 master evpn---net1
ip link set tap2 master evpn---net1
bridge fdb replace 02:00:00:00:00:01 dev tap1
bridge fdb replace 02:00:00:00:00:02 dev vxlan--net1 dst 192.0.2.2 vni 100
bridge fdb replace 02:00:00:00:00:03 dev vxlan--net1 dst 192.0.2.3 vni 300
bridge fdb append 00:00:00:00:00:00 dev vxlan--net1 dst 192.0.2.2 vni 100
bridge fdb append 00:00:00:00:00:00 dev vxlan--net1 dst 192.0.2.3 vni 300
ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev vxlan--net1 nud permanent
ip neigh replace 10.0.0.3 lladdr 02:00:00:00:00:03 dev vxlan--net1 nud permanent`

/** Devices with such names that people made, for whatever purpose. */
const THEIRS = `
ip link add evpn---lab up type bridge
ip link add vxlan--lab up type vxlan id 200 local 192.0.2.1 nolearning dstport 4789
ip link set vxlan--lab master evpn---lab
ip link add vxlan--wide up type vxlan id 201 local 192.0.2.1 dstport 4789
ip link add vxlan--proxy up type vxlan id 202 local 192.0.2.1 nolearning proxy dstport 4789
ip link set vxlan--proxy alias mine
ip link add evpn---empty up type bridge
ip link add vx-proxy up type vxlan id 203 local 192.0.2.1 nolearning proxy dstport 4789`

const batch = (commands: string) => commands.trim().split('\n').map(run)

let lab: Lab

beforeEach(() => {
  lab = linuxLab()
  batch(LEFT)
  batch(THEIRS)
})

afterEach(() => lab.close())

const [bridge, vxlan] = ['evpn---net1', 'vxlan--net1'] as const
const wanted: Entry[] = [
  { ...e.bridge, device: bridge },
  { ...e.vxlan, device: vxlan },
  { ...e.vxlanPort, device: vxlan, bridge },
  { ...e.tapPort, bridge },
  e.local(1),
  { ...e.flood('192.0.2.2'), device: vxlan },
  { ...e.remote(2), device: vxlan },
  { ...e.neighbour('10.0.0.2', 2), device: bridge },
]
/** Addresses of VMs on a port. */
const macsOf = (port: string) =>
  iproute
    .fdb(port)
    .filter(({ mac }) => mac.startsWith('02:00:00:00:00'))
    .map(({ mac, flags }) => `${mac} ${flags.filter((flag) => flag !== 'master').join()}`)
const remoteEntries = () =>
  iproute
    .fdb('vxlan--net1')
    .flatMap(({ mac, dst }) => (dst === undefined ? [] : [`${mac} ${dst}`]))
    .sort()

test('the links that bagpipe-bgp left are recognised, and none of others', () => {
  const driver = new LinuxDriver({ clock: systemClock })
  expect(
    driver
      .ownedLinks()
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['evpn---net1', 'vxlan--net1'])
  driver.close()
})

test('they are renamed while they forward, from Linux 6.2 on', () => {
  const driver = new LinuxDriver({ clock: systemClock })
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const renames = major > 6 || (major === 6 && minor >= 2)
  const before = lab.indexOf('evpn---net1')
  expect(driver.rename('evpn---net1', 'evpn---ours')).toBe(renames)
  const name = renames ? 'evpn---ours' : 'evpn---net1'
  expect(driver.link(name)).toMatchObject({ index: before, owned: true, up: true })
  expect(run('ip link show tap2')).toContain(`master ${name} `)
  expect(driver.rename('evpn---lab', 'evpn---mine')).toBe(false)
  driver.close()
})

test('they are adopted in place; entries stay until the desired state is complete, and the rest goes then', async () => {
  const dataplane = lab.restart()
  const before = ['evpn---net1', 'vxlan--net1'].map((name) => lab.indexOf(name))
  const entries = remoteEntries()
  for (const entry of wanted) dataplane.want(entry)
  expect(await lab.wait(dataplane.settled(wanted))).toEqual([])
  await lab.calm()
  expect(['evpn---net1', 'vxlan--net1'].map((name) => lab.indexOf(name))).toEqual(before)
  expect(remoteEntries()).toEqual(entries)
  expect(run('ip neigh show dev vxlan--net1 nud permanent')).toContain('10.0.0.3')
  expect(iproute.link('tap2')?.master).toBe('evpn---net1')
  const mac = iproute.link('evpn---net1')?.address
  expect(['tap1', 'tap2', 'vxlan--net1'].map((name) => iproute.link(name)?.address)).not.toContain(mac)
  expect(macsOf('tap1')).toContain('02:00:00:00:00:01 self')
  dataplane.complete()
  await lab.until(() => !run('ip -d link show vxlan--net1').includes(' proxy '))
  await lab.until(() => wanted.every((entry) => lab.holds(entry)))
  expect(remoteEntries()).toEqual(['00:00:00:00:00:00 192.0.2.2', '02:00:00:00:00:02 192.0.2.2'])
  expect(run('ip neigh show dev vxlan--net1 nud permanent')).toBe('')
  expect(macsOf('tap1')).toEqual(['02:00:00:00:00:01 extern_learn'])
  expect(lab.indexOf('evpn---net1')).toBe(before[0])
})

test('a port that was not attached is set down when its bridge goes: its frames would reach the host', async () => {
  run('ip link set tap2 up')
  const dataplane = lab.restart()
  for (const entry of wanted) dataplane.want(entry)
  expect(await lab.wait(dataplane.settled(wanted))).toEqual([])
  for (const entry of wanted) dataplane.unwant(entry)
  await lab.wait(dataplane.gone(wanted))
  await lab.until(() => lab.indexOf('evpn---net1') === undefined)
  expect(iproute.link('tap2')?.flags).not.toContain('UP')
})

test('status names them while no instance has them', async () => {
  const dataplane = lab.restart()
  const orphans = await dataplane.verifier.orphans()
  expect(orphans.map(({ name }) => name).sort()).toEqual(['evpn---net1', 'vxlan--net1'])
})

test('cleanup lists and removes them, and nothing of others', async () => {
  const file = ['--state-file', '/nonexistent/state']
  const listed = await chanter('cleanup', '--dry-run', ...file)
  expect(listed.output).toContain('would remove vxlan vxlan--net1 (left by bagpipe-bgp)')
  expect(listed.output).toContain('would remove bridge evpn---net1 (left by bagpipe-bgp)')
  expect(lab.indexOf('vxlan--net1')).toBeDefined()
  const others = iproute
    .links()
    .map(({ ifname }) => ifname)
    .filter((name) => !name.endsWith('--net1'))
  expect((await chanter('cleanup', ...file)).error).toBeUndefined()
  expect(iproute.links().map(({ ifname }) => ifname)).toEqual(others)
  expect(macsOf('tap1')).toEqual([])
})
