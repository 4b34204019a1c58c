import { describe, expect, test } from 'vitest'
import { api, attach } from './parameters-setup.ts'

describe('looking glass', () => {
  const get = async (path: string): Promise<unknown> =>
    (await api.app.inject({ url: path, headers: { host: 'node1:8082' } })).json()

  test('shows an instance with the keys of bagpipe-bgp', async () => {
    await attach({ description: 'port one', instance_description: 'the net' })
    expect(await get('/looking-glass/vpns/instances')).toEqual([
      {
        id: 'net1',
        name: 'EVI-1',
        description: 'the net',
        href: 'http://node1:8082/looking-glass/vpns/instances/net1',
      },
    ])
    expect(await get('/looking-glass/vpns/instances/net1')).toMatchObject({
      name: 'EVI-1',
      external_instance_id: 'net1',
      description: 'the net',
      instance_type: 'EVI',
      instance_dataplane_id: 100,
      gateway_ip: '192.168.10.254',
      gateway_port: null,
      subnet_prefix_length: 24,
      route_targets: { import: ['target:64512:10'], export: ['target:64512:10'] },
      readvertise: {},
      attract_traffic: {},
      fallback: null,
      internals: { subscriptions: ['match:l2vpn/evpn,target:64512:10'] },
      ports: { href: 'http://node1:8082/looking-glass/vpns/instances/net1/ports' },
    })
    expect(await get('/looking-glass/vpns/instances/net1/ports')).toEqual({
      gp1: {
        endpoints: [
          {
            label: 16,
            mac_address: '02:00:00:00:01:01',
            ip_address: '192.168.10.1/24',
            rd: '10.77.0.13:1',
            local_pref: null,
            direction: 'both',
            description: 'port one',
          },
        ],
      },
    })
    expect(await get('/looking-glass/vpns/instances/net1/dataplane/entries')).toContainEqual({
      entry: 'local-mac 02:00:00:00:01:01 on gp1',
      kind: 'local-mac',
      state: 'programmed',
      reason: null,
      code: null,
      errno: null,
      since: null,
      next_try: null,
      attempts: 0,
    })
    expect(await get('/looking-glass/vpns')).toMatchObject({
      instances_per_vni: { 100: { name: 'EVI-1', external_instance_id: 'net1' } },
    })
    expect(await get('/looking-glass/bgp/workers/EVI-1')).toMatchObject({ name: 'EVI-1' })
  })

  test('shows routes under their own text', async () => {
    await attach({})
    const routes = await get('/looking-glass/bgp/routes')
    expect(routes).toMatchObject({
      'ipv4/rtc,*': [{ 'rtc 64512:target:64512:10': { 'afi-safi': 'ipv4/rtc', next_hop: '10.77.0.13' } }],
      'l2vpn/evpn,*': [
        { 'evpn:multicast::10.77.0.13:1:0:10.77.0.13': {} },
        {
          'evpn:macadv::10.77.0.13:1:-:0:02:00:00:00:01:01/48:192.168.10.1: label 6 (100)': {
            'afi-safi': 'l2vpn/evpn',
            attributes: {
              'extended-community': '[ encap:VXLAN target:64512:10 ]',
              'local-preference': '100',
            },
            next_hop: '10.77.0.13',
            route_targets: ['target:64512:10'],
            source: { id: 'EVI-1', href: 'http://node1:8082/looking-glass/bgp/workers/EVI-1' },
          },
        },
      ],
    })
    expect(await get('/looking-glass/vpns/instances/net1/adv_routes')).toHaveLength(2)
  })

  test('shows peers that are not there yet', async () => {
    expect(await get('/looking-glass/bgp/peers')).toMatchObject([
      { id: '10.77.0.1', state: 'Idle', href: 'http://node1:8082/looking-glass/bgp/peers/10.77.0.1' },
    ])
    expect(await get('/looking-glass/bgp/peers/10.77.0.1')).toMatchObject({
      name: 'BGP-10.77.0.1',
      active_families: [],
    })
  })

  test('answers every link it gives', async () => {
    await attach({})
    const seen = new Set<string>()
    const visit = async (path: string): Promise<void> => {
      if (seen.has(path)) return
      seen.add(path)
      const response = await api.app.inject({ url: path, headers: { host: 'node1:8082' } })
      expect(response.statusCode, path).toBe(200)
      for (const [, href] of response.body.matchAll(/"href":"http:\/\/node1:8082([^"]+)"/g)) {
        if (!href!.endsWith('/workers/RTC')) await visit(href!)
      }
    }
    await visit('/looking-glass')
    expect(seen.size).toBeGreaterThan(25)
  })

  test('knows no member of JavaScript’s objects', async () => {
    for (const path of [
      '/looking-glass/constructor',
      '/looking-glass/summary/__proto__',
      '/looking-glass/bgp/peers/toString',
    ]) {
      expect((await api.app.inject(path)).statusCode, path).toBe(404)
    }
  })
})
