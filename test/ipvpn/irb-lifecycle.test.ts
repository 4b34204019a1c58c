import { describe, expect, test } from 'vitest'
import { ownedObjects } from '../../src/dataplane/linux/ownership.ts'
import { refusal } from '../support/refusal.ts'
import { ip, rt } from '../support/speakers.ts'
import { decodeState, encodeState } from '../support/state.ts'
import {
  A,
  a,
  all,
  attachIrb,
  bridge,
  clock,
  detachIrb,
  ENDPOINT,
  first,
  named,
  node,
  ofVeth,
  second,
  snapshot,
  unbridge,
  VETH,
  wanted,
} from './irb-setup.ts'

describe('the EVPN instance', () => {
  test.each([
    ['of ours', {}, 'evpn---l2'],
    ['that was given', { linuxBridge: 'br0' }, 'br0'],
  ])('may go and come back, with a bridge %s', async (_what, changes, name) => {
    if (name === 'br0') a.driver.kernel.addLink('br0', { kind: 'bridge', up: true })
    await bridge(a, first, changes)
    await attachIrb(a)
    const before = snapshot(a)
    await unbridge(a)
    expect(ofVeth(a)).toEqual([VETH[0], VETH[2], VETH[5], VETH[6], ...ENDPOINT].toSorted())
    expect(a.driver.link(named(a, 'e2vrf'))?.master).toBeNull()
    await bridge(a, first, changes)
    expect(ofVeth(a)).toEqual(all(`e2vrf in ${name}`))
    expect(wanted(a)).toHaveLength((before as { wanted: string[] }).wanted.length)
    expect(a.isInStep).toBe(true)
  })

  test('may come back after the IRB is gone', async () => {
    await bridge(a)
    await attachIrb(a)
    await unbridge(a)
    await detachIrb(a)
    expect(wanted(a)).toEqual([])
    expect([...a.driver.kernel.links.keys()].sort()).toEqual(['lo', 'mpls0', 'tap1', 'tap2'])
    await bridge(a)
    expect(ofVeth(a)).toEqual([])
  })

  test('may be missing when an IRB endpoint is attached again, but not for another one', async () => {
    await bridge(a)
    await attachIrb(a)
    await unbridge(a)
    await attachIrb(a, '192.168.10.1/24', { gatewayIp: ip('192.168.10.253'), exportTargets: [rt('64512:9')] })
    expect(wanted(a)).toContain('address 192.168.10.253/24 on vrf2e')
    expect(ofVeth(a).join()).not.toMatch(/\.254/)
    expect([...a.vpns.instances.get('l3')!.routing.exportTargets]).toEqual([rt('64512:9')])
    const before = snapshot(a)
    await expect(attachIrb(a, '192.168.10.2/24', { mac: second.mac })).rejects.toThrow(
      /expected the id of an EVPN/,
    )
    expect(snapshot(a)).toEqual(before)
  })

  test('can be deleted during an IRB attach', async () => {
    await bridge(a)
    const before = wanted(a)
    await Promise.all([attachIrb(a), unbridge(a)])
    expect(ofVeth(a)).not.toContain('e2vrf in evpn---l2')
    await bridge(a)
    expect(ofVeth(a)).toEqual(all('e2vrf in evpn---l2'))
    await detachIrb(a)
    expect(wanted(a)).toEqual(before)
  })
})

describe('a refused IRB attach changes nothing', () => {
  test.each([
    ['into an EVPN instance that is not there', {}, 'evpn.id is "l2": expected the id of an EVPN instance'],
    ['into an IP VPN', { port: { evpn: 'l4' } }, 'evpn.id is "l4": .* that is an ipvpn'],
    ['into itself', { port: { evpn: 'l3' } }, 'evpn.id is "l3"'],
    ['of an EVPN endpoint', { type: 'evpn' }, 'only an ipvpn can be joined'],
  ] as const)('%s', async (_what, changes, reason) => {
    await attachIrb(a, '192.168.30.1/24', { instanceId: 'l4', ...second })
    const before = snapshot(a)
    await expect(attachIrb(a, '192.168.10.1/24', changes)).rejects.toThrow(
      new RegExp(`^local_port: .*${reason}`),
    )
    expect(snapshot(a)).toEqual(before)
  })

  test.each(['veth', 'vrf-port', 'port', 'local-mac', 'mpls', 'route'] as const)(
    'by the kernel: %s',
    async (kind) => {
      await bridge(a)
      const before = snapshot(a)
      a.driver.fail(
        (op, entry) => op === 'set' && entry.kind === kind && !/vxlan|evpn/.test(entry.device),
        refusal('EPERM', 'no'),
        // what is tried again at once may go well then
        5,
      )
      await expect(attachIrb(a, '192.168.10.1/24', { advertiseSubnet: true })).rejects.toThrow('EPERM: no')
      expect(snapshot(a)).toEqual(before)
    },
  )

  test('by the kernel, for another endpoint of the same veth pair', async () => {
    await bridge(a)
    await attachIrb(a)
    const before = snapshot(a)
    a.driver.fail((op, entry) => op === 'set' && entry.kind === 'fixed-neighbour', refusal('EPERM', 'no'))
    await expect(attachIrb(a, '2001:db8::1/64')).rejects.toThrow('EPERM: no')
    expect(snapshot(a)).toEqual(before)
    expect(a.isInStep).toBe(true)
  })

  test('for two that join each other at once', async () => {
    const each = (instanceId: string, evpn: string) =>
      attachIrb(a, '192.168.10.1/24', { instanceId, port: { evpn } })
    const results = await Promise.allSettled([each('x', 'y'), each('y', 'x')])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})

test('a daemon that comes after another wants the same, with or without the EVPN instance', async () => {
  for (const prepare of [() => bridge(a).then(() => attachIrb(a)), () => unbridge(a)]) {
    await prepare()
    const state = { kernel: 'k', ...a.vpns.snapshot() }
    const text = encodeState(state)
    expect(decodeState(text)).toEqual(state)
    const later = node('10.77.0.16', {
      identifier: ip(A),
      vtep: ip(A),
      bgpAddress: ip(A),
      ipvpn: { address: ip(A), transport: { interface: 'mpls0' }, underlay: null, fromAnyone: false },
    })
    await later.vpns.restore(decodeState(text))
    expect(wanted(later)).toEqual(wanted(a))
    expect(later.vpns.snapshot()).toEqual(a.vpns.snapshot())
  }
})

test('a deleted end is recreated', async () => {
  await bridge(a)
  await attachIrb(a)
  for (const prefix of ['vrf2e', 'e2vrf']) {
    a.driver.kernel.deleteLink(named(a, prefix))
    await clock.run(5000)
    expect(a.isInStep).toBe(true)
  }
})

test('all of it can be cleaned up', async () => {
  await bridge(a)
  await attachIrb(a)
  a.reconciler.stop()
  for (const { remove } of await ownedObjects(a.driver, { bridges: [], vxlans: [], localMacs: [] }))
    expect(await remove()).toBeNull()
  expect([...a.driver.kernel.links.keys()].sort()).toEqual(['lo', 'mpls0', 'tap1', 'tap2'])
})

test('the looking glass and the status show it', async () => {
  await bridge(a)
  await attachIrb(a)
  const app = a.api()
  const get = async (path: string) => (await clock.while(app.inject(path))).json()
  expect(await get('/looking-glass/vpns/instances/l2')).toMatchObject({
    gateway_port: {
      interface: named(a, 'e2vrf'),
      ipvpn: {
        id: 'VRF-2',
        external_instance_id: 'l3',
        href: expect.stringMatching(/\/vpns\/instances\/l3$/),
      },
    },
  })
  expect(await get('/looking-glass/vpns/instances/l3/ports')).toMatchObject({
    [named(a, 'vrf2e')]: { evpn: 'l2', endpoints: [{ ip_address: '192.168.10.1/24' }] },
  })
  const ends = await get('/status/entries?kind=veth')
  expect(ends).toMatchObject([
    { device: named(a, 'vrf2e'), peer: named(a, 'e2vrf'), state: 'programmed', instances: ['l3'] },
    { device: named(a, 'e2vrf'), peer: named(a, 'vrf2e'), state: 'programmed', instances: ['l2', 'l3'] },
  ])
  expect(await get('/status/entries?kind=veth&instance=l2')).toHaveLength(1)
})
