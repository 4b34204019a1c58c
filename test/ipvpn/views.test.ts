import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, test } from 'vitest'
import { TunnelType } from '../../src/bgp/constants.ts'
import { VPNV4 } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { mplsField } from '../../src/bgp/values/label.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { IN_VRF, TestNode } from '../support/node.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const families = [VPNV4]
let clock: VirtualClock
let app: FastifyInstance

beforeEach(async () => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const node = new TestNode('10.77.0.13', [peerConfig('10.77.0.1', { families })], clock, network)
  const reflector = speakerAt('10.77.0.1', [peerConfig('10.77.0.13', { families })], clock, network)
  for (const name of ['gp1', 'mpls0']) node.driver.kernel.addLink(name, { up: true })
  app = node.api()
  await node.attach({
    ...IN_VRF,
    instanceId: 'ipA',
    port: 'gp1',
    instanceDescription: 'the ip A net',
    description: 'ip port one',
  })
  for (const [nextHop, localPref, tunnel] of [
    ['10.77.0.11', 200, TunnelType.Mpls],
    ['10.77.0.12', 100, TunnelType.Mpls],
    ['10.77.0.14', 100, TunnelType.Vxlan],
  ] as const) {
    reflector.originate(
      localSource(nextHop),
      VPNV4,
      { rd: ipv4Rd(ip(nextHop), 1), label: mplsField(30), ip: ip('10.9.0.0'), length: 16 },
      { extendedCommunities: [encapsulation(tunnel), rt('64512:10')], localPref },
      ip(nextHop),
    )
  }
  clock.advance(5000)
})

const get = async (path: string) => (await clock.while(app.inject(path))).json()
const glass = (path: string) => get(`/looking-glass/vpns/${path}`)

describe('the looking glass shows a VRF', () => {
  test('with the keys of bagpipe-bgp', async () => {
    expect(await glass('instances')).toMatchObject([
      { id: 'ipA', name: 'VRF-1', description: 'the ip A net' },
    ])
    expect(await glass('instances/ipA')).toMatchObject({
      name: 'VRF-1',
      external_instance_id: 'ipA',
      description: 'the ip A net',
      instance_type: 'VRF',
      instance_dataplane_id: 1,
      gateway_ip: '192.168.20.254',
      subnet_prefix_length: 24,
      route_targets: { import: ['target:64512:10'], export: ['target:64512:10'] },
      readvertise: {},
      attract_traffic: {},
      fallback: null,
      readvertised: { href: expect.stringMatching(/\/instances\/ipA\/readvertised$/) },
    })
    expect(await get('/looking-glass/bgp/workers/VRF-1')).toMatchObject({ external_instance_id: 'ipA' })
    expect(await glass('dataplane/drivers/ipvpn')).toMatchObject({ supported_encaps: ['encap:MPLS'] })
  })

  test('with its ports and what it advertises', async () => {
    expect(await glass('instances/ipA/ports')).toEqual({
      gp1: {
        endpoints: [
          {
            label: 16,
            mac_address: '02:00:00:00:01:01',
            ip_address: '192.168.20.1/24',
            rd: '10.77.0.13:1',
            local_pref: null,
            direction: 'both',
            description: 'ip port one',
            lb_consistent_hash_order: 0,
            advertise_subnet: false,
          },
        ],
      },
    })
    const [route] = await glass('instances/ipA/adv_routes')
    expect(route).toMatchObject({
      '192.168.20.1/32 label 16 next-hop 10.77.0.13 rd 10.77.0.13:1': {
        'afi-safi': 'ipv4/mpls-vpn',
        next_hop: '10.77.0.13',
        source: { id: 'VRF-1' },
      },
    })
  })

  test('with the routes it imports, and why it does not use the others', async () => {
    const { '10.9.0.0/16': received } = await glass('instances/ipA/received_routes')
    const unused = received.flatMap((route: object) =>
      Object.values(route).map((fields) => fields.unused ?? null),
    )
    expect(unused.sort()).toEqual([
      '10.77.0.11 is better: higher LOCAL_PREF (200 over 100)',
      'no common encapsulation: it advertises VXLAN',
      null,
    ])
    const { '10.9.0.0/16': best } = await glass('instances/ipA/best_routes')
    expect(best.map((route: object) => Object.keys(route)[0])).toEqual([
      '10.9.0.0/16 label 30 next-hop 10.77.0.11 rd 10.77.0.11:1',
    ])
  })

  test('with its device, its table and its entries', async () => {
    expect(await glass('instances/ipA/dataplane')).toMatchObject({ vrf_if: 'bvrf-1', route_table: 1001 })
    const entries = await glass('instances/ipA/dataplane/entries')
    expect(entries.map(({ entry }: { entry: string }) => entry)).toEqual(
      expect.arrayContaining(['link bvrf-1', 'port gp1', 'label 16']),
    )
  })
})

test('the status shows its entries, field by field', async () => {
  const [route] = await get('/status/entries?kind=route&instance=ipA')
  expect(route).toMatchObject({
    kind: 'route',
    device: 'bvrf-1',
    table: 1001,
    state: 'programmed',
    instances: ['ipA'],
  })
  const [label] = await get('/status/entries?kind=mpls')
  expect(label).toMatchObject({
    label: 16,
    hops: [{ device: 'gp1', via: '192.168.20.1', labels: [], weight: 1 }],
    state: 'programmed',
  })
  for (const { state } of await get('/status/entries')) expect(state).toBe('programmed')
})
