import { beforeEach, expect, test } from 'vitest'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { DaemonEvent, EventOf } from '../../src/events/event.ts'
import { RawPeer } from '../support/raw-peer.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { attribute, octet, TARGET, update, WELL_KNOWN } from '../support/update-bytes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

/** What is emitted of the routes that a peer advertises and withdraws, and of its End-of-RIB. */

const RR = '10.77.0.1'
const A = '10.77.0.11'
const FAMILIES = [EVPN, ROUTE_TARGET]
const SECOND = 1000
const LATENCY = 10

type Changes = readonly [family: string, received: number, withdrawn: number, routes: number]

let clock: VirtualClock
let network: VirtualNetwork
let speaker: Speaker
let emitted: EventOf<'routes-changed'>[]
let converged: EventOf<'family-converged'>[]
let peer: RawPeer

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock, LATENCY)
  emitted = []
  converged = []
  const emit = (event: DaemonEvent): void => {
    if (event.type === 'routes-changed') emitted.push(event)
    if (event.type === 'family-converged') converged.push(event)
  }
  const peers = [peerConfig(A, { passive: true, families: FAMILIES })]
  speaker = speakerAt(RR, peers, clock, network, {}, () => {}, { emit })
  peer = connect()
})

function connect(): RawPeer {
  const capabilities = { ...noCapabilities(), families: FAMILIES, fourOctetAs: 64512 }
  const raw = RawPeer.connect(network.transport, ip(A), ip(RR), 179).behave({ identifier: 11, capabilities })
  clock.advance(100)
  return raw
}

/** What was emitted since the last call, and is within a second of what is sent. */
function changes(): Changes[] {
  clock.advance(LATENCY + SECOND)
  return emitted
    .splice(0)
    .map(({ family, received, withdrawn, routes }) => [family, received, withdrawn, routes])
}

/** EVPN type 3 routes that differ in their Ethernet tags. */
const tags = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `031100010a0000010007${hex(from + i)}200a000001`).join('')
const hex = (tag: number): string => tag.toString(16).padStart(8, '0')
const advertise = (nlri: string, others = ''): Buffer =>
  update(attribute(0x80, 14, `001946040a00000100${nlri}`) + WELL_KNOWN + others + TARGET)
/** Each advertises ten routes. */
const burst = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => advertise(tags(10 * i, 10)))
const withdraw = (nlri: string): Buffer => update(attribute(0x80, 15, `001946${nlri}`))
const membership = (target: string): Buffer =>
  update(attribute(0x80, 14, `000184040a00000100${octet(96)}0000fc00${target}`) + WELL_KNOWN)

test('UPDATEs of a burst are one event for each family, with the peer', () => {
  peer.send(...burst(100), withdraw(tags(0, 4)), membership('0002fc000000000a'))
  clock.advance(SECOND / 2)
  expect(emitted).toEqual([])
  clock.advance(SECOND)
  expect(emitted).toEqual([
    { type: 'routes-changed', peer: A, family: 'l2vpn/evpn', received: 1000, withdrawn: 4, routes: 996 },
    { type: 'routes-changed', peer: A, family: 'ipv4/rtc', received: 1, withdrawn: 0, routes: 1 },
  ])
})

test('a stream of UPDATEs is one event a second', () => {
  for (let i = 0; i < 50; i++) {
    peer.send(advertise(tags(i, 1)))
    clock.advance(SECOND / 10)
  }
  const stream = changes()
  expect(stream.length).toBeLessThanOrEqual(6)
  expect(stream.reduce((sum, [, received]) => sum + received, 0)).toBe(50)
  expect(stream.at(-1)?.at(-1)).toBe(50)
})

test('a route that is advertised again is received again, and no other route; other families have no event', () => {
  peer.send(advertise(tags(1, 2)), membership('0002fc000000000a'))
  expect(changes()).toEqual([
    ['l2vpn/evpn', 2, 0, 2],
    ['ipv4/rtc', 1, 0, 1],
  ])
  peer.send(advertise(tags(1, 2)))
  expect(changes()).toEqual([['l2vpn/evpn', 2, 0, 2]])
})

test('a route that came back to us is received, and none of the RIB', () => {
  const originatorUs = attribute(0x80, 9, '0a4d0001')
  peer.send(advertise(tags(1, 2), originatorUs))
  expect(changes()).toEqual([['l2vpn/evpn', 2, 0, 0]])
})

test('without changes there is no event, whatever else the peer sends', () => {
  peer.send(withdraw(''), update(WELL_KNOWN))
  expect(changes()).toEqual([])
})

test('routes that go with the session are neither received nor withdrawn', () => {
  peer.send(...burst(300))
  expect(changes()).toEqual([['l2vpn/evpn', 3000, 0, 3000]])
  network.reset(ip(RR), ip(A))
  clock.advance(SECOND)
  expect(changes()).toEqual([['l2vpn/evpn', 0, 0, 0]])
  expect([...speaker.rib.best(EVPN)]).toEqual([])
})

test('End-of-RIB is an event at once, with the routes before it', () => {
  peer.send(...burst(3), withdraw(tags(0, 1)), withdraw(''))
  clock.advance(LATENCY)
  expect(converged).toEqual([{ type: 'family-converged', peer: A, family: 'l2vpn/evpn', routes: 29 }])
  expect(emitted).toEqual([])
})
