import { beforeEach, describe, expect, test } from 'vitest'
import { AsSegmentType } from '../../src/bgp/attribute/values.ts'
import { EVPN, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import type { GracefulRestart } from '../../src/bgp/message/capability.ts'
import { encodeRouteRefresh, RefreshKind } from '../../src/bgp/message/route-refresh.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { DaemonEvent } from '../../src/events/event.ts'
import { openOf, RawPeer } from '../support/raw-peer.ts'
import { Collector, ip, macRoute, peerConfig, speakerAt } from '../support/speakers.ts'
import { advertise, B, clock, end, MAC1, MAC2, network, RED, restart } from './restart-setup.ts'

describe('without any session (headless)', () => {
  const HEADLESS = 3600
  const C = '10.77.0.14'
  let held: Collector
  let completed: number
  let local: Speaker
  let reported: string[]

  beforeEach(() => {
    completed = 0
    reported = []
    const events = {
      emit: ({ type }: DaemonEvent) => void (type.startsWith('headless') && reported.push(type)),
    }
    const peers = [peerConfig(B, { passive: true }), peerConfig(C, { passive: true })]
    local = speakerAt(
      '10.77.0.13',
      peers,
      clock,
      network,
      { headlessSeconds: HEADLESS },
      () => completed++,
      events,
    )
    held = new Collector()
    local.subscribe(held, RED)
  })

  /** Of a route that a reflector passes on. */
  const REFLECTED = { originatorId: 0x0a4d0015, clusterList: [1] }

  const connect = (from: string): RawPeer => {
    const peer = RawPeer.connect(network.transport, ip(from), ip('10.77.0.13'), 179).behave()
    clock.advance(100)
    return peer
  }
  const cut = (from: string): void => {
    network.reset(ip('10.77.0.13'), ip(from))
    clock.advance(100)
  }

  test('the routes of the last peer stay for the time that is configured', () => {
    advertise(connect(B), [MAC1])
    cut(B)
    clock.advance(HEADLESS * 1000 - 1000)
    expect(held.routes.size).toBe(1)
    expect(reported).toEqual(['headless-began'])
    clock.advance(2000)
    expect(held.routes.size).toBe(0)
    expect(reported).toEqual(['headless-began', 'headless-ended'])
  })

  test('it is over with the first session', () => {
    advertise(connect(B), [MAC1])
    cut(B)
    expect(reported).toEqual(['headless-began'])
    connect(C)
    expect(reported).toEqual(['headless-began', 'headless-ended'])
  })

  test('those of one that is not the last go at once', () => {
    end(connect(C), ROUTE_TARGET, EVPN)
    advertise(connect(B), [MAC1])
    clock.advance(181_000)
    cut(B)
    expect(held.routes.size).toBe(0)
  })

  test('a peer that has only just come up does not stand in for one that is lost', () => {
    advertise(connect(B), [MAC1])
    clock.advance(300_000)
    end(connect(C), ROUTE_TARGET, EVPN)
    clock.advance(5_000)
    cut(B)
    clock.advance(170_000)
    expect(held.routes.size).toBe(1)
    clock.advance(20_000)
    expect(held.routes.size).toBe(0)
  })

  test('a reflector that restarts and sends End-of-RIB before its other clients are back loses none of theirs', () => {
    const withRestart = (restarting: boolean): RawPeer =>
      RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave({
        capabilities: { ...openOf().capabilities, gracefulRestart: restart({ restarting }) },
      })
    const before = withRestart(false)
    clock.advance(100)
    advertise(before, [MAC1], null, REFLECTED)
    advertise(before, [MAC2])
    cut(B)
    const after = withRestart(true)
    clock.advance(100)
    end(after, ROUTE_TARGET, EVPN)
    clock.advance(11_000)
    // its own route is gone; what it passes on of a client that is not back yet stays
    expect([...held.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC1, null)])
    clock.advance(181_000)
    expect(held.routes.size).toBe(0)
  })

  test('routes of the peer itself are gone soon after its End-of-RIB', () => {
    advertise(connect(B), [MAC1])
    cut(B)
    end(connect(B), ROUTE_TARGET, EVPN)
    clock.advance(11_000)
    expect(held.routes.size).toBe(0)
  })

  test('an external peer may have to receive what it passes on first', () => {
    const external = openOf({
      as: 64513,
      capabilities: { ...openOf().capabilities, fourOctetAs: 64513 },
    })
    void local.setPeers([peerConfig(B, { passive: true, as: 64513, external: 'accept' })])
    const again = () => {
      const peer = RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave(external)
      clock.advance(100)
      return peer
    }
    const before = again()
    const through = (...asns: number[]) => ({
      asPath: [{ type: AsSegmentType.Sequence, asns }],
      localPref: null,
    })
    advertise(before, [MAC1], null, through(64513))
    advertise(before, [MAC2], null, through(64513, 64514))
    cut(B)
    end(again(), ROUTE_TARGET, EVPN)
    clock.advance(11_000)
    expect([...held.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC2, null)])
    clock.advance(181_000)
    expect(held.routes.size).toBe(0)
  })

  test('a peer that is back is not believed too early: it may have to receive from others first', () => {
    advertise(connect(B), [MAC1, MAC2], null, REFLECTED)
    cut(B)
    const again = connect(B)
    advertise(again, [MAC2])
    end(again, ROUTE_TARGET, EVPN)
    clock.advance(170_000)
    expect(held.routes.size).toBe(2)
    clock.advance(20_000)
    expect([...held.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC2, null)])
  })

  test('nor is its route refresh (RFC 7313)', () => {
    advertise(connect(B), [MAC1], null, REFLECTED)
    cut(B)
    const capabilities = { ...openOf().capabilities, enhancedRouteRefresh: true }
    const again = RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave({ capabilities })
    clock.advance(100)
    advertise(again, [MAC2])
    end(again, ROUTE_TARGET, EVPN)
    for (const kind of [RefreshKind.Begin, RefreshKind.End])
      again.send(encodeRouteRefresh({ family: EVPN, kind }))
    clock.advance(170_000)
    expect([...held.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC1, null)])
    clock.advance(20_000)
    expect(held.routes.size).toBe(0)
  })

  test('another peer that knows the family takes over', () => {
    advertise(connect(B), [MAC1])
    cut(B)
    const other = connect(C)
    end(other, ROUTE_TARGET, EVPN)
    clock.advance(170_000)
    expect(held.routes.size).toBe(1)
    clock.advance(20_000)
    expect(held.routes.size).toBe(0)
  })

  test('losing the session once more loses nothing', () => {
    advertise(connect(B), [MAC1])
    cut(B)
    const { staleRoutes } = local.peers.get(ip(B))!
    const { since } = staleRoutes
    advertise(connect(B), [MAC2])
    cut(B)
    expect(held.routes.size).toBe(2)
    clock.advance(HEADLESS * 1000 - 1000)
    expect(held.routes.size).toBe(2)
    expect([staleRoutes.isHeadless, staleRoutes.since]).toEqual([true, since])
    clock.advance(2000)
    expect(held.routes.size).toBe(0)
    expect([staleRoutes.isHeadless, staleRoutes.since]).toEqual([false, null])
  })

  test('reliable peers are checked three minutes after the loss, and every five seconds from then on', () => {
    let goneAt = 0
    held.routeGone = () => {
      goneAt = clock.now()
    }
    advertise(connect(B), [MAC1])
    const lostAt = clock.now()
    cut(B)
    clock.advance(6900)
    end(connect(C), ROUTE_TARGET, EVPN)
    clock.advance(300_000)
    expect(goneAt - lostAt).toBe(190_000)
  })

  test('a peer that is back is relied on three minutes after its End-of-RIB', () => {
    let goneAt = 0
    held.routeGone = () => {
      goneAt = clock.now()
    }
    advertise(connect(B), [MAC1], null, REFLECTED)
    cut(B)
    const again = connect(B)
    clock.advance(50_000)
    const endedAt = clock.now()
    end(again, ROUTE_TARGET, EVPN)
    clock.advance(300_000)
    expect(goneAt - endedAt).toBe(180_001)
  })

  test('a reflector whose forwarding was not kept has no forwarding to lose', () => {
    const reflector = RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave({
      capabilities: { ...openOf().capabilities, gracefulRestart: restart() },
    })
    clock.advance(100)
    advertise(reflector, [MAC1])
    cut(B)
    RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave({
      capabilities: {
        ...openOf().capabilities,
        gracefulRestart: restart({ families: [{ family: EVPN, forwarding: false }] }),
      },
    })
    clock.advance(1000)
    expect(held.routes.size).toBe(1)
  })

  test.each([true, false])(
    'a peer that defers its routes after a restart is waited for; it kept its forwarding: %s',
    (forwarding) => {
      const connectWith = (changes: Partial<GracefulRestart>): RawPeer => {
        const capabilities = { ...openOf().capabilities, gracefulRestart: restart(changes) }
        const peer = RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave({ capabilities })
        clock.advance(100)
        return peer
      }
      advertise(connectWith({}), [MAC1])
      cut(B)
      const again = connectWith({ restarting: true, families: [{ family: EVPN, forwarding }] })
      clock.advance(350_000)
      expect(held.routes.size).toBe(1)
      advertise(again, [MAC1])
      end(again, ROUTE_TARGET, EVPN)
      clock.advance(600_000)
      expect(held.routes.size).toBe(1)
    },
  )

  test('the End-of-RIB of a peer that is lost again does not count for another one', () => {
    advertise(connect(B), [MAC1])
    cut(B)
    connect(B)
    end(connect(C), ROUTE_TARGET, EVPN)
    clock.advance(60_000)
    cut(C)
    clock.advance(300_000)
    expect(held.routes.size).toBe(1)
    clock.advance(100_000)
    expect(held.routes.size).toBe(0)
  })

  test('a family that is kept without having been asked for outlives the restart time of others', () => {
    const families = [EVPN, VPNV4]
    const node = speakerAt('10.77.0.15', [peerConfig(B, { passive: true, families })], clock, network, {
      headlessSeconds: HEADLESS,
    })
    const all = new Collector()
    node.subscribe(all, RED)
    const peer = RawPeer.connect(network.transport, ip(B), ip('10.77.0.15'), 179).behave({
      capabilities: {
        ...openOf().capabilities,
        families,
        gracefulRestart: restart({ families: [{ family: VPNV4, forwarding: true }] }),
      },
    })
    clock.advance(100)
    advertise(peer, [MAC1])
    network.reset(ip('10.77.0.15'), ip(B))
    clock.advance(121_000)
    expect(all.routes.size).toBe(1)
    clock.advance(HEADLESS * 1000 - 122_000)
    expect(all.routes.size).toBe(1)
    clock.advance(10_000)
    expect(all.routes.size).toBe(0)
  })

  test('a peer that the operator disables is let go of', () => {
    advertise(connect(B), [MAC1])
    local.peers.get(ip(B))!.disable('maintenance')
    clock.advance(100)
    expect(held.routes.size).toBe(0)
  })

  test('initial convergence needs a session, or that time', () => {
    clock.advance(HEADLESS * 1000 - 1000)
    expect(completed).toBe(0)
    clock.advance(2000)
    expect(completed).toBe(1)
  })

  test('from the first session on the usual wait counts', () => {
    clock.advance(1_000_000)
    RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave({
      capabilities: { ...openOf().capabilities, gracefulRestart: restart() },
    })
    clock.advance(410_000)
    expect(completed).toBe(0)
    clock.advance(20_000)
    expect(completed).toBe(1)
  })
})
