import { beforeEach, expect, test } from 'vitest'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { writeReach, writeUnreach } from '../../src/bgp/message/pack.ts'
import { PEER_DEFAULTS } from '../../src/bgp/session/peer-config.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { internalAttributes, RawPeer } from '../support/raw-peer.ts'
import { ip, speakerAt } from '../support/speakers.ts'
import { testServer } from '../support/test-server.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR = '10.77.0.1'
const [A, B, C] = ['10.77.0.11', '10.77.0.12', '10.77.0.13'] as const
const CLIENTS = {
  prefix: { ip: ip('10.77.0.0'), length: 24 },
  template: { ...PEER_DEFAULTS, as: 64512, families: [EVPN], reflectorClient: true },
  limit: 2,
}

let clock: VirtualClock
let network: VirtualNetwork
let reflector: Speaker

/** A reflector of two clients at most. */
beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  reflector = speakerAt(RR, [], clock, network, { clusterId: ip(RR), dynamicPeers: [CLIENTS] })
  clock.advance(1000)
})

function connect(address: string): RawPeer {
  const identifier = Number(address.split('.')[3])
  const peer = RawPeer.connect(network.transport, ip(address), ip(RR), 179).behave({ identifier })
  clock.advance(10_000)
  return peer
}

async function problems(): Promise<string[]> {
  const api = testServer({ speaker: reflector, clock })
  return (await clock.while(api.inject('/status'))).json().problems
}

test('routes of types that it does not pass on are named until they are withdrawn', async () => {
  const peer = connect(A)
  const multicast = [7, 6].map((code) => ({ type: 0, code, body: 'selective' }) as const)
  peer.write((w) => void writeReach(w, EVPN, ip(A), multicast, internalAttributes(), DEFAULT_CONTEXT))
  clock.advance(1000)
  expect(await problems()).toEqual([
    `peer ${A}: 2 of its EVPN routes are not passed on, of types that are unknown here: 6, 7`,
  ])
  peer.write((w) => void writeUnreach(w, EVPN, multicast, DEFAULT_CONTEXT))
  clock.advance(1000)
  expect(await problems()).toEqual([])
})

test('a client that finds no room is named until there is some', async () => {
  const [first] = [connect(A), connect(B)]
  expect(await problems()).toEqual([])
  connect(C)
  expect(await problems()).toEqual([`no more than 2 peers may connect from 10.77.0.0/24: ${C} was refused`])
  first.connection!.close()
  clock.advance(1000)
  expect(await problems()).toEqual([])
})
