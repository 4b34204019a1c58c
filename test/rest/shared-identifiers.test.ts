import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { PEER_DEFAULTS } from '../../src/bgp/session/peer-config.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { TestNode } from '../support/node.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { testServer } from '../support/test-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR = '10.77.0.1'
const [A, B] = ['10.77.0.11', '10.77.0.12'] as const
const TEMPLATE = { ...PEER_DEFAULTS, as: 64512, families: [EVPN], reflectorClient: true }

let clock: VirtualClock
let network: VirtualNetwork
let reflector: Speaker

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  const dynamicPeers = [{ prefix: { ip: ip('10.77.0.0'), length: 24 }, template: TEMPLATE, limit: 9 }]
  reflector = speakerAt(RR, [], clock, network, { clusterId: ip(RR), dynamicPeers })
})

async function attached(address: string, identifier: string, mac: number): Promise<TestNode> {
  const peers = [peerConfig(RR, { families: [EVPN] })]
  const node = new TestNode(address, peers, clock, network, { identifier: ip(identifier) }).withPorts('tap1')
  await node.attach({ mac })
  clock.advance(20_000)
  return node
}

async function problems(api = testServer({ speaker: reflector, clock })): Promise<string[]> {
  return (await clock.while(api.inject('/status'))).json().problems
}

describe('two nodes with one BGP identifier', () => {
  test('are named by their reflector, and by each of them', async () => {
    const one = await attached(A, '10.0.0.1', 0x02_00_00_00_00_01)
    expect(await problems()).toEqual([])
    expect(await problems(one.api())).toEqual([])
    const other = await attached(B, '10.0.0.1', 0x02_00_00_00_00_02)
    expect(await problems()).toEqual([
      `peers ${A} and ${B} have the same router_id 10.0.0.1: each drops the routes of the other; give each node its own`,
    ])
    for (const [node, hop] of [[one, B] as const, [other, A] as const])
      expect(await problems(node.api())).toEqual([
        expect.stringMatching(
          `^peer ${RR}: 2 routes of other nodes are not used, such as evpn:.* by ${hop}: taken for a loop: ORIGINATOR_ID is ours; another node has the router_id 10.0.0.1 too: give it its own$`,
        ),
      ])
    other.speaker.stop('renamed')
    clock.advance(200_000)
    expect(await problems()).toEqual([])
    expect(await problems(one.api())).toEqual([])
  })

  test('are well where they are two sessions of one node', async () => {
    const peers = [peerConfig(RR, { families: [EVPN] })]
    await attached(A, '10.0.0.1', 0x02_00_00_00_00_01)
    const second = { identifier: ip('10.0.0.1') }
    const again = new TestNode(B, peers, clock, network, second, { vtep: ip(A) }).withPorts('tap1')
    await again.attach({ mac: 0x02_00_00_00_00_01 })
    clock.advance(20_000)
    expect(await problems()).toEqual([])
  })
})
