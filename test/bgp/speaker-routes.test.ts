import { beforeEach, describe, expect, test } from 'vitest'
import { MessageType } from '../../src/bgp/constants.ts'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { writeEndOfRib } from '../../src/bgp/message/pack.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { openOf, RawPeer } from '../support/raw-peer.ts'
import { Collector, ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { A, B, clock, network } from './speaker-setup.ts'

const RED = rt('64512:10')
const BLUE = rt('64512:20')
const source = localSource('EVI-1')

function advertise(speaker: Speaker, mac: string, ...targets: readonly string[]): void {
  const nlri = macRoute(A, mac, null)
  speaker.originate(source, EVPN, nlri, { extendedCommunities: targets.map(rt) })
}

const hexOctets = (number: number): string =>
  number
    .toString(16)
    .padStart(4, '0')
    .replace(/(..)(..)/, '$1:$2')

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
