import { describe, expect, test } from 'vitest'
import { routeTargetRecord } from '../../src/bgp/values/extended-community.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { mac } from '../support/node.ts'
import { ip, rt } from '../support/speakers.ts'
import {
  A,
  a,
  advertised,
  attach,
  B,
  brief,
  C,
  CLIENTS,
  clock,
  left,
  many,
  node,
  OTHERS,
  receive,
  right,
  routes,
  SERVERS,
  second,
} from './readvertise-setup.ts'

describe('a VRF re-advertises', () => {
  test('routes with one of its targets, for its endpoint, and for nothing else', async () => {
    await attach(a, left({ localPref: 200, hashOrder: 4 }))
    const takeBack = await receive('10.9.0.0/16')
    await receive('10.8.0.0/16', [OTHERS])
    await receive('10.7.0.0/16', [CLIENTS])
    const shown = (
      await clock.while(a.api().inject('/looking-glass/vpns/instances/left/readvertised'))
    ).json()
    expect(shown).toMatchObject([{ '10.9.0.0/16 label 30 next-hop 10.77.0.9 rd 10.77.0.9:1': {} }])
    expect(advertised(a)).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.11:2 by 10.77.0.11 [ encap:MPLS consistentHashSortOrder:4 target:64512:1 rtrecord:64512:2 ] 200',
    ])
    await takeBack()
    expect(advertised(a)).toEqual([])
  })

  test('for each endpoint that is reached, under route distinguishers of their own', async () => {
    await receive('10.9.0.0/16')
    await attach(a, left())
    await attach(a, left(second))
    await attach(
      a,
      left({
        mac: mac('02:00:00:00:01:03'),
        port: 'right',
        ip: parseInterfaceAddress('192.168.10.3/24')!,
        direction: 'from-port',
      }),
    )
    expect(brief(a)).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:1 rtrecord:64512:2 ]',
      '10.9.0.0/16 label 17 rd 10.77.0.11:3 [ target:64512:1 rtrecord:64512:2 ]',
    ])
    await attach(a, left({ ...second, direction: 'from-port' }))
    expect(brief(a)).toHaveLength(1)
    await a.detach({ instanceId: 'left', type: 'ipvpn' })
    expect(advertised(a)).toEqual([])
  })

  test('for existing endpoints, and until an attach ends it', async () => {
    await receive('10.9.0.0/16')
    await attach(a, left({ readvertise: null }))
    await attach(a, left({ ...second, readvertise: null }))
    expect(advertised(a)).toEqual([])
    await attach(a, left(second))
    expect(brief(a)).toHaveLength(2)
    await attach(a, left({ readvertise: null }))
    expect(brief(a)).toHaveLength(2)
    await attach(a, left({ readvertise: { from: [], to: [] } }))
    expect(advertised(a)).toEqual([])
    await attach(a, left())
    expect(brief(a).map((text) => text.split(' [')[0])).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.11:3',
      '10.9.0.0/16 label 17 rd 10.77.0.11:2',
    ])
  })

  test('by other targets as soon as an attach names them', async () => {
    await attach(a, left())
    await receive('10.9.0.0/16')
    await receive('10.8.0.0/16', [OTHERS])
    await attach(a, left({ readvertise: { from: [SERVERS, OTHERS], to: [rt('64512:7'), rt('64512:8')] } }))
    expect(brief(a)).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:7 target:64512:8 rtrecord:64512:2 ]',
      '10.8.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:7 target:64512:8 rtrecord:64512:3 ]',
    ])
    await attach(a, left({ readvertise: { from: [OTHERS], to: [rt('64512:7')] } }))
    expect(brief(a)).toEqual(['10.8.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:7 rtrecord:64512:3 ]'])
  })

  test('each family for the endpoints that have an address of it', async () => {
    await receive('10.9.0.0/16')
    await receive('2001:db8:9::/48')
    await attach(a, left())
    expect(brief(a)).toHaveLength(1)
    await attach(a, left({ ip: parseInterfaceAddress('2001:db8::1/64')!, gatewayIp: ip('2001:db8::ffff') }))
    expect(brief(a).map((text) => text.split(' [')[0])).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.11:2',
      '2001:db8::1/128 label 16 rd 10.77.0.11:1',
      '2001:db8:9::/48 label 16 rd 10.77.0.11:3',
    ])
  })

  test('a prefix of several routes once, until the last is gone', async () => {
    await attach(a, left())
    const takeBack = [
      await receive('10.9.0.0/16'),
      await receive('10.9.0.0/16', [SERVERS, OTHERS], { rd: 2 }),
    ]
    const once = '10.9.0.0/16 label 16 rd 10.77.0.11:2 [ target:64512:1'
    expect(brief(a)).toEqual([`${once} rtrecord:64512:2 ]`])
    await takeBack[0]!()
    expect(brief(a)).toEqual([`${once} rtrecord:64512:2 rtrecord:64512:3 ]`])
    await takeBack[1]!()
    expect(advertised(a)).toEqual([])
  })

  test('nothing where the label leads to a whole subnet of an EVPN instance', async () => {
    await receive('10.9.0.0/16')
    await attach(a, { ip: null })
    const irb = left({ mac: mac('02:00:00:00:01:01'), port: { evpn: 'net1' } })
    await attach(a, irb)
    expect(brief(a)).toHaveLength(1)
    await attach(a, { ...irb, advertiseSubnet: true })
    expect(advertised(a)).toEqual([])
  })
})

describe('forwarding', () => {
  test('goes by what the import targets bring alone, for packets come back out of the service elsewhere', async () => {
    await attach(a, left())
    await receive('10.9.0.0/16')
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
    const path = '/explain?instance=left&address=10.9.0.0/16'
    const explained = (await clock.while(a.api().inject(path))).body
    expect(explained).toContain('it is imported to be re-advertised only')
    await attach(a, left({ importTargets: [CLIENTS, SERVERS] }))
    expect(routes(a)).toContain('10.9.0.0/16 in bvrf-1 by mpls0 via 10.77.0.9 label 30')
    expect(brief(a)).toHaveLength(1)
  })

  test('of others goes to the endpoints, by their labels or here by their ports', async () => {
    const b = node(B)
    await receive('10.9.0.0/16')
    await attach(a, left())
    await attach(a, left(second))
    const client = left({
      instanceId: 'clients',
      readvertise: null,
      ip: parseInterfaceAddress('172.16.0.1/24')!,
    })
    await attach(b, client)
    await attach(a, { ...client, port: 'right', ip: parseInterfaceAddress('172.16.0.2/24')! })
    expect(routes(b)).toContain(
      '10.9.0.0/16 in bvrf-1 by mpls0 via 10.77.0.11 label 16, mpls0 via 10.77.0.11 label 17',
    )
    expect(routes(a)).toContain('10.9.0.0/16 in bvrf-2 by tap1 via 192.168.10.1, tap2 via 192.168.10.2')
  })
})

describe('nothing goes round', () => {
  test('between the two sides of a service, on one node or on two', async () => {
    await receive('10.9.0.0/16', [SERVERS])
    await receive('172.16.0.0/16', [CLIENTS])
    for (const other of [a, node(B)]) {
      await attach(a, left())
      await attach(other, right())
      expect(
        [...advertised(a), ...(other === a ? [] : advertised(other))].map((text) => text.split(' ')[0]),
      ).toEqual(['10.9.0.0/16', '172.16.0.0/16'])
      await a.detach({ instanceId: 'left', type: 'ipvpn' })
      await other.detach({
        instanceId: 'right',
        type: 'ipvpn',
        mac: mac('02:00:00:00:02:02'),
        ip: ip('192.168.20.1'),
      })
      await clock.run(2000)
    }
  })

  test('through a chain of services, each of which adds what it had; what has been there before is not taken again', async () => {
    const b = node(B)
    const c = node(C)
    await receive('10.9.0.0/16')
    await attach(a, left({ readvertise: { from: [SERVERS], to: [CLIENTS] } }))
    await attach(b, left({ readvertise: { from: [CLIENTS], to: [OTHERS] } }))
    await attach(c, left({ readvertise: { from: [OTHERS], to: [SERVERS] } }))
    expect(brief(b)).toEqual([
      '10.9.0.0/16 label 16 rd 10.77.0.12:2 [ target:64512:3 rtrecord:64512:1 rtrecord:64512:2 ]',
    ])
    expect(advertised(c)).toEqual([])
  })

  test.each([
    ['has a target that it would be given', [SERVERS, CLIENTS], {}],
    ['had one before', [SERVERS, routeTargetRecord(CLIENTS)], {}],
    ['says that it is from this machine', [SERVERS], { nextHop: A }],
    ['has a next hop that no tunnel ends at', [SERVERS], { nextHop: '224.0.0.9' }],
    ['has a reserved label', [SERVERS], { label: 3 }],
    ['has been through too much', [SERVERS, ...many(128)], {}],
  ])('that %s', async (_what, communities, changes) => {
    await attach(a, left())
    await receive('10.9.0.0/16', communities as (typeof SERVERS)[], changes)
    expect(advertised(a)).toEqual([])
  })

  test('by the same target on both sides', async () => {
    await attach(a, left({ readvertise: { from: [SERVERS, OTHERS], to: [SERVERS] } }))
    await receive('10.9.0.0/16')
    await receive('10.8.0.0/16', [OTHERS])
    expect(brief(a).map((text) => text.split(' ')[0])).toEqual(['10.8.0.0/16'])
  })
})
