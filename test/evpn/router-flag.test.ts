import { beforeEach, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { type ExtendedCommunity, encapsulation } from '../../src/bgp/values/extended-community.ts'
import { TestNode } from '../support/node.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const US = '10.77.0.11'
const OTHER = '10.77.0.12'
const MAC = '02:00:00:00:99:01'
const source = localSource('other')
/** The flags of ND answers (RFC 9047 §2). */
const ROUTER = Buffer.from('0608010000000000', 'hex').toString('latin1') as ExtendedCommunity
const HOST = Buffer.from('0608000000000000', 'hex').toString('latin1') as ExtendedCommunity

let clock: VirtualClock
let other: Speaker
let node: TestNode

beforeEach(async () => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  other = speakerAt(OTHER, [peerConfig(US)], clock, network)
  node = new TestNode(US, [peerConfig(OTHER)], clock, network).withPorts('tap1')
  await node.attach()
})

/** Whether the node answers for the address as for a router. */
function answersAsRouter(address: string, ...flags: readonly ExtendedCommunity[]): unknown {
  const extendedCommunities = [encapsulation(8), rt('64512:10'), ...flags]
  other.originate(source, EVPN, macRoute(OTHER, MAC, address), { extendedCommunities })
  clock.advance(1000)
  const neighbour = node.wanted().find((entry) => entry.kind === 'neighbour' && entry.ip === ip(address))
  return neighbour?.kind === 'neighbour' ? neighbour.router : 'no answer'
}

test('a VM keeps its default router, whose link-local address is answered for by its node', () => {
  expect(answersAsRouter('fe80::99')).toBe(true)
})

test('a route that has the flags of a host or a router is believed, of any IPv6 address', () => {
  expect(answersAsRouter('fe80::99', HOST)).toBe(false)
  expect(answersAsRouter('fe80::99', ROUTER)).toBe(true)
  expect(answersAsRouter('2001:db8::99', ROUTER)).toBe(true)
})

test('any other address is that of a host', () => {
  expect(answersAsRouter('2001:db8::99')).toBe(false)
  expect(answersAsRouter('192.168.10.99')).toBe(false)
  expect(answersAsRouter('192.168.10.98', ROUTER)).toBe(false)
})
