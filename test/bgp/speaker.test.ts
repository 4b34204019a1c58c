import { describe, expect, test } from 'vitest'
import { IPV4_UNICAST } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../src/bgp/message/index.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { openOf, RawPeer, RESTART } from '../support/raw-peer.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { A, B, clock, network } from './speaker-setup.ts'

const stateOf = (speaker: Speaker, peer: string): string => speaker.peers.get(ip(peer))!.sessions.state

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
    ['without graceful restart', 100, null],
    ['with it', 100, RESTART],
    ['with it, late', 8000, RESTART],
  ])(
    'a peer that answers our connection after one of its own is established keeps that: %s',
    async (_, ms, gracefulRestart) => {
      const capabilities = { ...openOf().capabilities, gracefulRestart }
      const ours: RawPeer[] = []
      await RawPeer.listen(network.transport, ip(B), 179, (peer) => ours.push(peer))
      const { sessions } = speakerAt(A, [peerConfig(B)], clock, network).peers.get(ip(B))!
      clock.advance(100)
      RawPeer.connect(network.transport, ip(B), ip(A), 179).behave({ capabilities })
      clock.advance(ms)
      ours[0]!.sendOpen({ capabilities })
      clock.advance(600_000)
      expect(ours.map(({ notification }) => notification)).toEqual(['6/7'])
      expect([sessions.state, sessions.establishedCount]).toEqual(['Established', 1])
    },
  )

  test('a connection that is lost before the OPEN is not made again beside an established one, but after it', async () => {
    const ours: RawPeer[] = []
    await RawPeer.listen(network.transport, ip(B), 179, (peer) => ours.push(peer))
    const { sessions } = speakerAt(A, [peerConfig(B)], clock, network).peers.get(ip(B))!
    clock.advance(100)
    const theirs = RawPeer.connect(network.transport, ip(B), ip(A), 179).behave()
    clock.advance(100)
    ours[0]!.connection!.close()
    clock.advance(600_000)
    expect([ours.length, sessions.state]).toEqual([1, 'Established'])
    theirs.connection!.close()
    clock.advance(20_000)
    expect(ours).toHaveLength(2)
  })

  test.each([
    ['the higher identifier', 0x0a4d00ff],
    ['the lower identifier', 0x0a4d0001],
  ])(
    'a peer that goes without a word during the handshake, and comes back, has its session: %s',
    (_, identifier) => {
      const a = speakerAt(A, [peerConfig(B)], clock, network)
      const before = RawPeer.connect(network.transport, ip(B), ip(A), 179)
      before.sendOpen({ identifier, holdTimeSeconds: 0 })
      clock.advance(100)
      expect(stateOf(a, B)).toBe('OpenConfirm')
      RawPeer.connect(network.transport, ip(B), ip(A), 179).behave({ identifier, holdTimeSeconds: 0 })
      clock.advance(100)
      expect([stateOf(a, B), before.notification]).toEqual(['Established', '6/7'])
    },
  )

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
