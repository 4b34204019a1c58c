import type { FastifyInstance } from 'fastify'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { TunnelType, WellKnownCommunity } from '../../src/bgp/constants.ts'
import { VPNV4 } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { mplsField } from '../../src/bgp/values/label.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { explanationText } from '../../src/cli/explain-text.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { IN_VRF, TestNode } from '../support/node.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const OURS = '10.77.0.13'
const REFLECTOR = '10.77.0.1'
const families = [VPNV4]
let clock: VirtualClock
let app: FastifyInstance
let node: TestNode
let reflector: Speaker

beforeEach(async () => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  node = new TestNode(OURS, [peerConfig(REFLECTOR, { families })], clock, network)
  reflector = speakerAt(REFLECTOR, [peerConfig(OURS, { families })], clock, network)
  for (const name of ['gp1', 'mpls0']) node.driver.kernel.addLink(name, { up: true })
  app = node.api()
  await node.attach({
    ...IN_VRF,
    instanceId: 'ipA',
    port: 'gp1',
  })
  advertise('10.77.0.11', '10.9.0.0/16', { localPref: 200 })
  advertise('10.77.0.12', '10.9.0.0/16')
  advertise('10.77.0.14', '10.9.0.0/16', {}, TunnelType.Vxlan)
  advertise('10.77.0.15', '10.9.1.0/24')
  advertise('10.77.0.16', '10.9.0.0/16', {}, TunnelType.Mpls, '64512:99')
  clock.advance(5000)
})

function advertise(
  nextHop: string,
  prefix: string,
  changes: Partial<Attributes> = {},
  tunnel: number = TunnelType.Mpls,
  target = '64512:10',
): void {
  const { ip: address, prefixLength: length } = parseInterfaceAddress(prefix)!
  reflector.originate(
    localSource(nextHop),
    VPNV4,
    { rd: ipv4Rd(ip(nextHop), 1), label: mplsField(30), ip: address, length },
    { extendedCommunities: [encapsulation(tunnel), rt(target)], ...changes },
    ip(nextHop),
  )
}

async function explain(address: string, instance?: string) {
  const query = new URLSearchParams({ address, ...(instance === undefined ? {} : { instance }) })
  return (await clock.while(app.inject(`/explain?${query}`))).json()
}

const outcomes = async (address: string, instance?: string): Promise<unknown> =>
  (await explain(address, instance)).instances[0].routes.map(
    ({ state, next_hop, reason }: Record<string, string>) => [state, next_hop, reason],
  )

const BEATEN = ['beaten', '10.77.0.12', '10.77.0.11 is better: higher LOCAL_PREF (200 over 100)']
const UNUSABLE = ['unusable', '10.77.0.14', 'no common encapsulation: it advertises VXLAN']

describe('a VRF is explained', () => {
  test('for a prefix: the routes, what removed each, and what it became in the kernel', async () => {
    const answer = await explain('10.9.0.0/16', 'ipA')
    expect(answer).toMatchObject({ address: '10.9.0.0/16', routes: 4 })
    expect(answer.instances).toMatchObject([
      {
        id: 'ipA',
        name: 'VRF-1',
        type: 'ipvpn',
        table: 1001,
        import: ['64512:10'],
        local: [],
        entries: [{ kind: 'route', prefix: '10.9.0.0', prefixLength: 16, state: 'programmed' }],
      },
    ])
    expect(await outcomes('10.9.0.0/16', 'ipA')).toEqual([
      ['used', '10.77.0.11', null],
      BEATEN,
      UNUSABLE,
      [
        'not imported',
        '10.77.0.16',
        'no common route target: it carries 64512:99, the instance imports 64512:10',
      ],
    ])
    const text = explanationText(answer)
    expect(text).toMatch(/^ipA \(VRF-1, RD 10\.77\.0\.13:1, table 1001, imports 64512:10\)$/m)
    expect(text).toMatch(/^ {2}USED +10\.77\.0\.11 +label 30 +from BGP-10\.77\.0\.1 /m)
    expect(text).toMatch(
      /^ {2}in the kernel: route 10\.9\.0\.0\/16 in table 1001 of bvrf-1, by 10\.77\.0\.11 on mpls0 with label 30, programmed$/m,
    )
  })

  test('for a prefix whose provider edge cannot be one', async () => {
    advertise('10.77.0.13', '10.8.0.0/16')
    advertise('10.77.0.255', '10.8.0.0/16')
    node.driver.kernel.setAddresses([parseInterfaceAddress('10.77.0.13/24')!])
    clock.advance(1000)
    expect(await outcomes('10.8.0.0/16', 'ipA')).toEqual([
      ['unusable', '10.77.0.13', 'next hop is an address of this node'],
      ['unusable', '10.77.0.255', 'next hop is the broadcast address of 10.77.0.0/24'],
    ])
  })

  test('for an address: the longest prefix wins', async () => {
    const [, ...rest] = (await outcomes('10.9.1.7')) as unknown[][]
    expect(await outcomes('10.9.1.7')).toMatchObject([['used', '10.77.0.15', null], ...rest])
    expect(rest).toEqual(
      expect.arrayContaining([['beaten', '10.77.0.11', '10.9.1.0/24 is a longer prefix'], BEATEN, UNUSABLE]),
    )
    expect((await explain('10.9.1.7')).instances[0].entries).toMatchObject([
      { kind: 'route', prefix: '10.9.1.0', prefixLength: 24 },
    ])
    expect(await outcomes('10.9.2.7')).toMatchObject([['used', '10.77.0.11', null], {}, {}, {}])
  })

  test('for an address of its own endpoint, with the label that leads to it', async () => {
    const answer = await explain('192.168.20.1')
    expect(answer.instances).toMatchObject([
      {
        local: [{ mac: '02:00:00:00:01:01', ip: '192.168.20.1/24', port: 'gp1', label: 16 }],
        routes: [{ state: 'ours' }],
        entries: [
          { kind: 'route', prefix: '192.168.20.1' },
          { kind: 'fixed-neighbour', ip: '192.168.20.1' },
          { kind: 'mpls', label: 16 },
        ],
      },
    ])
    expect(explanationText(answer)).toMatch(/attached here: .* 192\.168\.20\.1\/24 on gp1, both, label 16/)
  })

  test('for the gateway, which this machine plays', async () => {
    const answer = await explain('192.168.20.254')
    expect(answer.instances).toMatchObject([{ id: 'ipA', gateway_on: ['gp1'], local: [], routes: [] }])
    expect(explanationText(answer)).toContain('this machine has it, as the gateway on gp1')
  })

  test('for an address that is nowhere: what is there instead', async () => {
    expect((await explain('203.0.113.1')).instances).toEqual([])
    expect((await explain('203.0.113.1', 'ipA')).instances).toMatchObject([
      { routes: [], entries: [{ kind: 'unreachable', prefix: '0.0.0.0', prefixLength: 0 }] },
    ])
  })
})

test('a stale route shares no traffic with one that is not, whatever its LOCAL_PREF (RFC 9494 §4.3)', async () => {
  advertise('10.77.0.11', '10.9.2.0/24', { communities: [WellKnownCommunity.LongLivedStale], localPref: 200 })
  clock.advance(5000)
  expect(await outcomes('10.9.2.0/24', 'ipA')).toEqual([['used', '10.77.0.11', null]])
  advertise('10.77.0.12', '10.9.2.0/24')
  clock.advance(5000)
  expect(await outcomes('10.9.2.0/24', 'ipA')).toEqual([
    ['used', '10.77.0.12', null],
    ['beaten', '10.77.0.11', '10.77.0.12 is better: not stale'],
  ])
})
