import { expect, test } from 'vitest'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { nameSuffix } from '../../src/vpn/linux/names.ts'
import { mac } from '../support/node.ts'
import { clock, devicesOf, indexes, leave, leaveVrf, named, node, UUID, vrfOf } from './takeover-setup.ts'

const LIKE_IT = '3f2a9c1e-0000-4c58-9b1e-0a7d5c2f4e61'
/** What chanter's names have of it. */
const OUR_SUFFIX = nameSuffix(UUID, () => false)
/** Longer than a device that was found after convergence waits for its routes. */
const SWEPT_MS = 61_000

/** The devices that a verification reports as bagpipe-bgp's still. */
const outdated = async () => {
  const verifying = node.reconciler.verifier.verify()
  clock.advance(1)
  return (await verifying).outdated
}

test.each([
  ['an id of its own', 'net1', 'net1', 'net1', true],
  ['a UUID', UUID, '3f2a9c1e', OUR_SUFFIX, true],
  ['a UUID where no link is renamed while it is up', UUID, '3f2a9c1e', '3f2a9c1e', false],
])(
  '%s: bridge and VXLAN device are adopted, renamed where the kernel can, and ports stay',
  async (_, instanceId, left, suffix, renames) => {
    node.driver.renames = renames
    leave(left)
    const before = indexes(`evpn---${left}`, `vxlan--${left}`)
    await node.attach({ instanceId })
    const names = [`evpn---${suffix}`, `vxlan--${suffix}`]
    expect(devicesOf(instanceId)).toMatchObject({ bridge: names[0], vxlan: names[1] })
    expect(indexes(...names)).toEqual(before)
    for (const name of names) expect(named(name)?.alias).toBe(`chanter:${instanceId}`)
    expect(named('tap2')?.master).toBe(names[0])
    expect(node.isInStep).toBe(true)
    await node.detach({ instanceId })
    expect(named(names[1]!)).toBeUndefined()
  },
)

test('the VXLAN device is recreated once the desired state is complete, and not before', async () => {
  leave('net1')
  await node.attach()
  const [bridge, vxlan] = indexes('evpn---net1', 'vxlan--net1')
  clock.advance(SWEPT_MS)
  expect(indexes('vxlan--net1')).toEqual([vxlan])
  expect(await outdated()).toEqual(['vxlan--net1'])
  node.reconciler.complete()
  clock.advance(1000)
  expect(await outdated()).toEqual([])
  expect(named('vxlan--net1')).toMatchObject({ outdated: false, master: 'evpn---net1', up: true })
  expect(indexes('vxlan--net1')).not.toEqual([vxlan])
  expect(indexes('evpn---net1')).toEqual([bridge])
  expect(node.isInStep).toBe(true)
})

test('an agent that comes after convergence has its device recreated a minute later', async () => {
  node.reconciler.complete()
  leave('net1')
  await node.attach()
  const [vxlan] = indexes('vxlan--net1')
  clock.advance(1000)
  expect(indexes('vxlan--net1')).toEqual([vxlan])
  clock.advance(SWEPT_MS)
  expect(named('vxlan--net1')?.outdated).toBe(false)
})

test('the VXLAN device in the bridge of the agent is adopted, and goes with the last detach', async () => {
  leave('3f2a9c1e', {}, 'brq1')
  const attached = { instanceId: UUID, linuxBridge: 'brq1' }
  await node.attach(attached)
  const vxlan = `vxlan--${OUR_SUFFIX}`
  expect(devicesOf(UUID)).toMatchObject({ vxlan, externalVxlan: false, externalBridge: true })
  expect(named(vxlan)?.alias).toBe(`chanter:${UUID}`)
  await node.detach({ instanceId: UUID })
  expect(named(vxlan)).toBeUndefined()
  expect(named('brq1')).toBeDefined()
})

test('without its bridge, which some versions delete at their end, the VXLAN device is adopted alone', async () => {
  leave('3f2a9c1e')
  node.driver.kernel.deleteLink('evpn---3f2a9c1e')
  const [vxlan] = indexes('vxlan--3f2a9c1e')
  await node.attach({ instanceId: UUID })
  const bridge = devicesOf(UUID)?.bridge
  expect(named(`vxlan--${OUR_SUFFIX}`)).toMatchObject({ index: vxlan, master: bridge })
  expect(node.isInStep).toBe(true)
})

test('of two ids that begin alike, the one with the VNI has the devices', async () => {
  node.driver.renames = false
  leave('3f2a9c1e')
  await node.attach({ instanceId: LIKE_IT, vni: 101 })
  expect(devicesOf(LIKE_IT)?.bridge).not.toBe('evpn---3f2a9c1e')
  expect(named('evpn---3f2a9c1e')?.alias).toBe(null)
  await node.attach({ instanceId: UUID, port: 'tap2', mac: mac('02:00:00:00:01:02') })
  expect(devicesOf(UUID)?.bridge).toBe('evpn---3f2a9c1e')
  // an id that is all of the name gets another one
  const short = { instanceId: '3f2a9c1e', vni: 102, mac: mac('02:00:00:00:01:03'), port: 'tap3' }
  node.withPorts('tap3')
  await node.attach({ ...short, ip: parseInterfaceAddress('192.168.10.3/24')! })
  expect(devicesOf('3f2a9c1e')?.bridge).not.toBe('evpn---3f2a9c1e')
  expect(node.isInStep).toBe(true)
})

test('an instance without a VNI keeps that of its device, and no other gets it', async () => {
  leave('3f2a9c1e', { vni: 16 })
  await node.attach({ vni: null })
  await node.attach({ instanceId: UUID, vni: null, port: 'tap2', mac: mac('02:00:00:00:01:02') })
  const vniOf = (id: string) => {
    const instance = node.vpns.instances.get(id)
    return instance?.type === 'evpn' ? instance.macVrf.config.vni : undefined
  }
  expect([vniOf('net1'), vniOf(UUID)]).toEqual([17, 16])
})

test.each([0, SWEPT_MS])('each port of an adopted bridge is attached, %i ms after the first', async (ms) => {
  leave('net1')
  await node.attach()
  clock.advance(ms)
  await node.attach({ port: 'tap2', mac: mac('02:00:00:00:01:02'), ip: null })
  expect(node.isInStep).toBe(true)
})

test('a device that is not of bagpipe-bgp stays refused, with the command that frees the name', async () => {
  leave('net1', { owned: false })
  await expect(node.attach()).rejects.toThrow('delete it (ip link delete vxlan--net1), or rename it')
})

test('a VRF is adopted by the instance whose first port is in it, and goes with the last detach', async () => {
  leaveVrf(3, 'tap1')
  const before = indexes('bvrf-3')
  await node.attach({ instanceId: UUID, type: 'ipvpn', vni: null })
  expect(vrfOf(UUID)).toEqual({ device: 'bvrf-3', table: 1003 })
  expect(indexes('bvrf-3')).toEqual(before)
  expect(named('bvrf-3')?.alias).toBe(`chanter:${UUID}`)
  expect(named('tap1')?.master).toBe('bvrf-3')
  expect(node.isInStep).toBe(true)
  await node.detach({ instanceId: UUID, type: 'ipvpn' })
  expect(named('bvrf-3')).toBeUndefined()
})

test('another instance with a port in an adopted VRF gets a VRF of its own', async () => {
  leaveVrf(1, 'tap1')
  node.driver.kernel.enslave('tap2', 'bvrf-1')
  node.driver.kernel.setUp('tap2')
  await node.attach({ instanceId: 'red', type: 'ipvpn', vni: null })
  await node.attach({
    ...{ instanceId: 'blue', type: 'ipvpn', vni: null, port: 'tap2', mac: mac('02:00:00:00:01:02') },
    ip: parseInterfaceAddress('192.168.10.2/24')!,
  })
  expect([vrfOf('red')?.device, vrfOf('blue')?.table]).toEqual(['bvrf-1', 1002])
  expect(named('tap1')?.master).toBe('bvrf-1')
  expect(named('tap2')?.master).toBe(vrfOf('blue')?.device)
  expect(node.isInStep).toBe(true)
})

test('the VRF at the other end of a veth pair from the bridge of an EVPN instance is adopted with it', async () => {
  const { kernel } = node.driver
  leave('net1')
  for (const [name, pair] of [
    ['evpn1-ipvpn2', 'ipvpn2-evpn1'],
    ['ipvpn2-evpn1', 'evpn1-ipvpn2'],
  ] as const)
    kernel.addLink(name, { kind: 'veth', owned: true, up: true, pair })
  kernel.enslave('evpn1-ipvpn2', 'evpn---net1')
  leaveVrf(2, 'ipvpn2-evpn1')
  await node.attach({ instanceId: 'net1' })
  await node.attach({ instanceId: 'vpn', type: 'ipvpn', vni: null, port: { evpn: 'net1' } })
  expect(vrfOf('vpn')).toEqual({ device: 'bvrf-2', table: 1002 })
  expect(node.isInStep).toBe(true)
})
