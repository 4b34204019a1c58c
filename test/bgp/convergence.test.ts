import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN, type Family, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import type { GracefulRestart } from '../../src/bgp/message/capability.ts'
import { writeEndOfRib } from '../../src/bgp/message/pack.ts'
import type { PeerConfig } from '../../src/bgp/session/peer-config.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { SpeakerConfig } from '../../src/bgp/speaker-config.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { openOf, RawPeer, RESTART } from '../support/raw-peer.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { MP_REACH, TARGET, update, WELL_KNOWN } from '../support/update-bytes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const NODE = '10.77.0.13'
const A = '10.77.0.11'
const B = '10.77.0.12'
let clock: VirtualClock
let network: VirtualNetwork
let converged: number

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  converged = 0
})

/** A node that waits for these peers to connect. */
const nodeWith = (addresses: readonly string[], changes: Partial<SpeakerConfig> = {}) => {
  const peers = addresses.map((address) => peerConfig(address, { passive: true }))
  return speakerAt(NODE, peers, clock, network, changes, () => converged++)
}

const connect = (from: string, gracefulRestart: GracefulRestart | null, families = [EVPN]): RawPeer => {
  const capabilities = { ...openOf().capabilities, families, gracefulRestart }
  const peer = RawPeer.connect(network.transport, ip(from), ip(NODE), 179).behave({ capabilities })
  clock.advance(100)
  return peer
}

const end = (peer: RawPeer, ...families: readonly Family[]): void => {
  peer.write((w) => {
    for (const family of families) writeEndOfRib(w, family)
  })
  clock.advance(100)
}

describe('routes are complete after a start', () => {
  test('when each peer has sent End-of-RIB', () => {
    nodeWith([A, B])
    end(connect(A, RESTART), EVPN)
    const second = connect(B, RESTART)
    clock.advance(60_000)
    expect(converged).toBe(0)
    end(second, EVPN)
    expect(converged).toBe(1)
  })

  test.each([
    ['without route target constraint', [EVPN]],
    ['with it', [EVPN, ROUTE_TARGET]],
  ])(
    'ten seconds after a peer that sends no End-of-RIB has fallen silent, %s (RFC 4724 §2)',
    (_, families) => {
      nodeWith([A])
      const peer = connect(A, null, families)
      clock.advance(8_000)
      // any UPDATE will do
      end(peer, EVPN)
      clock.advance(9_000)
      expect(converged).toBe(families.length === 1 ? 1 : 0)
      clock.advance(1_500)
      expect(converged).toBe(1)
    },
  )

  test('without a peer that is down, where another one is complete', () => {
    const node = nodeWith([A, B])
    end(connect(A, RESTART), EVPN)
    expect(node.convergence.awaited().map(({ sessions }) => sessions.name)).toEqual([B])
    clock.advance(9_000)
    expect(converged).toBe(0)
    clock.advance(1_500)
    expect(converged).toBe(1)
    expect(node.convergence.awaited()).toEqual([])
  })

  test('not without one whose families no other peer has', () => {
    const families = [EVPN, VPNV4]
    const peers = [A, B].map((address) => peerConfig(address, { passive: true, families }))
    speakerAt(NODE, peers, clock, network, {}, () => converged++)
    end(connect(A, RESTART, [EVPN]), EVPN)
    clock.advance(100_000)
    expect(converged).toBe(0)
    clock.advance(400_000)
    expect(converged).toBe(1)
  })

  test('when a peer has sent the routes that it deferred for as long as FRR and GoBGP do (RFC 4724 §4.1)', () => {
    nodeWith([A])
    const peer = connect(A, { ...RESTART, restarting: true })
    clock.advance(365_000)
    expect(converged).toBe(0)
    end(peer, EVPN)
    expect(converged).toBe(1)
  })

  test('not while the only peer is away, and the wait for its End-of-RIB begins anew when it is back', () => {
    nodeWith([A], { headlessSeconds: 86_400 })
    connect(A, RESTART)
    clock.advance(200_000)
    network.reset(ip(NODE), ip(A))
    clock.advance(1_000_000)
    expect(converged).toBe(0)
    const back = connect(A, { ...RESTART, restarting: true })
    clock.advance(365_000)
    expect(converged).toBe(0)
    end(back, EVPN)
    expect(converged).toBe(1)
  })

  test('without one that an operator disables', () => {
    const node = nodeWith([A, B], { clusterId: ip(NODE) })
    end(connect(A, RESTART), EVPN)
    clock.advance(100_000)
    expect(converged).toBe(0)
    node.peers.get(ip(B))!.disable('maintenance')
    clock.advance(100)
    expect(converged).toBe(1)
  })

  describe('with a peer that is added meanwhile and never answers', () => {
    const add = (node: Speaker, ...all: readonly PeerConfig[]) => {
      void node.setPeers(all)
      clock.advance(100)
    }
    const [OLD, NEW] = [A, B].map((address) => peerConfig(address, { passive: true })) as [
      PeerConfig,
      PeerConfig,
    ]

    test('a while after it was added, where another one is complete', () => {
      const node = nodeWith([A])
      const first = connect(A, RESTART)
      clock.advance(60_000)
      add(node, OLD, NEW)
      expect(node.convergence.awaited()).toHaveLength(2)
      end(first, EVPN)
      clock.advance(9_000)
      expect(converged).toBe(0)
      clock.advance(1_500)
      expect(converged).toBe(1)
    })

    test.each([
      ['that replaces the only one', () => [NEW]],
      ['whose families no other has', () => [OLD, { ...NEW, families: [EVPN, VPNV4] }]],
    ])('when the time for End-of-RIB is over, %s', (_, peers) => {
      const node = nodeWith([A])
      end(connect(A, { ...RESTART, restarting: true }))
      clock.advance(100_000)
      add(node, ...peers())
      clock.advance(310_000)
      expect(converged).toBe(0)
      clock.advance(120_000)
      expect(converged).toBe(1)
    })

    test('no later than without it, however often peers are added', () => {
      const node = nodeWith([A])
      connect(A, { ...RESTART, restarting: true })
      for (let i = 0; i < 42; i++) {
        expect(converged).toBe(0)
        clock.advance(9_900)
        add(node, OLD, { ...NEW, address: ip(`10.77.0.${20 + i}`) })
      }
      expect(converged).toBe(1)
    })
  })

  test('where clients may come from anywhere, when they had time to', () => {
    nodeWith([], {
      clusterId: ip(NODE),
      dynamicPeers: [{ prefix: { ip: ip('10.77.0.0'), length: 24 }, template: peerConfig(A), limit: 10 }],
    })
    end(connect(A, RESTART), EVPN)
    clock.advance(170_000)
    expect(converged).toBe(0)
    clock.advance(20_000)
    expect(converged).toBe(1)
  })

  test('at once where there are no peers', () => {
    nodeWith([])
    clock.settle()
    expect(converged).toBe(1)
  })

  test('not before listeners have been notified of each', () => {
    const notified: string[] = []
    const node = speakerAt(NODE, [peerConfig(A, { passive: true })], clock, network, {}, () =>
      notified.push('complete'),
    )
    node.subscribe({ routeChanged: () => notified.push('a route'), routeGone: () => {} }, rt('64512:10'))
    const peer = connect(A, RESTART)
    const w = new Writer()
    writeEndOfRib(w, EVPN)
    peer.send(Buffer.concat([update(WELL_KNOWN + TARGET + MP_REACH), w.copy()]))
    clock.advance(100)
    expect(notified).toEqual(['a route', 'complete'])
  })
})

describe('received routes may be older than attachments of this start', () => {
  test('until ten seconds after the first peer is complete', () => {
    const { convergence } = nodeWith([A, B])
    connect(A, null)
    clock.advance(9_800)
    expect(convergence.newsUntil).toBe(Number.POSITIVE_INFINITY)
    clock.advance(200)
    const { newsUntil } = convergence
    expect(newsUntil - clock.now()).toBeGreaterThan(9_000)
    end(connect(B, RESTART), EVPN)
    expect(convergence.newsUntil).toBe(newsUntil)
  })

  test('but not when a session that was up comes again', () => {
    const { convergence } = nodeWith([A])
    connect(A, null)
    network.reset(ip(NODE), ip(A))
    clock.advance(100)
    expect(convergence.newsUntil).toBeLessThan(clock.now())
    connect(A, null)
    clock.advance(60_000)
    expect(convergence.newsUntil).toBeLessThan(clock.now() - 60_000)
  })
})
