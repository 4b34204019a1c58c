import { pino } from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { PEER_DEFAULTS } from '../../src/bgp/session/peer-config.ts'
import { Speaker } from '../../src/bgp/speaker.ts'
import { SPEAKER_DEFAULTS } from '../../src/bgp/speaker-config.ts'
import { logged, noEvents } from '../support/events.ts'
import { Collector, ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR = '10.77.0.1'
const A = '10.77.0.11'
const B = '10.77.0.12'
const MAC = '02:00:00:00:01:01'
const RED = rt('64512:10')
const ALL = {
  prefix: { ip: ip('10.77.0.0'), length: 24 },
  template: { ...PEER_DEFAULTS, as: 64512, families: [EVPN, ROUTE_TARGET] },
  limit: 100,
}

let clock: VirtualClock
let network: VirtualNetwork

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
})

describe('the log', () => {
  let lines: { level: number; to: string; reason: string | null }[]
  const established = () => {
    lines = []
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
    const a = speakerAt(
      A,
      [peerConfig(B, { maxPrefixes: 1 })],
      clock,
      network,
      {},
      () => {},
      logged(log, clock),
    )
    const b = speakerAt(B, [peerConfig(A, { passive: true })], clock, network)
    clock.advance(5000)
    expect(a.peers.get(ip(B))!.sessions.state).toBe('Established')
    expect(lines.filter(({ level }) => level > 30)).toEqual([])
    return { a, b }
  }
  const losses = () => lines.filter((line) => 'to' in line && line.level === 40)

  test('warns of a session that is lost', () => {
    const { b } = established()
    b.stop('gone')
    clock.advance(1000)
    expect(losses()).toMatchObject([{ from: 'Established', reason: expect.stringContaining('Cease') }])
  })

  test('warns of one that is ended for too many routes', () => {
    const { a, b } = established()
    a.subscribe(new Collector(), RED)
    for (const mac of ['02:00:00:00:01:01', '02:00:00:00:01:02'])
      b.originate(localSource('EVI-1'), EVPN, macRoute(B, mac, null), { extendedCommunities: [RED] })
    clock.advance(2000)
    expect(losses()).toHaveLength(1)
  })

  test.each(['disable', 'reset'] as const)('does not warn of a command: %s', (order) => {
    const { a } = established()
    a.peers.get(ip(B))![order]('cable work')
    clock.advance(1000)
    expect(lines.some((line) => 'to' in line && line.to === 'Idle')).toBe(true)
    expect(losses()).toEqual([])
  })
})

describe('limits and orders', () => {
  test('a peer with too many routes is dropped with 6/1, and stays down until it is reset', () => {
    const a = speakerAt(A, [peerConfig(B, { maxPrefixes: 3 })], clock, network)
    const b = speakerAt(B, [peerConfig(A, { passive: true })], clock, network)
    a.subscribe(new Collector(), RED)
    const source = localSource('EVI-1')
    for (let i = 1; i <= 5; i++) {
      b.originate(source, EVPN, macRoute(B, `02:00:00:00:01:0${i}`, null), { extendedCommunities: [RED] })
    }
    clock.advance(2000)
    const { sessions } = a.peers.get(ip(B))!
    expect(sessions.downReason).toBe('more than 3 l2vpn/evpn routes; reset the peer to try again')
    expect(b.peers.get(ip(A))!.sessions.lastError).toContain('MaximumPrefixes (6/1)')
    clock.advance(600_000)
    expect([sessions.state, [...a.rib.best(EVPN)].length]).toEqual(['Idle', 0])
    b.withdraw(source, EVPN, macRoute(B, '02:00:00:00:01:04', null))
    b.withdraw(source, EVPN, macRoute(B, '02:00:00:00:01:05', null))
    a.peers.get(ip(B))!.reset('')
    clock.advance(130_000)
    expect([sessions.state, sessions.downReason, [...a.rib.best(EVPN)].length]).toEqual([
      'Established',
      null,
      3,
    ])
  })

  test('the limit holds for each family by itself, and the Cease names the one (RFC 4486 §4)', () => {
    const a = speakerAt(A, [peerConfig(B, { maxPrefixes: 3 })], clock, network)
    const b = speakerAt(B, [], clock, network, { dynamicPeers: [ALL] })
    const source = localSource('EVI-1')
    const red = new Collector()
    a.subscribe(red, RED)
    for (let i = 1; i <= 3; i++) {
      b.subscribe(new Collector(), rt(`64512:${i}`))
      b.originate(source, EVPN, macRoute(B, `02:00:00:00:01:0${i}`, null), { extendedCommunities: [RED] })
    }
    clock.advance(2000)
    const { sessions, source: from } = a.peers.get(ip(B))!
    expect([sessions.state, red.routes.size, from.routeCount]).toEqual(['Established', 3, 6])
    b.subscribe(new Collector(), rt('64512:4'))
    const { sessions: informed } = b.peers.get(ip(A))!
    clock.advance(100)
    expect(sessions.downReason).toBe('more than 3 ipv4/rtc routes; reset the peer to try again')
    const data = [0, 1, 132, 0, 0, 0, 3]
    expect(informed.lastNotification).toMatchObject({ direction: 'received', notification: { code: 6 } })
    expect([...informed.lastNotification!.notification.data].slice(-7)).toEqual(data)
  })

  test('a dynamic peer that is disabled does not come back as another one', () => {
    const rr = speakerAt(RR, [], clock, network, { dynamicPeers: [ALL] })
    const a = speakerAt(A, [peerConfig(RR)], clock, network)
    clock.advance(2000)
    rr.peers.get(ip(A))!.disable('go away')
    clock.advance(300_000)
    expect(rr.peers.get(ip(A))!.sessions).toMatchObject({ state: 'Idle', downReason: 'disabled: go away' })
    rr.peers.get(ip(A))!.enable()
    clock.advance(300_000)
    expect(a.peers.get(ip(RR))!.sessions.state).toBe('Established')
    expect(rr.peers.get(ip(A))!.sessions.state).toBe('Established')
  })

  test('a peer that is disabled before the start stays down, and is not waited for', () => {
    let completed = false
    const { transport } = network
    const config = { ...SPEAKER_DEFAULTS, as: 64512, identifier: ip(A), localAddress: ip(A) }
    const environment = { clock, random: () => 0.5, transport, events: noEvents }
    const a = new Speaker({ ...config, peers: [peerConfig(B)] }, environment, () => {
      completed = true
    })
    speakerAt(B, [peerConfig(A)], clock, network)
    a.peers.get(ip(B))!.disable('')
    void a.start()
    clock.advance(60_000)
    expect(completed).toBe(true)
    expect(a.peers.get(ip(B))!.sessions).toMatchObject({ state: 'Idle', downReason: 'disabled' })
  })

  test('to enable a peer that is waiting to try again changes nothing', () => {
    const a = speakerAt(A, [peerConfig(B)], clock, network)
    clock.advance(2500)
    const peer = a.peers.get(ip(B))!
    expect(peer.sessions.lastError).toBe('ECONNREFUSED')
    peer.enable()
    speakerAt(B, [peerConfig(A, { passive: true })], clock, network)
    clock.advance(300_000)
    expect([peer.sessions.state, peer.sessions.establishedCount]).toEqual(['Established', 1])
  })

  test('a peer can be disabled, enabled and reset', () => {
    const a = speakerAt(A, [peerConfig(B)], clock, network)
    const b = speakerAt(B, [peerConfig(A, { passive: true })], clock, network)
    clock.advance(1000)
    const peer = a.peers.get(ip(B))!
    const reported = (): string | null => b.peers.get(ip(A))!.sessions.lastError
    peer.disable('cable work')
    clock.advance(600_000)
    expect([peer.sessions.state, peer.sessions.downReason]).toEqual(['Idle', 'disabled: cable work'])
    expect(reported()).toBe('received Cease/AdministrativeShutdown (6/2): "cable work"')
    peer.enable()
    clock.advance(1000)
    expect(peer.sessions.state).toBe('Established')
    peer.reset('new policy')
    clock.advance(100)
    expect(reported()).toBe('received Cease/AdministrativeReset (6/4): "new policy"')
    clock.advance(6000)
    expect([peer.sessions.state, peer.sessions.establishedCount]).toEqual(['Established', 3])
  })

  test('a peer that would keep our routes gets a hard reset (RFC 8538 §4)', () => {
    const restart = { ...SPEAKER_DEFAULTS.restart, timeSeconds: 120, families: [EVPN] }
    const a = speakerAt(A, [peerConfig(B)], clock, network, { restart })
    const b = speakerAt(B, [peerConfig(A, { passive: true })], clock, network)
    const red = new Collector()
    b.subscribe(red, RED)
    a.originate(localSource('EVI-1'), EVPN, macRoute(A, MAC, null), { extendedCommunities: [RED] })
    clock.advance(2000)
    expect(red.routes.size).toBe(1)
    a.peers.get(ip(B))!.disable('cable work')
    clock.advance(100)
    expect(red.routes.size).toBe(0)
    expect(b.peers.get(ip(A))!.sessions.lastError).toBe(
      'received Cease/HardReset (6/9) for Cease/AdministrativeShutdown (6/2): "cable work"',
    )
  })
})
