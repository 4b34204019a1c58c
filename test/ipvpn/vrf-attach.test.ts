import { beforeEach, describe, expect, test } from 'vitest'
import { VPNV4 } from '../../src/bgp/family.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import type { Ranges } from '../../src/vpn/config.ts'
import { refusal } from '../support/refusal.ts'
import { ip } from '../support/speakers.ts'
import {
  A,
  a,
  advertised,
  B,
  BLUE,
  clock,
  detach,
  node,
  request,
  second,
  snapshot,
  wanted,
} from './vrf-setup.ts'

describe('an attach that fails leaves everything as it was', () => {
  test.each([
    ['a refused port', 'vrf-port'],
    ['a refused label', 'mpls'],
    ['a refused route', 'route'],
  ] as const)('%s, of the first endpoint', async (_, kind) => {
    const before = snapshot(a)
    a.driver.fail((op, entry) => op === 'set' && entry.kind === kind, refusal('EPERM', 'no'), 3)
    await expect(a.attach(request('192.168.10.1/24', { advertiseSubnet: true }))).rejects.toThrow('EPERM: no')
    expect(snapshot(a)).toEqual(before)
  })

  test('a missing feature of the kernel refuses the attach that needs it', async () => {
    a.driver.fail(
      (op, entry) => op === 'set' && entry.kind === 'vrf',
      refusal('EOPNOTSUPP', 'Unknown device type: modprobe vrf'),
    )
    await expect(a.attach(request('192.168.10.1/24'))).rejects.toMatchObject({
      code: 'KERNEL_UNSUPPORTED',
      message: 'cannot set up tap1: EOPNOTSUPP: Unknown device type: modprobe vrf',
    })
    const other = node('10.77.0.15', { lacks: () => 'the kernel has no MPLS: modprobe mpls_router' })
    await expect(other.attach(request('192.168.10.1/24'))).rejects.toMatchObject({
      code: 'VPN_TYPE_UNAVAILABLE',
      message: 'vpn_type: ipvpn cannot be served: the kernel has no MPLS: modprobe mpls_router',
    })
  })

  test('of another endpoint on the same port', async () => {
    await a.attach(request('192.168.10.1/24'))
    const before = snapshot(a)
    a.driver.fail((op, entry) => op === 'set' && entry.kind === 'fixed-neighbour', refusal('EPERM', 'no'))
    await expect(a.attach(request('192.168.10.7/24', { gatewayIp: ip('192.168.10.253') }))).rejects.toThrow(
      'EPERM',
    )
    expect(snapshot(a)).toEqual(before)
    expect(a.isInStep).toBe(true)
  })

  test('when it is of the other type', async () => {
    await a.attach(request('192.168.10.1/24'))
    const before = snapshot(a)
    await expect(a.attach({ ip: parseInterfaceAddress('192.168.10.2/24')! })).rejects.toThrow(
      'vpn_type: VPN instance net1 is of type ipvpn, not evpn',
    )
    expect(snapshot(a)).toEqual(before)
  })
})

describe('a re-attach', () => {
  beforeEach(() => a.attach(request('192.168.10.1/24')))

  test('that changes nothing sends nothing', async () => {
    const [before] = a.speaker.rib.ownRoutes(VPNV4)
    await a.attach(request('192.168.10.1/24'))
    expect([...a.speaker.rib.ownRoutes(VPNV4)][0]).toBe(before)
  })

  test('changes targets and LOCAL_PREF under the same label and RD', async () => {
    await a.attach(request('192.168.10.1/24', { exportTargets: [BLUE], localPref: 50 }))
    expect(advertised(a)).toEqual([
      '192.168.10.1/32 label 16 rd 10.77.0.11:1 [ encap:MPLS consistentHashSortOrder:0 target:64512:20 ] 50',
    ])
  })

  test('moves the gateway', async () => {
    await a.attach(request('192.168.10.1/25', { gatewayIp: ip('192.168.10.126') }))
    expect(wanted(a).filter((text) => text.startsWith('address'))).toEqual([
      'address 192.168.10.126/25 on tap1',
    ])
  })
})

describe('settings of the whole machine', () => {
  const ranges: Ranges = { labels: [5000, 5002], tables: [300, 303], vrfPrefix: 'vpn' }

  test('is taken from the ranges of the configuration, and passed over where others have it', async () => {
    const a = node(B, { ranges })
    const { kernel } = a.driver
    kernel.addLink('vpn1', { kind: 'dummy' })
    kernel.addLink('mgmt', { kind: 'vrf', table: 300, up: true })
    kernel.tables.set({ kind: 'mpls', device: 'lo', label: 5000, hops: [] }, false)
    await a.attach(request('192.168.10.1/24'))
    expect(wanted(a)).toContain('vpn2 with table 301 for chanter:net1')
    expect(advertised(a)[0]).toContain('label 5001 ')
    expect(a.isInStep).toBe(true)
  })

  test('goes on with the device and table that a daemon left of which no state is kept', async () => {
    const a = node(B, { ranges })
    for (const [name, id, table] of [
      ['vpn7', 'net1', 303],
      ['vpn8', 'dead end', 301],
    ] as const)
      a.driver.kernel.addLink(name, { kind: 'vrf', alias: `chanter:${id}`, table, up: true })
    await a.attach(request('192.168.10.1/24'))
    expect(wanted(a)).toContain('vpn7 with table 303 for chanter:net1')
    expect(wanted(a)).toContain('vpn8 with table 301 for chanter:dead end')
    await a.attach(request('192.168.20.2/24', { ...second, instanceId: 'net2' }))
    expect(wanted(a)).toContain('vpn2 with table 300 for chanter:net2')
  })

  test('a range that is used up is named, and nothing is left of the attach', async () => {
    const a = node(B, { ranges: { ...ranges, tables: [300, 301] } })
    await a.attach(request('192.168.10.1/24'))
    const before = snapshot(a)
    const other = request('192.168.20.2/24', { ...second, instanceId: 'net2' })
    await expect(a.attach(other)).rejects.toThrow('all routing tables of table_range are taken')
    expect(snapshot(a)).toEqual(before)
    await detach(a, '192.168.10.1')
    await a.attach(other)
    expect(wanted(a)).toContain('vpn2 with table 300 for chanter:net2')
  })

  test('a state file without table and device is of a daemon that counted them', async () => {
    await a.attach(request('192.168.10.1/24'))
    const { instances, pending } = a.vpns.snapshot()
    const former = instances.map((one) => ({ ...one, table: undefined, device: undefined }))
    const later = node('10.77.0.16', { ranges })
    await later.vpns.restore({ instances: former as typeof instances, pending })
    expect(wanted(later)).toContain('bvrf-1 with table 1001 for chanter:net1')
  })
})

test('a daemon that comes after another has the same labels, RDs, table and device', async () => {
  await a.attach(request('192.168.10.9/24', { instanceId: 'gone', port: 'tap3' }))
  await a.attach(request('192.168.10.1/24', { advertiseSubnet: true, hashOrder: 2 }))
  await detach(a, '192.168.10.9', { instanceId: 'gone' })
  const before = snapshot(a)
  const later = node('10.77.0.16', {
    identifier: ip(A),
    ipvpn: { address: ip(A), transport: { interface: 'mpls0' }, underlay: null, fromAnyone: false },
  })
  await later.vpns.restore(a.vpns.snapshot())
  expect(snapshot(later)).toEqual(before)
  expect(wanted(later)).toContain('bvrf-2 with table 1002 for chanter:net1')
})

test('a daemon whose driver for IP VPNs is a dummy now clears away what its predecessor had in the kernel', async () => {
  await a.attach(request('192.168.10.1/24'))
  const later = node('10.77.0.16', { drivers: { evpn: 'linux', ipvpn: 'dummy' } })
  later.driver.kernel.addLink('bvrf-1', { kind: 'vrf', alias: 'chanter:net1', up: true, table: 1001 })
  await later.vpns.restore(a.vpns.snapshot())
  await clock.run(1000)
  expect(wanted(later)).toEqual([])
  expect([...later.driver.kernel.links.keys()]).not.toContain('bvrf-1')
  expect(later.vpns.snapshot()).toMatchObject({ instances: [{ id: 'net1' }], pending: [] })
})
