import { describe, expect, test } from 'vitest'
import { noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { EVPN, type Family, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import { ceaseWithText, encodeNotification } from '../../src/bgp/message/notification.ts'
import { newSource } from '../../src/bgp/rib/route.ts'
import { openOf, RawPeer } from '../support/raw-peer.ts'
import { Collector, ip, macRoute, peerConfig, speakerAt } from '../support/speakers.ts'
import {
  A,
  advertise,
  B,
  clock,
  end,
  lose,
  MAC1,
  MAC2,
  network,
  peerWith,
  RED,
  red,
  restart,
  speaker,
} from './restart-setup.ts'

describe('a peer that restarts (RFC 4724 §4.2)', () => {
  test('keeps its routes while it is away, for as long as it asked', () => {
    advertise(peerWith(restart()), [MAC1])
    lose()
    clock.advance(119_000)
    expect(red.routes.size).toBe(1)
    clock.advance(2_000)
    expect(red.routes.size).toBe(0)
  })

  test('loses at End-of-RIB the routes that it did not re-advertise', () => {
    advertise(peerWith(restart()), [MAC1, MAC2])
    lose()
    const again = peerWith(restart({ restarting: true }))
    advertise(again, [MAC2])
    expect(red.routes.size).toBe(2)
    end(again, ROUTE_TARGET, EVPN)
    // GoBGP says End-of-RIB before it has read our memberships
    clock.advance(9_000)
    expect(red.routes.size).toBe(2)
    clock.advance(2_000)
    expect([...red.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC2, null)])
  })

  test('loses at End-of-RIB what it did not pass on again', () => {
    const passedOn = { originatorId: 0x0a4d0015, clusterList: [1] }
    advertise(peerWith(restart()), [MAC1], null, passedOn)
    lose()
    const again = peerWith(restart())
    end(again, ROUTE_TARGET, EVPN)
    clock.advance(11_000)
    expect(red.routes.size).toBe(0)
  })

  test('that never sends End-of-RIB loses the rest after the deadline', () => {
    advertise(peerWith(restart()), [MAC1])
    lose()
    peerWith(restart({ restarting: true }))
    clock.advance(410_000)
    expect(red.routes.size).toBe(1)
    clock.advance(20_000)
    expect(red.routes.size).toBe(0)
  })

  test('and defers its routes for as long as FRR and GoBGP do loses none (RFC 4724 §4.1)', () => {
    let gone = 0
    red.routeGone = () => gone++
    advertise(peerWith(restart()), [MAC1])
    lose()
    const again = peerWith(restart({ restarting: true }))
    clock.advance(365_000)
    advertise(again, [MAC1])
    end(again, ROUTE_TARGET, EVPN)
    clock.advance(60_000)
    expect(gone).toBe(0)
  })

  test('is waited for to the second, and so is its End-of-RIB', () => {
    let goneAt = 0
    red.routeGone = ({ key }) => {
      red.routes.delete(key)
      goneAt = clock.now()
    }
    const { staleRoutes, sessions } = speaker.peers.get(ip(B))!
    expect(staleRoutes.since).toBeNull()
    advertise(peerWith(restart()), [MAC1])
    const lostAt = clock.now()
    const lostEpoch = clock.epoch()
    lose()
    expect(staleRoutes.since).toBe(lostEpoch)
    clock.advance(120_000)
    expect(goneAt - lostAt).toBe(120_000)
    expect(staleRoutes.since).toBeNull()

    advertise(peerWith(restart()), [MAC1])
    lose()
    advertise(peerWith(restart()), [])
    const { establishedAt } = sessions
    clock.advance(420_000)
    expect(goneAt - establishedAt!).toBe(420_000)

    advertise(peerWith(restart()), [MAC1])
    lose()
    const again = peerWith(restart())
    const endedAt = clock.now()
    end(again, ROUTE_TARGET, EVPN)
    clock.advance(20_000)
    // a millisecond on the way, and the time for it to read our memberships
    expect(goneAt - endedAt).toBe(10_001)
  })

  test('and has fewer families now loses those that it does not advertise any more', () => {
    const families = [EVPN, VPNV4]
    const node = speakerAt('10.77.0.15', [peerConfig(B, { passive: true, families })], clock, network)
    const all = new Collector()
    node.subscribe(all, RED)
    const connect = (named: readonly Family[]): RawPeer => {
      const capabilities = { ...openOf().capabilities, families: [...named], gracefulRestart: restart() }
      const peer = RawPeer.connect(network.transport, ip(B), ip('10.77.0.15'), 179)
      peer.behave({ capabilities })
      clock.advance(100)
      return peer
    }
    advertise(connect(families), [MAC1])
    network.reset(ip('10.77.0.15'), ip(B))
    clock.advance(100)
    expect(all.routes.size).toBe(1)
    connect([VPNV4])
    expect(all.routes.size).toBe(0)
  })

  test('that did not keep its forwarding loses everything when it is back', () => {
    advertise(peerWith(restart()), [MAC1])
    lose()
    peerWith(restart({ families: [{ family: EVPN, forwarding: false }] }))
    expect(red.routes.size).toBe(0)
  })

  test('that is lost again before End-of-RIB keeps only routes received since', () => {
    advertise(peerWith(restart()), [MAC1, MAC2])
    lose()
    advertise(peerWith(restart()), [MAC2])
    lose()
    expect([...red.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC2, null)])
  })

  test.each([
    ['without the capability', null],
    ['with it for no family', restart({ families: [] })],
  ])('%s loses everything at once', (_, capability) => {
    advertise(peerWith(capability), [MAC1])
    lose()
    expect(red.routes.size).toBe(0)
  })

  test('is back before its loss was noticed: the new connection takes over, and nothing flaps', () => {
    advertise(peerWith(restart()), [MAC1])
    clock.advance(10_000)
    const again = peerWith(restart({ restarting: true }))
    clock.advance(3000)
    expect(speaker.peers.get(ip(B))!.sessions.state).toBe('Established')
    expect(red.routes.size).toBe(1)
    expect(again.notification).toBeUndefined()
  })
})

test('a peer whose hold timer expires is kept for half a minute: it is dead or cut off, not restarting', () => {
  const capabilities = { ...openOf().capabilities, gracefulRestart: restart({ notification: true }) }
  const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179).behave({ capabilities })
  clock.advance(100)
  advertise(peer, [MAC1])
  peer.onMessage = () => {}
  clock.advance(89_000)
  expect(peer.notification).toBeUndefined()
  clock.advance(2_000)
  expect(peer.notification).toBe('4/0')
  expect(red.routes.size).toBe(1)
  clock.advance(27_000)
  expect(red.routes.size).toBe(1)
  clock.advance(5_000)
  expect(red.routes.size).toBe(0)
})

describe('a NOTIFICATION from a peer that restarts', () => {
  const cease = encodeNotification(ceaseWithText(2, 'upgrade'))
  const hardReset = encodeNotification(ceaseWithText(9, ''))

  test.each([
    ['ends everything in RFC 4724', false, cease, 0],
    ['is a restart where both have that capability (RFC 8538)', true, cease, 1],
    ['is the end when it is a Hard Reset', true, hardReset, 0],
  ])('%s', (_, notification, message, kept) => {
    const peer = peerWith(restart({ notification }))
    advertise(peer, [MAC1])
    peer.send(message)
    clock.advance(100)
    expect(red.routes.size).toBe(kept)
  })
})

describe('long-lived graceful restart (RFC 9494)', () => {
  test('is not advertised: routes of a peer that asks for it stay for its restart time', () => {
    const peer = peerWith(restart(), [{ family: EVPN, forwarding: true, staleTimeSeconds: 3600 }])
    expect(peer.of('open')[0]!.open.capabilities.longLivedGracefulRestart).toEqual([])
    advertise(peer, [MAC1])
    lose()
    clock.advance(121_000)
    expect(red.routes.size).toBe(0)
  })
})

describe('a stale route', () => {
  const other = newSource('other', {
    address: ip('10.77.0.99'),
    as: 64512,
    internal: true,
    isClient: false,
    identifier: ~0 >>> 0,
  })

  const sourceOf = (): string | undefined => [...red.routes.values()][0]?.source.name
  /** Another peer has the route, with a lower LOCAL_PREF and these communities. */
  const otherHas = (communities: number[] | null): void => {
    const attributes = {
      ...noAttributes(),
      origin: 0,
      asPath: [],
      localPref: 50,
      extendedCommunities: [RED],
      communities,
    }
    const set = speaker.rib.pool.originated(attributes, ip('10.77.0.99'))
    speaker.rib.advertise(other, EVPN, macRoute(B, MAC1, null), 0, set)
    clock.advance(100)
  }

  test('loses at once to any other, until it is re-advertised', () => {
    advertise(peerWith(restart()), [MAC1])
    otherHas(null)
    expect(sourceOf()).toBe(`BGP-${B}`)
    lose()
    expect(sourceOf()).toBe('other')
    advertise(peerWith(restart({ restarting: true })), [MAC1])
    expect(sourceOf()).toBe(`BGP-${B}`)
  })

  test('of another speaker (LLGR_STALE) counts alike (RFC 9494 §4.3)', () => {
    otherHas(null)
    advertise(peerWith(null), [MAC1], [0xffff0006])
    expect(sourceOf()).toBe('other')
  })
})
