import { beforeEach, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { mobilityOf } from '../../src/bgp/rib/best-path.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { encapsulation, macMobility } from '../../src/bgp/values/extended-community.ts'
import { isMacRoute } from '../../src/evpn/select.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { TestNode } from '../support/node.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR = '10.77.0.1'
const HERE = '10.77.0.11'
/** Where the VM is to migrate to, and a third node. */
const THERE = '10.77.0.12'
const THIRD = '10.77.0.13'
const VM = '02:00:00:00:01:01'
const RED = rt('64512:10')

let clock: VirtualClock
let reflector: Speaker
let here: TestNode

beforeEach(async () => {
  clock = new VirtualClock()
  const network = new VirtualNetwork(clock)
  reflector = speakerAt(RR, [peerConfig(HERE)], clock, network, { clusterId: ip(RR) })
  here = new TestNode(HERE, [peerConfig(RR)], clock, network).withPorts('tap1')
  await attach()
  clock.advance(60_000)
})

const attach = (changes: Partial<AttachRequest> = {}) => here.attach(changes)

/** Another node advertises the VM, with that sequence; the result withdraws it. */
function advertise(node: string, sequence: number): () => void {
  const extendedCommunities = [encapsulation(8), RED, macMobility({ sticky: false, sequence })]
  const nlri = macRoute(node, VM, null)
  const source = localSource(node)
  reflector.originate(source, EVPN, nlri, { extendedCommunities }, ip(node))
  clock.advance(1000)
  return () => {
    reflector.withdraw(source, EVPN, nlri)
    clock.advance(1000)
  }
}

const sequences = (): number[] =>
  [...here.speaker.rib.ownRoutes(EVPN)].filter(isMacRoute).map(({ set }) => mobilityOf(set).sequence)

test('a migration is given up: the old node takes the sequence of the new one, below which FRR would not go', () => {
  const giveUp = advertise(THERE, 1)
  expect(sequences()).toEqual([0])
  giveUp()
  expect(sequences()).toEqual([1])
  const again = advertise(THERE, 3)
  again()
  expect(sequences()).toEqual([3])
})

test('a new node that was only away outbids the old one, which leaves it at that', async () => {
  advertise(THERE, 1)()
  expect(sequences()).toEqual([1])
  advertise(THERE, 1)
  expect(sequences()).toEqual([1])
  await here.detach()
  await attach()
  clock.advance(60_000)
  const [outbidding = 0] = sequences()
  expect(outbidding).toBeGreaterThan(1)
  advertise(THIRD, outbidding)
  const [again = 0] = sequences()
  expect(again).toBeGreaterThan(outbidding)
  advertise(THIRD, again)
  expect(sequences()).toEqual([again])
})

test('a route that has not outbid ours leaves no trace', () => {
  advertise(THERE, 0)()
  expect(sequences()).toEqual([0])
})

test('while a third node has the address it stays there', () => {
  const second = advertise(THERE, 2)
  const third = advertise(THIRD, 1)
  second()
  expect(sequences()).toEqual([0])
  third()
  expect(sequences()).toEqual([2])
})

test('a route that is no longer imported is still advertised: it is not outbid', async () => {
  advertise(THERE, 1)
  await attach({ importTargets: [rt('64512:99')] })
  clock.advance(20_000)
  expect(sequences()).toEqual([0])
})

test('a duplicate does not fall below what was received, and outbids no node', () => {
  for (const sequence of [1, 3, 5, 7, 9]) advertise(THERE, sequence)()
  expect(sequences()).toEqual([9])
  advertise(THERE, 9)
  expect(sequences()).toEqual([9])
})
