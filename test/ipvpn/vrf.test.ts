import { describe, expect, test } from 'vitest'
import { mac } from '../support/node.ts'
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
  RED,
  receive,
  request,
  routes,
  second,
  snapshot,
  wanted,
} from './vrf-setup.ts'

describe('an endpoint', () => {
  test('is advertised with a label, and gets all that it needs; nothing is left of it at the end', async () => {
    const before = snapshot(a)
    await a.attach(request('192.168.10.1/24'))
    expect(advertised(a)).toEqual([
      '192.168.10.1/32 label 16 rd 10.77.0.11:1 [ encap:MPLS consistentHashSortOrder:0 target:64512:10 ] 100',
    ])
    expect(wanted(a)).toEqual([
      '192.168.10.1/32 in bvrf-1 by tap1',
      'address 192.168.10.254/24 on tap1',
      'bvrf-0 with table 65535 for chanter:dead end',
      'bvrf-1 with table 1001 for chanter:net1',
      'fixed-neighbour 192.168.10.1 on tap1',
      'label 16 by tap1 via 192.168.10.1',
      'mpls-interface mpls0',
      'nothing in bvrf-0 by 0.0.0.0/0',
      'nothing in bvrf-0 by ::/0',
      'nothing in bvrf-1 by 0.0.0.0/0',
      'nothing in bvrf-1 by ::/0',
      'tap1 in bvrf-1',
    ])
    expect(a.isInStep).toBe(true)
    await detach(a, '192.168.10.1')
    expect(snapshot(a)).toEqual(before)
  })

  test('has its LOCAL_PREF and its place in the hash order', async () => {
    await a.attach(request('192.168.10.1/24', { localPref: 0, hashOrder: 3 }))
    expect(advertised(a)[0]).toMatch(/consistentHashSortOrder:3 .* 0$/)
  })

  test('with IPv6 is a VPNv6 route, with the gateway of its own subnet', async () => {
    await a.attach(request('192.168.10.1/24'))
    await a.attach(request('2001:db8::1/64'))
    expect(advertised(a)).toHaveLength(2)
    expect(advertised(a)[1]).toMatch(/^2001:db8::1\/128 label 16 rd 10.77.0.11:1 /)
    expect(wanted(a)).toEqual(
      expect.arrayContaining([
        '2001:db8::1/128 in bvrf-1 by tap1',
        'address 192.168.10.254/24 on tap1',
        'address 2001:db8::ffff on tap1',
        'label 16 by tap1 via 192.168.10.1',
      ]),
    )
    await detach(a, '192.168.10.1')
    expect(wanted(a)).toContain('label 16 by tap1 via 2001:db8::1')
    expect(wanted(a)).not.toContain('address 192.168.10.254/24 on tap1')
    expect(a.isInStep).toBe(true)
  })

  test('whose gateway is not in its subnet has it as an address alone', async () => {
    await a.attach(request('192.168.10.1/24', { gatewayIp: ip('169.254.1.1') }))
    expect(wanted(a)).toContain('address 169.254.1.1/32 on tap1')
  })

  test('that only receives is reached, and may not send', async () => {
    await a.attach(request('192.168.10.1/24', { direction: 'to-port' }))
    expect(advertised(a)).toHaveLength(1)
    expect(wanted(a)).toContain('tap1 in bvrf-0')
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
    expect(wanted(a)).toContain('label 16 by tap1 via 192.168.10.1')
    expect(wanted(a)).not.toContain('address 192.168.10.254/24 on tap1')
    expect(a.isInStep).toBe(true)
  })

  test('may be allowed to send, or forbidden to, as long as it is alone on its port', async () => {
    await a.attach(request('192.168.10.1/24'))
    await a.attach(request('192.168.10.1/24', { direction: 'to-port' }))
    expect(wanted(a)).toContain('tap1 in bvrf-0')
    await a.attach(request('192.168.10.1/24', { direction: 'from-port' }))
    expect(wanted(a)).toContain('tap1 in bvrf-1')
    const before = snapshot(a)
    await expect(a.attach(request('192.168.10.2/24', { direction: 'to-port' }))).rejects.toThrow(
      'direction: interface tap1 may send already, since 02:00:00:00:01:01 (192.168.10.1) on it is from-port',
    )
    expect(snapshot(a)).toEqual(before)
    await a.attach(request('192.168.10.2/24'))
    expect(a.isInStep).toBe(true)
  })

  test('that only sends is neither advertised nor reached', async () => {
    await a.attach(request('192.168.10.1/24', { direction: 'from-port' }))
    expect(advertised(a)).toEqual([])
    expect(wanted(a)).toContain('tap1 in bvrf-1')
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by bvrf-0'])
    expect(wanted(a)).not.toContain('label 16 by tap1 via 192.168.10.1')
    await a.attach(request('2001:db8::1/64', { direction: 'from-port' }))
    expect(routes(a)).toHaveLength(1)
    const withdraw = receive('192.168.10.1/32', B, 31)
    expect(routes(a)).toEqual([`192.168.10.1/32 in bvrf-1 by mpls0 via ${B} label 31`])
    withdraw()
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by bvrf-0'])
  })

  test('on a port that is down is attached, and reached when the port is up', async () => {
    a.driver.kernel.addLink('tap4')
    await a.attach(request('192.168.10.1/24', { port: 'tap4' }))
    expect(advertised(a)).toHaveLength(1)
  })
})

describe('a subnet behind several ports', () => {
  test('is advertised for each with an RD of its own, and shared among them here', async () => {
    await a.attach(request('192.168.10.1/24', { advertiseSubnet: true }))
    await a.attach(request('192.168.10.2/24', { ...second, advertiseSubnet: true }))
    expect(advertised(a).map((text) => text.split(' [')[0])).toEqual([
      '192.168.10.0/24 label 16 rd 10.77.0.11:2',
      '192.168.10.0/24 label 17 rd 10.77.0.11:3',
    ])
    expect(routes(a)).toEqual([
      '192.168.10.0/24 in bvrf-1 by tap1 via 192.168.10.1, tap2 via 192.168.10.2',
      '192.168.10.1/32 in bvrf-1 by tap1',
      '192.168.10.2/32 in bvrf-1 by tap2',
    ])
  })

  test('takes the address in its place when it is not advertised any more, and gives its RD back', async () => {
    await a.attach(request('192.168.10.1/24', { advertiseSubnet: true }))
    await a.attach(request('192.168.10.1/24'))
    expect(advertised(a).map((text) => text.split(' [')[0])).toEqual([
      '192.168.10.1/32 label 16 rd 10.77.0.11:1',
    ])
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
  })

  test('may have the same address on each of them', async () => {
    await a.attach(request('192.168.10.1/24', { advertiseSubnet: true }))
    await a.attach(request('192.168.10.1/24', { ...second, advertiseSubnet: true }))
    expect(routes(a)).toContain('192.168.10.1/32 in bvrf-1 by tap1, tap2')
    await detach(a, '192.168.10.1')
    expect(routes(a)).toContain('192.168.10.1/32 in bvrf-1 by tap2')
  })
})

describe('two nodes', () => {
  test('reach each other by labels over the reflector', async () => {
    const b = node(B)
    await a.attach(request('192.168.10.1/24'))
    await b.attach(request('192.168.10.2/24'))
    await b.attach(request('2001:db8::2/64'))
    await clock.run(5000)
    expect(routes(a)).toEqual([
      '192.168.10.1/32 in bvrf-1 by tap1',
      '192.168.10.2/32 in bvrf-1 by mpls0 via 10.77.0.12 label 16',
      '2001:db8::2/128 in bvrf-1 by mpls0 via ::ffff:a4d:c label 16',
    ])
    expect(routes(b)).toContain('192.168.10.1/32 in bvrf-1 by mpls0 via 10.77.0.11 label 16')
    expect(a.isInStep && b.isInStep).toBe(true)
    await detach(b, '192.168.10.2')
    await clock.run(5000)
    expect(routes(a)).toEqual([
      '192.168.10.1/32 in bvrf-1 by tap1',
      '2001:db8::2/128 in bvrf-1 by mpls0 via ::ffff:a4d:c label 16',
    ])
  })

  test('have an address both: each goes to its own', async () => {
    const b = node(B)
    for (const one of [a, b]) await one.attach(request('192.168.10.1/24'))
    await clock.run(5000)
    for (const one of [a, b]) expect(routes(one)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
    await a.attach(request('192.168.10.9/24', second))
    await detach(a, '192.168.10.1')
    await clock.run(5000)
    expect(routes(a)).toContain('192.168.10.1/32 in bvrf-1 by mpls0 via 10.77.0.12 label 16')
  })

  test('with IPv6 answer for each other on the ports whose link the address is on', async () => {
    await a.attach(request('2001:db8::1/64'))
    await a.attach(request('192.168.10.2/24', second))
    receive('2001:db8::2/128', B, 30)
    receive('2001:db8:9::3/128', B, 31)
    const proxies = () => wanted(a).filter((text) => text.startsWith('proxy'))
    expect(proxies()).toEqual(['proxy-neighbour 2001:db8::2 on tap1'])
    await a.attach(request('2001:db8::4/64', { port: 'tap3', mac: mac('02:00:00:00:01:03') }))
    expect(proxies()).toEqual([
      'proxy-neighbour 2001:db8::1 on tap3',
      'proxy-neighbour 2001:db8::2 on tap1',
      'proxy-neighbour 2001:db8::2 on tap3',
      'proxy-neighbour 2001:db8::4 on tap1',
    ])
    await detach(a, '2001:db8::4', { mac: mac('02:00:00:00:01:03') })
    expect(proxies()).toEqual(['proxy-neighbour 2001:db8::2 on tap1'])
  })
})

describe('VRFs of one host', () => {
  const green = { instanceId: 'green', ...second, importTargets: [RED], exportTargets: [BLUE] }
  const red = { importTargets: [BLUE], exportTargets: [RED] }

  test('that import each other send to the ports themselves', async () => {
    await a.attach(request('192.168.10.1/24', { ...red, advertiseSubnet: true }))
    await a.attach(request('192.168.20.2/24', green))
    clock.advance(100)
    expect(routes(a)).toEqual([
      '192.168.10.0/24 in bvrf-1 by tap1 via 192.168.10.1',
      '192.168.10.0/24 in bvrf-2 by tap1 via 192.168.10.1',
      '192.168.10.1/32 in bvrf-1 by tap1',
      '192.168.20.2/32 in bvrf-1 by tap2',
      '192.168.20.2/32 in bvrf-2 by tap2',
    ])
    expect(a.isInStep).toBe(true)
    await detach(a, '192.168.20.2', { instanceId: 'green', mac: second.mac })
    clock.advance(100)
    expect(routes(a)).toEqual([
      '192.168.10.0/24 in bvrf-1 by tap1 via 192.168.10.1',
      '192.168.10.1/32 in bvrf-1 by tap1',
    ])
    expect(wanted(a)).toContain('mpls-interface mpls0')
  })

  test('share a port that is attached to both: it sends into the first, and receives from both', async () => {
    await a.attach(request('192.168.10.1/24'))
    const also = request('192.168.20.2/24', { ...green, port: 'tap1' })
    await a.attach(also)
    const directions = () =>
      [...a.vpns.instances.values()].map(({ attachments }) => [...attachments].map((one) => one.direction))
    expect(directions()).toEqual([['both'], ['to-port']])
    expect(wanted(a)).toContain('tap1 in bvrf-1')
    const before = snapshot(a)
    await a.attach(also)
    expect(snapshot(a)).toEqual(before)
    expect(a.isInStep).toBe(true)
    await detach(a, '192.168.20.2', { instanceId: 'green', mac: second.mac })
    expect(wanted(a)).toContain('tap1 in bvrf-1')
  })

  test('do not share a port, unless one of them only sends to it', async () => {
    await a.attach(request('192.168.10.1/24'))
    await expect(
      a.attach(request('192.168.20.2/24', { ...green, port: 'tap1', direction: 'from-port' })),
    ).rejects.toThrow('local_port: interface tap1 is attached to VPN instance net1')
    await detach(a, '192.168.10.1')
    await a.attach(request('192.168.10.1/24', { direction: 'to-port' }))
    await a.attach(request('192.168.20.2/24', { ...green, port: 'tap1', direction: 'from-port' }))
    expect(wanted(a)).toContain('tap1 in bvrf-4')
    await detach(a, '192.168.10.1')
    await a.attach(request('192.168.10.1/24', { direction: 'to-port' }))
    expect(wanted(a)).toContain('tap1 in bvrf-4')
    const later = node('10.77.0.16', {
      identifier: ip(A),
      ipvpn: { address: ip(A), transport: { interface: 'mpls0' }, underlay: null, fromAnyone: false },
    })
    await later.vpns.restore(a.vpns.snapshot())
    expect(wanted(later)).toContain('tap1 in bvrf-4')
    await detach(a, '192.168.20.2', { instanceId: 'green', mac: second.mac })
    expect(wanted(a)).toContain('tap1 in bvrf-0')
    clock.advance(100)
    expect(a.isInStep).toBe(true)
    await a.attach(request('192.168.20.2/24', { ...green, port: 'tap1', direction: 'to-port' }))
    await detach(a, '192.168.10.1')
    expect(wanted(a)).toContain('tap1 in bvrf-0')
  })
})
