import { beforeEach, describe, expect, test } from 'vitest'
import { MessageType } from '../../src/bgp/constants.ts'
import { EVPN, IPV4_UNICAST, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../src/bgp/message/index.ts'
import { writeEndOfRib } from '../../src/bgp/message/pack.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { openOf, RawPeer } from '../support/raw-peer.ts'
import { Collector, ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'
const RED = rt('64512:10')
const BLUE = rt('64512:20')
const source = localSource('EVI-1')

let clock: VirtualClock
let network: VirtualNetwork

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
})

const stateOf = (speaker: Speaker, peer: string): string => speaker.peers.get(ip(peer))!.sessions.state

function advertise(speaker: Speaker, mac: string, ...targets: readonly string[]): void {
  const nlri = macRoute(A, mac, null)
  speaker.originate(source, EVPN, nlri, { extendedCommunities: targets.map(rt) })
}

const hexOctets = (number: number): string =>
  number
    .toString(16)
    .padStart(4, '0')
    .replace(/(..)(..)/, '$1:$2')

describe('sessions', () => {
  test('both sides connect at once: one connection lives (RFC 4271 §6.8)', () => {
    const a = speakerAt(A, [peerConfig(B)], clock, network)
    const b = speakerAt(B, [peerConfig(A)], clock, network)
    clock.advance(1000)
    expect([stateOf(a, B), stateOf(b, A)]).toEqual(['Established', 'Established'])
    clock.advance(600_000)
    expect([stateOf(a, B), stateOf(b, A)]).toEqual(['Established', 'Established'])
    expect(a.peers.get(ip(B))!.sessions.establishedCount).toBe(1)
    expect(b.peers.get(ip(A))!.sessions.establishedCount).toBe(1)
  })

  test.each([
    ['the lower identifier waits', true, false],
    ['the higher identifier waits', false, true],
  ])('%s for the other', (_, passiveA, passiveB) => {
    const a = speakerAt(A, [peerConfig(B, { passive: passiveA })], clock, network)
    const b = speakerAt(B, [peerConfig(A, { passive: passiveB })], clock, network)
    clock.advance(1000)
    expect([stateOf(a, B), stateOf(b, A)]).toEqual(['Established', 'Established'])
  })

  test.each([3, 30, 90, 0])('a hold time of %i s holds while the wire is fine', (holdTimeSeconds) => {
    const a = speakerAt(A, [peerConfig(B, { holdTimeSeconds })], clock, network)
    speakerAt(B, [peerConfig(A, { passive: true })], clock, network)
    clock.advance(3_600_000)
    const { sessions, negotiated } = a.peers.get(ip(B))!
    expect([sessions.state, negotiated?.holdTimeSeconds, sessions.establishedCount]).toEqual([
      'Established',
      holdTimeSeconds,
      1,
    ])
  })

  test('a silent peer is dropped when the hold time is over, with a NOTIFICATION', () => {
    const a = speakerAt(A, [peerConfig(B, { holdTimeSeconds: 9, passive: true })], clock, network)
    const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179)
    peer.sendOpen()
    peer.send(KEEPALIVE)
    clock.advance(8_900)
    expect(stateOf(a, B)).toBe('Established')
    clock.advance(200)
    expect([stateOf(a, B), peer.notification, peer.closed]).toEqual(['Active', '4/0', true])
    expect(peer.of('keepalive').length).toBeGreaterThanOrEqual(3)
  })

  test('tries again at once less often the longer it fails', () => {
    let tries = 0
    speakerAt(A, [peerConfig(B)], clock, network)
    void network.transport.listen({ address: ip(B), port: 179 }, () => {
      tries++
      return null
    })
    clock.advance(60_000)
    const firstMinute = tries
    clock.advance(600_000)
    const laterPerMinute = (tries - firstMinute) / 10
    expect(firstMinute).toBeGreaterThanOrEqual(3)
    expect(laterPerMinute).toBeLessThan(1)
    expect(laterPerMinute).toBeGreaterThan(0.4)
  })

  test('a slow network gets more time with each try', () => {
    network.link(ip(A), ip(B)).latencyMs = 4000
    const a = speakerAt(A, [peerConfig(B)], clock, network)
    speakerAt(B, [peerConfig(A, { passive: true })], clock, network)
    clock.advance(120_000)
    expect(stateOf(a, B)).toBe('Established')
  })

  test('comes back within seconds of a reset', () => {
    const a = speakerAt(A, [peerConfig(B)], clock, network)
    speakerAt(B, [peerConfig(A, { passive: true })], clock, network)
    clock.advance(1000)
    network.reset(ip(A), ip(B))
    clock.advance(100)
    expect(stateOf(a, B)).not.toBe('Established')
    clock.advance(6000)
    expect(stateOf(a, B)).toBe('Established')
  })

  test('stopping sends a Cease with its reason (RFC 9003)', () => {
    const a = speakerAt(A, [peerConfig(B)], clock, network)
    const b = speakerAt(B, [peerConfig(A, { passive: true })], clock, network)
    clock.advance(1000)
    a.stop('maintenance at night')
    clock.advance(100)
    expect(b.peers.get(ip(A))!.sessions.lastError).toBe(
      'received Cease/AdministrativeShutdown (6/2): "maintenance at night"',
    )
    clock.advance(600_000)
    expect(stateOf(a, B)).toBe('Idle')
  })
})

describe('an OPEN that cannot be accepted', () => {
  const noFamily = { ...noCapabilities(), families: [IPV4_UNICAST], fourOctetAs: 64512 }

  test.each([
    ['another AS', { as: 64513, capabilities: { ...openOf().capabilities, fourOctetAs: 64513 } }, '2/2'],
    ['identifier 0', { identifier: 0 }, '2/3'],
    ['our own identifier', { identifier: 0x0a4d000b }, '2/3'],
    ['hold time 1', { holdTimeSeconds: 1 }, '2/6'],
    ['hold time 2', { holdTimeSeconds: 2 }, '2/6'],
    ['no family in common', { capabilities: noFamily }, '2/7'],
    ['version 3', { version: 3 }, '2/1'],
  ])('%s is refused', (_, changes, expected) => {
    const a = speakerAt(A, [peerConfig(B, { passive: true })], clock, network)
    const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179)
    peer.sendOpen(changes)
    clock.advance(1000)
    expect([peer.notification, peer.closed, stateOf(a, B)]).toEqual([expected, true, 'Active'])
  })

  test('bytes that are not BGP are answered with a NOTIFICATION, and nothing else is touched', () => {
    const a = speakerAt(A, [peerConfig(B, { passive: true }), peerConfig('10.77.0.13')], clock, network)
    speakerAt('10.77.0.13', [peerConfig(A)], clock, network)
    const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179)
    peer.send(Buffer.from('GET / HTTP/1.1\r\nHost: bgp\r\n\r\n'))
    clock.advance(1000)
    expect([peer.notification, peer.closed]).toEqual(['1/1', true])
    expect(stateOf(a, '10.77.0.13')).toBe('Established')
  })

  test('a stranger is not even greeted', () => {
    speakerAt(A, [peerConfig(B)], clock, network)
    const stranger = RawPeer.connect(network.transport, ip('10.77.0.99'), ip(A), 179)
    stranger.sendOpen()
    clock.advance(1000)
    expect([stranger.received, stranger.closed]).toEqual([[], true])
  })
})

describe('routes', () => {
  function pair(): readonly [Speaker, Speaker] {
    const a = speakerAt(A, [peerConfig(B)], clock, network)
    const b = speakerAt(B, [peerConfig(A, { passive: true })], clock, network)
    clock.advance(1000)
    return [a, b]
  }

  test('reach who subscribed to their target, and leave with it', () => {
    const [a, b] = pair()
    const red = new Collector()
    b.subscribe(red, RED)
    advertise(a, '02:00:00:00:01:01', '64512:10')
    advertise(a, '02:00:00:00:01:02', '64512:20')
    clock.advance(100)
    expect([...red.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(A, '02:00:00:00:01:01', null)])
    a.withdraw(source, EVPN, macRoute(A, '02:00:00:00:01:01', null))
    clock.advance(100)
    expect(red.routes.size).toBe(0)
  })

  test('are not sent without a membership (RFC 4684)', () => {
    const [a, b] = pair()
    advertise(a, '02:00:00:00:01:01', '64512:10')
    clock.advance(100)
    expect([...b.rib.best(EVPN)]).toEqual([])
    const red = new Collector()
    b.subscribe(red, RED)
    clock.advance(100)
    expect(red.routes.size).toBe(1)
  })

  test('stay while one of several subscriptions covers them', () => {
    const [a, b] = pair()
    const [one, two] = [new Collector(), new Collector()]
    b.subscribe(one, RED)
    b.subscribe(two, RED)
    b.subscribe(two, BLUE)
    advertise(a, '02:00:00:00:01:01', '64512:10', '64512:20')
    clock.advance(100)
    b.unsubscribe(one, RED)
    clock.advance(100)
    b.unsubscribe(two, RED)
    clock.advance(100)
    expect(two.routes.size).toBe(1)
    expect([...b.rib.best(EVPN)]).toHaveLength(1)
    b.unsubscribe(two, BLUE)
    clock.advance(100)
    expect([...b.rib.best(EVPN)]).toEqual([])
  })

  test('reach a peer without route-target constraint unasked', () => {
    const a = speakerAt(A, [peerConfig(B)], clock, network)
    const b = speakerAt(B, [peerConfig(A, { passive: true, families: [EVPN] })], clock, network, {
      routeTargetConstraint: false,
    })
    advertise(a, '02:00:00:00:01:01', '64512:10')
    clock.advance(1000)
    expect([...b.rib.best(EVPN)]).toHaveLength(1)
  })

  test('vanish with the session and come back with it', () => {
    const [a, b] = pair()
    const red = new Collector()
    b.subscribe(red, RED)
    advertise(a, '02:00:00:00:01:01', '64512:10')
    clock.advance(100)
    network.reset(ip(A), ip(B))
    clock.advance(100)
    expect(red.routes.size).toBe(0)
    clock.advance(6000)
    expect(red.routes.size).toBe(1)
  })

  test('that did not change are not advertised again', () => {
    const [a, b] = pair()
    b.subscribe(new Collector(), RED)
    advertise(a, '02:00:00:00:01:01', '64512:10')
    clock.advance(100)
    const sent = (): number => a.peers.get(ip(B))!.sessions.messages.sent[MessageType.Update] ?? 0
    const before = sent()
    advertise(a, '02:00:00:00:01:01', '64512:10')
    clock.advance(100)
    expect(sent()).toBe(before)
  })

  describe('whose targets change', () => {
    const VM = '02:00:00:00:01:01'
    let a: Speaker
    let peer: RawPeer

    /** What the peer received since the last call: `-` for a withdrawal, `+` and the number of targets for an advertisement. */
    function received(): string[] {
      clock.advance(100)
      const received = peer.received
        .splice(0)
        .flatMap((message) => (message.type === 'update' ? message.update : []))
      return received.flatMap(({ reach, unreach, attributes }) => [
        ...unreach.flatMap(({ nlri }) => nlri.map(() => '-')),
        ...reach.flatMap(({ nlri }) => nlri.map(() => `+${attributes.extendedCommunities?.length}`)),
      ])
    }

    beforeEach(() => {
      a = speakerAt(A, [peerConfig(B, { passive: true, families: [EVPN] })], clock, network)
      advertise(a, VM, '64512:10', '64512:20')
      peer = RawPeer.connect(network.transport, ip(B), ip(A), 179)
      peer.behave({ capabilities: { ...openOf().capabilities, families: [EVPN] } })
      clock.advance(1000)
      expect(received()).toEqual(['+2'])
    })

    test.each([
      ['one of two is lost', ['64512:20'], ['-', '+1']],
      ['another one comes in its place', ['64512:20', '64512:30'], ['-', '+2']],
      ['one more comes', ['64512:10', '64512:20', '64512:30'], ['+3']],
      ['their order changes', ['64512:20', '64512:10'], ['+2']],
    ])('are withdrawn first where %s', (_, targets, expected) => {
      advertise(a, VM, ...targets)
      expect(received()).toEqual(expected)
    })

    test('are compared with the last advertisement to the peer, not with unsent routes', () => {
      advertise(a, VM, '64512:10', '64512:20', '64512:30')
      advertise(a, VM, '64512:10', '64512:20')
      expect(received()).toEqual(['+2'])
      advertise(a, VM, '64512:30')
      a.withdraw(source, EVPN, macRoute(A, VM, null))
      advertise(a, VM, '64512:20')
      expect(received()).toEqual(['-', '+1'])
    })

    test('are withdrawn before they are advertised in whatever slices they leave, to a peer that reads slowly', () => {
      const macs = Array.from({ length: 3000 }, (_, i) => `02:00:00:01:${hexOctets(i)}`)
      for (const mac of macs) advertise(a, mac, '64512:10', '64512:20')
      expect(received()).toHaveLength(macs.length)
      network.link(ip(A), ip(B)).latencyMs = 5000
      for (const mac of macs) advertise(a, mac, '64512:20')
      clock.advance(20_000)
      const order = received()
      expect(order.filter((one) => one === '-')).toHaveLength(macs.length)
      expect(order.filter((one) => one === '+1')).toHaveLength(macs.length)
      let withdrawn = 0
      for (const one of order) {
        withdrawn += one === '-' ? 1 : -1
        expect(withdrawn).toBeGreaterThanOrEqual(0)
      }
    })
  })

  test('leave packed, within 10 ms', () => {
    const [a, b] = pair()
    const red = new Collector()
    b.subscribe(red, RED)
    clock.advance(100)
    const sent = (): number => a.peers.get(ip(B))!.sessions.messages.sent[MessageType.Update] ?? 0
    const before = sent()
    for (let i = 0; i < 500; i++)
      advertise(a, `02:00:00:00:02:${(i % 256).toString(16).padStart(2, '0')}`, '64512:10')
    for (let i = 0; i < 500; i++)
      advertise(a, `02:00:00:00:03:${(i % 256).toString(16).padStart(2, '0')}`, '64512:10')
    clock.advance(10 + network.defaultLatencyMs)
    expect(red.routes.size).toBe(512)
    expect(sent() - before).toBeLessThanOrEqual(8)
  })

  test('the initial set ends with an End-of-RIB for each family, memberships first', () => {
    const a = speakerAt(A, [peerConfig(B, { passive: true })], clock, network)
    a.subscribe(new Collector(), RED)
    advertise(a, '02:00:00:00:01:01', '64512:10')
    const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179).behave()
    clock.advance(1000)
    const ends = peer.of('update').map(({ update }) => update.endOfRib ?? update.reach[0]?.family)
    expect(ends).toEqual([ROUTE_TARGET, ROUTE_TARGET, EVPN])
  })

  test('VPN routes wait for the End-of-RIB of a peer that will send one (RFC 4684 §6)', () => {
    const a = speakerAt(A, [peerConfig(B, { passive: true })], clock, network)
    advertise(a, '02:00:00:00:01:01', '64512:10')
    const restart = { restarting: false, notification: false, restartTimeSeconds: 0, families: [] }
    const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179)
    peer.behave({ capabilities: { ...openOf().capabilities, gracefulRestart: restart } })
    clock.advance(5000)
    const ends = (): (number | null)[] => peer.of('update').map(({ update }) => update.endOfRib)
    expect(ends()).toEqual([ROUTE_TARGET])
    peer.write((w) => writeEndOfRib(w, ROUTE_TARGET))
    clock.advance(100)
    expect(ends()).toEqual([ROUTE_TARGET, EVPN])
  })

  test('the start is complete when every peer has sent its End-of-RIB', () => {
    let complete = false
    const done = (): void => {
      complete = true
    }
    speakerAt(A, [peerConfig(B)], clock, network, {}, done)
    clock.advance(100_000)
    expect(complete).toBe(false)
    speakerAt(B, [peerConfig(A)], clock, network)
    clock.advance(130_000)
    expect(complete).toBe(true)
  })

  test('or when the wait for it is over', () => {
    let complete = false
    speakerAt(A, [peerConfig(B)], clock, network, { completeWaitSeconds: 360 }, () => {
      complete = true
    })
    clock.advance(359_000)
    expect(complete).toBe(false)
    clock.advance(2_000)
    expect(complete).toBe(true)
  })
})
