import { expect, test } from 'vitest'
import type { Entry } from '../../src/dataplane/model.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { nameSuffix } from '../../src/vpn/linux/names.ts'
import { attachRequest, mac } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip } from '../support/speakers.ts'
import { clock, devicesOf, indexes, leave, leaveVrf, named, node, UUID, vrfOf } from './takeover-setup.ts'

/** Longer than a device that was found after convergence waits for its routes. */
const SWEPT_MS = 61_000
const SUFFIX = nameSuffix(UUID, () => false)
const IN_VRF = { instanceId: UUID, type: 'ipvpn', vni: null } as const
const SECOND = {
  port: 'tap2',
  mac: mac('02:00:00:00:01:02'),
  ip: parseInterfaceAddress('192.168.10.2/24')!,
} as const

/** The kernel refuses to set entries of that kind on that device, once. */
function refuse(kind: Entry['kind'], device: string): void {
  node.driver.fail(
    (op, entry) => op === 'set' && entry.kind === kind && entry.device === device,
    refusal('EBUSY', 'no'),
  )
}

/** Long after a refused attach, when all that nothing wants would have been swept. */
function muchLater(): void {
  node.reconciler.complete()
  clock.advance(2 * SWEPT_MS)
}

test.each([
  ['an id of its own', 'net1', 'net1', 'net1', true],
  ['a UUID', UUID, '3f2a9c1e', SUFFIX, true],
  ['a UUID where no link is renamed while it is up', UUID, '3f2a9c1e', '3f2a9c1e', false],
])(
  '%s: a refused first attach leaves the devices and their ports, and the next one adopts them',
  async (_, instanceId, left, suffix, renames) => {
    node.driver.renames = renames
    leave(left)
    node.withPorts('tap3')
    const before = indexes(`evpn---${left}`, `vxlan--${left}`)
    const names = [`evpn---${suffix}`, `vxlan--${suffix}`]
    refuse('port', 'tap3')
    await expect(node.attach({ instanceId, vni: null, port: 'tap3' })).rejects.toThrow('EBUSY')
    muchLater()
    expect(indexes(...names)).toEqual(before)
    for (const port of ['tap1', 'tap2', names[1]!]) expect(named(port)?.master).toBe(names[0])
    expect(named('tap3')?.master).toBe(null)
    const orphans = await node.reconciler.verifier.orphans()
    expect(orphans.map(({ name }) => name)).toEqual(names)
    await node.attach({ instanceId, vni: null })
    expect(devicesOf(instanceId)).toMatchObject({ bridge: names[0], vxlan: names[1] })
    expect(indexes(...names)[0]).toBe(before[0])
    expect(named(names[1]!)?.vni).toBe(100)
    expect(named('tap2')?.master).toBe(names[0])
    expect(node.isInStep).toBe(true)
    await node.detach({ instanceId })
    expect(indexes(...names)).toEqual([undefined, undefined])
  },
)

test('a port that was in the bridge stays there when its own attach is refused, the first or a later one', async () => {
  leave('net1')
  const { kernel } = node.driver
  kernel.setUp('tap1')
  refuse('local-mac', 'tap1')
  await expect(node.attach()).rejects.toThrow('EBUSY')
  muchLater()
  expect(named('tap1')).toMatchObject({ master: 'evpn---net1', up: true })
  await node.attach()
  refuse('local-mac', 'tap2')
  await expect(node.attach(SECOND)).rejects.toThrow('EBUSY')
  muchLater()
  expect(named('tap2')?.master).toBe('evpn---net1')
  expect(node.isInStep).toBe(true)
  await node.attach(SECOND)
  expect(node.isInStep).toBe(true)
})

test('a refused attach leaves the VXLAN device that it found in the bridge of the agent', async () => {
  leave('3f2a9c1e', {}, 'brq1')
  node.withPorts('tap3')
  const before = indexes('vxlan--3f2a9c1e', 'brq1')
  const attached = { instanceId: UUID, linuxBridge: 'brq1' }
  refuse('port', 'tap3')
  await expect(node.attach({ ...attached, port: 'tap3' })).rejects.toThrow('EBUSY')
  muchLater()
  const vxlan = `vxlan--${SUFFIX}`
  expect(indexes(vxlan, 'brq1')).toEqual(before)
  for (const port of [vxlan, 'tap1', 'tap2']) expect(named(port)?.master).toBe('brq1')
  await node.attach(attached)
  expect(indexes(vxlan, 'brq1')[1]).toBe(before[1])
  expect(node.isInStep).toBe(true)
})

test('a refused attach leaves the VRF that it found, with its ports and their gateways', async () => {
  leaveVrf(3, 'tap1')
  node.driver.kernel.enslave('tap2', 'bvrf-3')
  node.driver.kernel.setUp('tap2')
  const before = indexes('bvrf-3')
  refuse('mpls', 'lo')
  await expect(node.attach(IN_VRF)).rejects.toThrow('EBUSY')
  muchLater()
  expect(indexes('bvrf-3')).toEqual(before)
  for (const port of ['tap1', 'tap2']) expect(named(port)?.master).toBe('bvrf-3')
  const gateway = { kind: 'address', device: 'tap1', ip: ip('192.168.10.254'), prefixLength: 24 } as const
  expect(node.driver.holds(gateway)).toBe(true)
  await node.attach({ ...IN_VRF, ...SECOND })
  expect(vrfOf(UUID)).toEqual({ device: 'bvrf-3', table: 1003 })
  expect(indexes('bvrf-3')).toEqual(before)
  expect(named('tap1')?.master).toBe('bvrf-3')
  expect(node.isInStep).toBe(true)
})

test('devices that an attach renamed, which was refused before anything was programmed, are adopted by the next', async () => {
  leave('3f2a9c1e', { vni: 16 })
  node.withPorts('tap3')
  const before = indexes('evpn---3f2a9c1e', 'vxlan--3f2a9c1e')
  const other = attachRequest({ instanceId: 'other', port: 'tap3' })
  // admitted together: one of them gets the port
  const attached = node.vpns.attach(other)
  const refused = node.vpns.attach({ ...other, instanceId: UUID, vni: null })
  await node.finish(attached)
  await expect(node.finish(refused)).rejects.toThrow('interface tap3 is attached to VPN instance other')
  const names = [`evpn---${SUFFIX}`, `vxlan--${SUFFIX}`]
  expect(indexes(...names)).toEqual(before)
  await node.attach({ instanceId: UUID, vni: null })
  expect(indexes(...names)).toEqual(before)
  expect(named(names[1]!)?.vni).toBe(16)
  expect(node.isInStep).toBe(true)
})

test('of two concurrent first attaches one is refused: the other adopts the devices, and their ports stay', async () => {
  leave('net1')
  node.withPorts('tap3')
  const before = indexes('evpn---net1')
  refuse('port', 'tap3')
  const refused = node.vpns.attach(attachRequest({ port: 'tap3' }))
  const attached = node.vpns.attach(attachRequest(SECOND))
  await expect(node.finish(refused)).rejects.toThrow('EBUSY')
  await node.finish(attached)
  expect(indexes('evpn---net1')).toEqual(before)
  for (const port of ['tap1', 'tap2']) expect(named(port)?.master).toBe('evpn---net1')
  expect(node.isInStep).toBe(true)
})

test('a detach during the refused first attach comes after it, and finds nothing', async () => {
  leave('net1')
  refuse('local-mac', 'tap1')
  const refused = node.vpns.attach(attachRequest())
  const detached = node.vpns.detach({ instanceId: 'net1', type: 'evpn', mac: attachRequest().mac, ip: null })
  await expect(node.finish(refused)).rejects.toThrow('EBUSY')
  await expect(node.finish(detached)).rejects.toThrow('VPN net1 could not be found')
  expect(named('tap1')?.master).toBe('evpn---net1')
})

test('what the last detach removes goes, though an attach that is refused wanted it again', async () => {
  leave('net1')
  await node.attach()
  refuse('local-mac', 'tap1')
  const detached = node.vpns.detach({ instanceId: 'net1', type: 'evpn', mac: attachRequest().mac, ip: null })
  const refused = node.vpns.attach(attachRequest())
  await node.finish(detached)
  await expect(node.finish(refused)).rejects.toThrow('EBUSY')
  muchLater()
  expect(indexes('evpn---net1', 'vxlan--net1')).toEqual([undefined, undefined])
})

test('a refused first attach leaves what another one, still under way, shares with it', async () => {
  node.withPorts('tap3')
  const red = { instanceId: 'red', type: 'ipvpn', vni: null } as const
  const blue = { ...red, ...SECOND, instanceId: 'blue', port: 'tap3' }
  node.driver.fail((_, { device }) => device === 'tap1', refusal('EBUSY', 'no'), 1000)
  for (let turns = 0; turns < 30; turns++) {
    const refused = node.vpns.attach(attachRequest(red)).catch((error) => error)
    for (let turn = 0; turn < turns; turn++) {
      clock.advance(0)
      await null
    }
    await node.attach(blue)
    expect(await node.finish(refused)).toMatchObject({ message: 'cannot set up tap1: EBUSY: no' })
    expect(node.wanted().filter(({ kind }) => kind === 'vrf')).toHaveLength(2)
    expect(node.isInStep).toBe(true)
    await node.finish(node.vpns.detach({ instanceId: 'blue', type: 'ipvpn', mac: blue.mac, ip: null }))
  }
})
