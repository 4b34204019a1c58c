import { beforeEach, describe, expect, test } from 'vitest'
import { type Attributes, noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN, type Family, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import type { GracefulRestart, LongLivedFamily } from '../../src/bgp/message/capability.ts'
import { ceaseWithText, encodeNotification } from '../../src/bgp/message/notification.ts'
import { writeEndOfRib, writeReach, writeUnreach } from '../../src/bgp/message/pack.ts'
import { encodeRouteRefresh, RefreshKind } from '../../src/bgp/message/route-refresh.ts'
import { localSource, newSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import type { DaemonEvent } from '../../src/events/event.ts'
import { parseMac } from '../../src/values/mac.ts'
import { internalAttributes, openOf, RawPeer, RESTART } from '../support/raw-peer.ts'
import { Collector, ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

/** The graceful restart capability of a daemon that has not restarted and waits for no peer. */
const FRESH_START = {
  timeSeconds: 120,
  families: [EVPN],
  isRestart: false,
  holdsEndOfRib: false,
  followsOthers: false,
}

const A = '10.77.0.11'
const B = '10.77.0.12'
const RED = rt('64512:10')
const MAC1 = '02:00:00:00:01:01'
const MAC2 = '02:00:00:00:01:02'
const MAC3 = '02:00:00:00:01:03'
const macText = (mac: string): string => `${parseMac(mac)}`

let clock: VirtualClock
let network: VirtualNetwork
let speaker: Speaker
let red: Collector

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  speaker = speakerAt(A, [peerConfig(B, { passive: true })], clock, network)
  red = new Collector()
  speaker.subscribe(red, RED)
})

const restart = (changes: Partial<GracefulRestart> = {}): GracefulRestart => ({
  ...RESTART,
  ...changes,
})

/** A peer that connects and advertises these capabilities. */
function peerWith(gracefulRestart: GracefulRestart | null, longLived: LongLivedFamily[] = []): RawPeer {
  const capabilities = {
    ...openOf().capabilities,
    gracefulRestart,
    longLivedGracefulRestart: longLived,
    enhancedRouteRefresh: true,
  }
  const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179).behave({ capabilities })
  clock.advance(100)
  return peer
}

function advertise(
  peer: RawPeer,
  macs: readonly string[],
  communities: number[] | null = null,
  changes: Partial<Attributes> = {},
): void {
  const w = new Writer()
  const attributes = internalAttributes({
    extendedCommunities: [RED],
    communities,
    ...changes,
  })
  writeReach(
    w,
    EVPN,
    ip(B),
    macs.map((mac) => macRoute(B, mac, null)),
    attributes,
    DEFAULT_CONTEXT,
  )
  peer.send(w.copy())
  clock.advance(100)
}

function end(peer: RawPeer, ...families: readonly Family[]): void {
  peer.write((w) => {
    for (const family of families) writeEndOfRib(w, family)
  })
  clock.advance(100)
}

const lose = (): void => {
  network.reset(ip(A), ip(B))
  clock.advance(100)
}

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
    ['is a restart where both said so (RFC 8538)', true, cease, 1],
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

describe('routes of a lost reflector', () => {
  const C = '10.77.0.14'
  const ONE = { originatorId: 0x0a4d0015, clusterList: [1] }
  const TWO = { originatorId: 0x0a4d0016, clusterList: [1] }
  let both: Collector
  let first: RawPeer
  let second: RawPeer

  const connect = (from: string, gracefulRestart: GracefulRestart | null): RawPeer => {
    const capabilities = { ...openOf().capabilities, gracefulRestart }
    const peer = RawPeer.connect(network.transport, ip(from), ip('10.77.0.13'), 179).behave({ capabilities })
    clock.advance(100)
    return peer
  }
  const macs = (): string[] =>
    [...both.routes.values()].map(({ nlri }) => ('mac' in nlri ? `${nlri.mac}` : ''))

  beforeEach(() => {
    const peers = [peerConfig(B, { passive: true }), peerConfig(C, { passive: true })]
    const node = speakerAt('10.77.0.13', peers, clock, network)
    both = new Collector()
    node.subscribe(both, RED)
    first = connect(B, restart())
    second = connect(C, null)
  })

  const loseFirst = (): void => {
    network.reset(ip('10.77.0.13'), ip(B))
    clock.advance(100)
  }

  test('is gone when another one withdraws it', () => {
    advertise(first, [MAC1], null, ONE)
    advertise(second, [MAC1], null, ONE)
    loseFirst()
    expect(both.routes.size).toBe(1)
    second.write((w) => writeUnreach(w, EVPN, [macRoute(B, MAC1, null)], DEFAULT_CONTEXT))
    clock.advance(100)
    expect(both.routes.size).toBe(0)
  })

  test('is gone when its originator itself withdraws it', () => {
    advertise(first, [MAC1], null, { ...ONE, originatorId: openOf().identifier })
    advertise(second, [MAC1], null)
    loseFirst()
    second.write((w) => writeUnreach(w, EVPN, [macRoute(B, MAC1, null)], DEFAULT_CONTEXT))
    clock.advance(100)
    expect(both.routes.size).toBe(0)
  })

  test('stays where it is of another originator than the one withdrawn', () => {
    advertise(first, [MAC1], null, ONE)
    advertise(second, [MAC1], null, TWO)
    loseFirst()
    second.write((w) => writeUnreach(w, EVPN, [macRoute(B, MAC1, null)], DEFAULT_CONTEXT))
    clock.advance(100)
    expect(both.routes.size).toBe(1)
  })

  test.each([
    ['is gone where it is to the same next hop', '10.77.0.21', '10.77.0.21', 0],
    ['stays where it is to another', '10.77.0.21', '10.77.0.22', 1],
    ['stays where it is to the reflector itself', B, B, 1],
  ])('of an external peer, when another one withdraws it, %s', (_, passedOn, withdrawn, left) => {
    const attributes: Attributes = internalAttributes({
      extendedCommunities: [RED],
    })
    const nlri = [macRoute(B, MAC1, null)]
    const send = (peer: RawPeer, write: (w: Writer) => void): void => {
      peer.write(write)
      clock.advance(100)
    }
    send(first, (w) => writeReach(w, EVPN, ip(passedOn), nlri, attributes, DEFAULT_CONTEXT))
    send(second, (w) => writeReach(w, EVPN, ip(withdrawn), nlri, attributes, DEFAULT_CONTEXT))
    loseFirst()
    send(second, (w) => writeUnreach(w, EVPN, nlri, DEFAULT_CONTEXT))
    expect(both.routes.size).toBe(left)
  })

  test('is gone at once where another one knows its originator and does not have it, if that is up for long', () => {
    advertise(first, [MAC1, MAC2], null, ONE)
    advertise(second, [MAC2], null, ONE)
    advertise(first, [MAC3], null, TWO)
    clock.advance(181_000)
    loseFirst()
    expect(macs().sort()).toEqual([macText(MAC2), macText(MAC3)].sort())
  })

  test('stays where the other one has only just come up', () => {
    advertise(first, [MAC1, MAC2], null, ONE)
    advertise(second, [MAC2], null, ONE)
    loseFirst()
    expect(both.routes.size).toBe(2)
  })
})

describe('route refresh', () => {
  test('re-advertises the routes (RFC 2918)', () => {
    const source = localSource('EVI-1')
    speaker.originate(source, EVPN, macRoute(A, MAC1, null), { extendedCommunities: [RED] })
    const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179).behave({
      capabilities: { ...openOf().capabilities, families: [EVPN] },
    })
    clock.advance(1000)
    const advertised = (): number => peer.of('update').filter(({ update }) => update.reach.length > 0).length
    expect(advertised()).toBe(1)
    peer.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request }))
    clock.advance(1000)
    expect(advertised()).toBe(2)
    expect(peer.of('route-refresh')).toEqual([])
  })

  test('between markers where both know them (RFC 7313)', () => {
    const peer = peerWith(null)
    peer.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request }))
    clock.advance(1000)
    expect(peer.of('route-refresh').map(({ refresh }) => refresh.kind)).toEqual([
      RefreshKind.Begin,
      RefreshKind.End,
    ])
  })

  test('a peer that re-advertises all routes loses those that it omits', () => {
    const peer = peerWith(null)
    advertise(peer, [MAC1, MAC2])
    peer.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Begin }))
    advertise(peer, [MAC2])
    expect(red.routes.size).toBe(2)
    peer.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.End }))
    clock.advance(100)
    expect([...red.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC2, null)])
  })

  test('takes nothing away before its end, also where a restart ends meanwhile', () => {
    advertise(peerWith(restart()), [MAC1, MAC2])
    lose()
    const again = peerWith(restart({ restarting: true }))
    advertise(again, [MAC1])
    end(again, ROUTE_TARGET, EVPN)
    again.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Begin }))
    clock.advance(15_000)
    expect([...red.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC1, null)])
    again.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.End }))
    clock.advance(100)
    expect(red.routes.size).toBe(0)
  })

  test('can be asked for', () => {
    const peer = peerWith(null)
    expect(speaker.peers.get(ip(B))!.requestRefresh(EVPN)).toBe(true)
    clock.advance(100)
    expect(peer.of('route-refresh').map(({ refresh }) => refresh)).toEqual([
      { family: EVPN, kind: RefreshKind.Request },
    ])
  })

  test('of a wrong length is answered with 7/1 (RFC 7313 §5)', () => {
    const peer = peerWith(null)
    const message = encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Begin })
    peer.send(
      Buffer.concat([message.subarray(0, 16), Buffer.from([0, 24]), message.subarray(18), Buffer.of(0)]),
    )
    clock.advance(100)
    expect(peer.notification).toBe('7/1')
  })
})

describe('our own restart (RFC 4724 §4.1)', () => {
  test('is advertised for as long as it may take, with what was kept', () => {
    const local = speakerAt('10.77.0.13', [peerConfig(B, { passive: true })], clock, network, {
      restart: {
        timeSeconds: 120,
        families: [EVPN],
        isRestart: true,
        holdsEndOfRib: true,
        followsOthers: false,
      },
    })
    const source = localSource('EVI-1')
    const peer = RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave({
      capabilities: { ...openOf().capabilities, families: [EVPN] },
    })
    clock.advance(1000)
    expect(peer.of('open')[0]!.open.capabilities.gracefulRestart).toEqual({
      restarting: true,
      notification: true,
      restartTimeSeconds: 120,
      families: [{ family: EVPN, forwarding: true }],
    })
    local.originate(source, EVPN, macRoute('10.77.0.13', MAC1, null), { extendedCommunities: [RED] })
    clock.advance(1000)
    const ends = (): number => peer.of('update').filter(({ update }) => update.endOfRib !== null).length
    expect(ends()).toBe(0)
    local.routesComplete()
    clock.advance(100)
    expect(ends()).toBe(1)
  })

  test.each([
    ['leaves without a word a peer that would take one for the end', false, undefined],
    ['says goodbye to one that keeps our routes all the same (RFC 8538)', true, '6/2'],
  ])('%s', (_, notification, farewell) => {
    const local = speakerAt('10.77.0.13', [peerConfig(B, { passive: true })], clock, network, {
      restart: FRESH_START,
    })
    const capabilities = { ...openOf().capabilities, gracefulRestart: restart({ notification }) }
    const peer = RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave({ capabilities })
    clock.advance(1000)
    local.stop('upgrade')
    clock.advance(1000)
    expect(peer.closed).toBe(true)
    expect(peer.notification).toBe(farewell)
  })

  test('a session that comes again finds the forwarding of the last one', () => {
    speakerAt('10.77.0.13', [peerConfig(B, { passive: true })], clock, network, {
      restart: FRESH_START,
    })
    const kept = [1, 2].map(() => {
      const peer = RawPeer.connect(network.transport, ip(B), ip('10.77.0.13'), 179).behave()
      clock.advance(1000)
      network.reset(ip('10.77.0.13'), ip(B))
      clock.advance(1000)
      return peer.of('open')[0]!.open.capabilities.gracefulRestart?.families[0]?.forwarding
    })
    expect(kept).toEqual([false, true])
  })
})

describe('a reflector that restarts and waits for us (RFC 4724 §4.1)', () => {
  const NODE = '10.77.0.13'
  const advertised = (peer: RawPeer): number =>
    peer.of('update').flatMap(({ update }) => update.reach.filter(({ family }) => family === EVPN)).length

  test.each([
    ['gets everything without having asked', true, 1],
    ['otherwise gets it only when it has sent its memberships', false, 0],
  ])('%s', (_, restarting, reported) => {
    const node = speakerAt(NODE, [peerConfig(B, { passive: true })], clock, network)
    node.originate(localSource('EVI-1'), EVPN, macRoute(NODE, MAC1, null), { extendedCommunities: [RED] })
    const peer = RawPeer.connect(network.transport, ip(B), ip(NODE), 179).behave({
      capabilities: { ...openOf().capabilities, gracefulRestart: restart({ restarting }) },
    })
    clock.advance(1000)
    expect(advertised(peer)).toBe(reported)
    const ended = (): boolean => peer.of('update').some(({ update }) => update.endOfRib === EVPN)
    expect(ended()).toBe(restarting)
    // it wants nothing of all that
    end(peer, ROUTE_TARGET)
    clock.advance(1000)
    const withdrawn = peer.of('update').flatMap(({ update }) => update.unreach.flatMap(({ nlri }) => nlri))
    expect(withdrawn).toHaveLength(reported)
  })
})

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
    advertise(before, [MAC1], null, { originatorId: 0x0a4d0015, clusterList: [1] })
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

  test('a peer that is back is not believed too early: it may have to hear from others first', () => {
    advertise(connect(B), [MAC1, MAC2])
    cut(B)
    const again = connect(B)
    advertise(again, [MAC2])
    end(again, ROUTE_TARGET, EVPN)
    clock.advance(170_000)
    expect(held.routes.size).toBe(2)
    clock.advance(20_000)
    expect([...held.routes.values()].map(({ nlri }) => nlri)).toEqual([macRoute(B, MAC2, null)])
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
    advertise(connect(B), [MAC1])
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
