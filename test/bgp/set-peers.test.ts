import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { BgpPeer } from '../../src/bgp/bgp-peer.ts'
import { EVPN, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { PEER_DEFAULTS, type PeerConfig } from '../../src/bgp/session/peer-config.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { DaemonEvent } from '../../src/events/event.ts'
import { Collector, ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const US = '10.77.0.11'
const A = '10.77.0.1'
const B = '10.77.0.2'
const C = '10.77.0.3'
const RED = rt('64512:10')

let clock: VirtualClock
let network: VirtualNetwork
let us: Speaker
let events: DaemonEvent[]
let far: Map<string, Speaker>

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  events = []
  const sink = { emit: (event: DaemonEvent) => void events.push(event) }
  us = speakerAt(US, [peerConfig(A), peerConfig(B)], clock, network, {}, () => {}, sink)
  far = new Map(
    [A, B, C].map((address) => [
      address,
      speakerAt(address, [peerConfig(US, { passive: true })], clock, network),
    ]),
  )
  clock.advance(5000)
  expect([state(A), state(B)]).toEqual(['Established', 'Established'])
  events = []
})

const peer = (address: string): BgpPeer => us.peers.get(ip(address))!
const state = (address: string): string | undefined => us.peers.get(ip(address))?.sessions.state
/** How often the far end had a session, and why its last one ended. */
const seenBy = (address: string) => far.get(address)!.peers.get(ip(US))!.sessions
const emitted = () => events.filter(({ type }) => type.startsWith('peer-'))

async function set(...peers: readonly PeerConfig[]): Promise<void> {
  expect(await us.setPeers(peers)).toBeNull()
  clock.advance(5000)
}

describe('setPeers', () => {
  test('leaves alone what stays', async () => {
    const before = peer(A)
    await set(peerConfig(B), peerConfig(A))
    expect(peer(A)).toBe(before)
    expect([seenBy(A).establishedCount, seenBy(B).establishedCount]).toEqual([1, 1])
    expect(emitted()).toEqual([])
  })

  test('adds a peer', async () => {
    await set(peerConfig(A), peerConfig(B), peerConfig(C))
    expect(state(C)).toBe('Established')
    expect(emitted()).toEqual([{ type: 'peer-added', peer: C }])
    expect(us.peerConfigs).toHaveLength(3)
    expect(seenBy(A).establishedCount).toBe(1)
  })

  test('removes a peer with its routes, notifies it, and refuses its connections', async () => {
    const held = new Collector()
    us.subscribe(held, RED)
    far.get(B)!.originate(localSource('EVI-1'), EVPN, macRoute(B, '02:00:00:00:01:01', null), {
      extendedCommunities: [RED],
    })
    clock.advance(1000)
    expect(held.routes.size).toBe(1)
    await set(peerConfig(A))
    expect(held.routes.size).toBe(0)
    expect(state(B)).toBeUndefined()
    expect(seenBy(B).lastError).toContain('PeerDeconfigured (6/3)')
    clock.advance(300_000)
    expect(seenBy(B).state).toBe('Active')
    expect(seenBy(A).establishedCount).toBe(1)
    expect(emitted()).toEqual([{ type: 'peer-removed', peer: B }])
  })

  test.each([{ maxPrefixes: 10 }, { connectRetrySeconds: 30 }, { port: 1790 }])(
    'changes %o under a session that lives',
    async (change) => {
      const before = peer(A)
      await set(peerConfig(A, change), peerConfig(B))
      expect(peer(A)).toBe(before)
      expect(peer(A).sessions.config).toMatchObject(change)
      expect([seenBy(A).establishedCount, seenBy(B).establishedCount]).toEqual([1, 1])
      expect(emitted()).toEqual([{ type: 'peer-changed', peer: A, reset: false }])
    },
  )

  test.each([
    { holdTimeSeconds: 30 },
    { families: [EVPN, VPNV4, ROUTE_TARGET] },
    { addPath: false },
    { reflectorClient: true },
  ])('resets the session that %o is part of, and no other', async (change) => {
    await set(peerConfig(A, change), peerConfig(B))
    expect([seenBy(A).establishedCount, seenBy(B).establishedCount]).toEqual([2, 1])
    expect(seenBy(A).lastError).toContain('OtherConfigurationChange (6/6)')
    expect(state(A)).toBe('Established')
    expect(emitted()).toEqual([{ type: 'peer-changed', peer: A, reset: true }])
  })

  test('a hold time that changes is in use at once', async () => {
    await set(peerConfig(A, { holdTimeSeconds: 30 }), peerConfig(B))
    expect(peer(A).negotiated?.holdTimeSeconds).toBe(30)
  })

  test('counters of a peer that changes go on', async () => {
    const before = { ...peer(A).sessions.messages.received }
    const updates = peer(A).routesIn.counters.updates
    await set(peerConfig(A, { addPath: false }), peerConfig(B))
    for (const [type, count] of Object.entries(before))
      expect(peer(A).sessions.messages.received[Number(type)], type).toBeGreaterThan(count - 1)
    expect(peer(A).sessions.messages.received[1]).toBe(2)
    expect(peer(A).routesIn.counters.updates).toBeGreaterThan(updates)
    expect(peer(A).sessions.establishedCount).toBe(2)
  })

  test('a limit that is raised takes the peer back that went beyond it', async () => {
    await set(peerConfig(A, { maxPrefixes: 1 }), peerConfig(B))
    us.subscribe(new Collector(), RED)
    for (const mac of ['02:00:00:00:01:01', '02:00:00:00:01:02'])
      far
        .get(A)!
        .originate(localSource('EVI-1'), EVPN, macRoute(A, mac, null), { extendedCommunities: [RED] })
    clock.advance(5000)
    expect(state(A)).toBe('Idle')
    await set(peerConfig(A, { maxPrefixes: 5 }), peerConfig(B))
    clock.advance(120_000)
    expect(state(A)).toBe('Established')
    const { establishedCount } = seenBy(A)
    await set(peerConfig(A, { maxPrefixes: 1 }), peerConfig(B))
    clock.advance(120_000)
    expect(seenBy(A).establishedCount, 'it stays down').toBe(establishedCount)
    expect(peer(A).sessions.downReason).toContain('more than 1 l2vpn/evpn routes')
  })

  test('a peer that an operator has disabled stays so, for the same reason', async () => {
    peer(A).disable('cable work')
    await set(peerConfig(A, { holdTimeSeconds: 30 }), peerConfig(B))
    expect([peer(A).disabled, state(A), peer(A).sessions.downReason]).toEqual([
      true,
      'Idle',
      'disabled: cable work',
    ])
    peer(A).enable()
    clock.advance(130_000)
    expect(state(A)).toBe('Established')
  })

  test('initial convergence does not wait for a peer that is removed', async () => {
    let complete = 0
    const waiting = speakerAt('10.77.0.12', [peerConfig('10.77.0.99')], clock, network, {}, () => complete++)
    clock.advance(5000)
    expect(waiting.convergence.awaited()).toHaveLength(1)
    await waiting.setPeers([])
    clock.advance(5000)
    expect(complete).toBe(1)
  })

  test('one that had come from an open prefix stays, if its configuration is the same', async () => {
    const group = {
      prefix: { ip: ip('10.77.0.0'), length: 24 },
      template: { ...PEER_DEFAULTS, as: 64512, families: [EVPN, ROUTE_TARGET] },
      limit: 100,
    }
    const open = speakerAt('10.77.0.20', [], clock, network, { dynamicPeers: [group] })
    const client = speakerAt('10.77.0.21', [peerConfig('10.77.0.20')], clock, network)
    clock.advance(5000)
    const before = open.peers.get(ip('10.77.0.21'))!
    await open.setPeers([peerConfig('10.77.0.21', { passive: true })])
    expect(open.peers.get(ip('10.77.0.21'))).toBe(before)
    client.stop('gone')
    clock.advance(1_000_000)
    expect(open.peers.has(ip('10.77.0.21'))).toBe(true)
  })

  test('listens where an added peer connects to, and stops listening where no peer does', async () => {
    const other = ip('10.77.0.111')
    await set(peerConfig(A), peerConfig(B), peerConfig(C, { localAddress: other, passive: true }))
    const handlers = { connected() {}, data() {}, drained() {}, closed() {} }
    const connects = (): Promise<boolean> =>
      new Promise((resolve) => {
        network.transport.connect(
          { address: other, port: 179, localAddress: ip(C), md5Key: null, ttlSecurityHops: null },
          { ...handlers, connected: () => resolve(true), closed: () => resolve(false) },
        )
        clock.advance(100)
      })
    expect(await connects()).toBe(true)
    await set(peerConfig(A), peerConfig(B))
    expect(await connects()).toBe(false)
  })

  test('where it cannot listen is no problem any more when no peer connects there', async () => {
    const taken = { localAddress: ip(C), passive: true }
    expect(await us.setPeers([peerConfig(A), peerConfig(B, taken)])).toBe('EADDRINUSE')
    expect(us.listeners.failures).toEqual([{ at: { address: ip(C), port: 179 }, reason: 'EADDRINUSE' }])
    await set(peerConfig(A))
    expect(us.listeners.failures).toEqual([])
  })

  test('listens as soon as it can where it could not at first', async () => {
    const listening = () => events.filter(({ type }) => type.startsWith('listen'))
    const taken = { localAddress: ip(C), passive: true }
    await us.setPeers([peerConfig(A), peerConfig(B, taken)])
    const tries = vi.spyOn(network.transport, 'listen')
    await vi.waitFor(() => {
      clock.advance(10_000)
      expect(tries.mock.calls.length).toBeGreaterThan(2)
    })
    expect(listening()).toEqual([{ type: 'listen-failed', address: C, port: 179, reason: 'EADDRINUSE' }])
    far.get(C)!.stop('it leaves')
    await vi.waitFor(() => {
      clock.advance(10_000)
      expect(us.listeners.failures).toEqual([])
    })
    expect(listening().slice(1)).toEqual([{ type: 'listening', address: C, port: 179 }])
  })
})
