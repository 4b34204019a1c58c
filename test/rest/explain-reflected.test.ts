import type { FastifyInstance } from 'fastify'
import { beforeEach, expect, test } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { WellKnownCommunity } from '../../src/bgp/constants.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { ZERO_ESI } from '../../src/bgp/values/esi.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { explanationText } from '../../src/cli/explain-text.ts'
import { summaryText } from '../../src/cli/status-text.ts'
import { IN_VRF, TestNode } from '../support/node.ts'
import { openOf, RawPeer } from '../support/raw-peer.ts'
import { Collector, ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { testServer } from '../support/test-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR = '10.77.0.1'
const A = '10.77.0.11'
const B = '10.77.0.12'
const C = '10.77.0.13'
const MAC = '02:00:00:00:99:01'
const CLIENT = { reflectorClient: true, passive: true }

let clock: VirtualClock
let app: FastifyInstance
let node: TestNode
let b: Speaker

/** A reflector; A advertises MAC with one route target, B imports it, and the node at C imports another. */
beforeEach(async () => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  const clients = [A, B, C].map((peer) => peerConfig(peer, CLIENT))
  const rr = speakerAt(RR, clients, clock, network, { clusterId: ip(RR) })
  const a = speakerAt(A, [peerConfig(RR)], clock, network)
  b = speakerAt(B, [peerConfig(RR)], clock, network)
  b.subscribe(new Collector(), rt('64512:20'))
  node = new TestNode(C, [peerConfig(RR)], clock, network).withPorts('tap1', 'tap2', 'mpls0')
  await node.attach()
  const attributes = { extendedCommunities: [rt('64512:20')] }
  a.originate(localSource('EVI-1'), EVPN, macRoute(A, MAC, null), attributes)
  app = testServer({ speaker: rr, clock })
  clock.advance(10_000)
})

const get = async (from: FastifyInstance, path: string) => (await clock.while(from.inject(path))).json()

test('a reflector shows which clients get a route, and why others do not', async () => {
  const answer = await get(app, `/explain?address=${MAC}`)
  expect(answer).toMatchObject({
    instances: [],
    routes: 1,
    reflected: [
      {
        state: 'best',
        route_targets: ['64512:20'],
        sent_to: [B],
        not_sent: [{ peer: C, reason: 'it asks for none of the route targets (RFC 4684)' }],
      },
    ],
  })
  const text = explanationText(answer)
  expect(text).toContain('64512:20')
  expect(text).toContain(`advertised to ${B}`)
  expect(text).toContain(`not to ${C}: it asks for none of the route targets`)
})

test('a reflector shows that a session cannot carry a route', async () => {
  const network = new VirtualNetwork(clock)
  const rr = speakerAt(RR, [peerConfig(A, CLIENT)], clock, network, { clusterId: ip(RR) })
  const many = Array.from({ length: 600 }, (_, i) => rt(`64512:${i}`))
  rr.originate(localSource('EVI-1'), EVPN, macRoute(B, MAC, null), { extendedCommunities: many })
  const { capabilities } = openOf()
  RawPeer.connect(network.transport, ip(A), ip(RR), 179).behave({
    identifier: 1,
    capabilities: { ...capabilities, families: [EVPN] },
  })
  clock.advance(10_000)
  const { reflected } = await get(testServer({ speaker: rr, clock }), `/explain?address=${MAC}`)
  expect(reflected).toMatchObject([
    { sent_to: [], not_sent: [{ peer: A, reason: 'it fits no message of 4096 octets (RFC 4271 §9.2)' }] },
  ])
})

test('a reflector shows what keeps a route from a client: its community, or messages that the client has not read', async () => {
  const network = new VirtualNetwork(clock)
  const rr = speakerAt(RR, [peerConfig(A, CLIENT)], clock, network, { clusterId: ip(RR) })
  const { capabilities } = openOf()
  RawPeer.connect(network.transport, ip(A), ip(RR), 179).behave({
    identifier: 1,
    capabilities: { ...capabilities, families: [EVPN] },
  })
  clock.advance(10_000)
  const source = localSource('EVI-1')
  const reasonAfter = async (attributes: Partial<Attributes>) => {
    rr.originate(source, EVPN, macRoute(B, MAC, null), attributes)
    clock.advance(1000)
    const answer = await get(testServer({ speaker: rr, clock }), `/explain?address=${MAC}`)
    return answer.reflected[0].not_sent[0]?.reason
  }
  expect(await reasonAfter({ communities: [WellKnownCommunity.NoAdvertise] })).toBe(
    'it has the community NO_ADVERTISE (RFC 1997)',
  )
  network.cut(ip(A), ip(RR))
  for (let i = 0; i < 200; i++) {
    const communities = Array.from({ length: 950 }, () => i)
    rr.originate(source, EVPN, macRoute(B, `02:00:00:00:00:${i.toString(16)}`, null), { communities })
  }
  clock.advance(1000)
  expect(await reasonAfter({})).toBe('it has not been sent yet')
  network.mend(ip(A), ip(RR))
  expect(await reasonAfter({})).toBe(undefined)
})

test.each(['10.2.0.0/16', '10.2.0.1', '2001:db8:7::/48', '2001:db8:7::1'])(
  'a reflector shows the IP prefix routes of EVPN for %s (RFC 9136)',
  async (address) => {
    const network = new VirtualNetwork(clock)
    const rr = speakerAt(RR, [], clock, network, { clusterId: ip(RR) })
    for (const [prefix, length] of [
      ['10.2.0.0', 16],
      ['2001:db8:7::', 48],
    ] as const) {
      const nlri = {
        type: 5,
        rd: ipv4Rd(ip(A), 1),
        esi: ZERO_ESI,
        ethernetTag: 0,
        prefix: { ip: ip(prefix), length },
        gateway: ip(length === 16 ? '0.0.0.0' : '::'),
        label: 77,
      } as const
      rr.originate(localSource('EVI-1'), EVPN, nlri, {})
    }
    clock.advance(1000)
    const answer = await get(
      testServer({ speaker: rr, clock }),
      `/explain?address=${encodeURIComponent(address)}`,
    )
    expect(answer.reflected).toMatchObject([{ state: 'best', route: expect.stringContaining('prefix') }])
  },
)

test('a reflector without a route reports that, and has no instances', async () => {
  expect(explanationText(await get(app, '/explain?address=02:00:00:00:99:02'))).toContain(
    'no peer advertises a route for 02:00:00:00:99:02',
  )
  expect(await get(app, `/explain?address=${MAC}&instance=net1`)).toMatchObject({ code: 400 })
})

test('a node names the peers that get its route, and its route targets', async () => {
  await node.attach({
    instanceId: 'net2',
    vni: 200,
    port: 'tap2',
    mac: 0x02_00_00_00_02_01,
    exportTargets: [rt('64512:30')],
  })
  clock.advance(1000)
  const lines = async () => explanationText(await get(node.api(), '/explain?address=02:00:00:00:02:01'))
  expect(await lines()).toContain(
    `(advertised with 64512:30 to no peer; not to ${RR}: it asks for none of the route targets (RFC 4684))`,
  )
  b.subscribe(new Collector(), rt('64512:30'))
  clock.advance(1000)
  expect(await lines()).toContain(`(advertised with 64512:30 to ${RR})`)
  node.speaker.peers.get(ip(RR))!.disable('')
  clock.advance(1000)
  expect(await lines()).toContain(`(advertised with 64512:30 to no peer; not to ${RR}: no session)`)
})

test.each([
  [{ exportTargets: [] }, 'the instance has no route target to export'],
  [{ direction: 'from-port' }, 'its port receives nothing (direction from-port)'],
] as const)(
  'an endpoint without a route of its own has the reason, and no peer is blamed: %o',
  async (changes, reason) => {
    for (const one of [
      { mac: 0x02_00_00_00_03_01, vni: 300 },
      { ...IN_VRF, mac: 0x02_00_00_00_03_02 },
    ])
      await node.attach({ instanceId: `${one.mac}`, ip: IN_VRF.ip, port: 'tap2', ...one, ...changes })
    const text = explanationText(await get(node.api(), '/explain?address=192.168.20.1'))
    expect(text.split('\n').filter((line) => line.includes('attached here'))).toEqual([
      expect.stringContaining(`NOT ADVERTISED: ${reason}`),
      expect.stringContaining(`NOT ADVERTISED: ${reason}`),
    ])
    expect(text).not.toContain('sends only routes')
  },
)

test('without a session the peer is named, and why', async () => {
  const path = `/explain?address=${MAC}`
  expect((await get(node.api(), path)).down).toEqual([])
  node.speaker.peers.get(ip(RR))!.reset('')
  const answer = await get(node.api(), path)
  expect(answer).toMatchObject({ routes: 0, down: [{ peer: RR }] })
  expect(explanationText(answer)).toContain(`${RR} has no session: ${answer.down[0].reason}`)
})

test('clients that filter by route target are named once, with where to look', async () => {
  const answer = await get(app, '/explain?address=02:00:00:00:99:02')
  expect(explanationText(answer).split('\n')).toEqual([
    'no peer advertises a route for 02:00:00:00:99:02',
    expect.stringMatching(
      /^10.77.0.1., 10.77.0.1., 10.77.0.1. send only routes with a route target that another peer imports: `chanter explain 02:00:00:00:99:02` on the node/,
    ),
  ])
})

test('behind a reflector that filters by route target, its clients name the reflector', async () => {
  const answer = await get(node.api(), `/explain?address=${MAC}`)
  expect(answer).toMatchObject({ routes: 0, filtered_by: [RR] })
  expect(explanationText(answer)).toContain(
    `${RR} sends only routes with a route target that an instance here imports`,
  )
  const own = await get(node.api(), '/explain?address=02:00:00:00:01:01')
  expect(own.routes).toBeGreaterThan(0)
  expect(explanationText(own)).not.toContain('sends only routes')
})

test('the status names peers that filter by route target', async () => {
  expect(summaryText(await get(node.api(), '/status'))).toContain(
    `of ${RR} only those with a route target that is imported here`,
  )
})

test('the status of a reflector is readable', async () => {
  const ofReflector = summaryText(await get(app, '/status'))
  expect(ofReflector).toMatch(/^ALL WELL/)
  expect(ofReflector).toMatch(/of .*10.77.0.11.* only those with a route target that another peer imports/)
})
