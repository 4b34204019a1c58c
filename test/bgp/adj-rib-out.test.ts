import { describe, expect, test } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN, type Family, ROUTE_TARGET, VPNV4 } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { writeEndOfRib, writeReach, writeUnreach } from '../../src/bgp/message/pack.ts'
import { encodeRouteRefresh, RefreshKind } from '../../src/bgp/message/route-refresh.ts'
import { membership } from '../../src/bgp/nlri/route-target.ts'
import type { Writer } from '../../src/bgp/wire/writer.ts'
import { internalAttributes, RawPeer, RESTART } from '../support/raw-peer.ts'
import { ip, macRoute } from '../support/speakers.ts'
import {
  A,
  B,
  BLUE,
  clock,
  connect,
  MAC1,
  MAC2,
  network,
  originate,
  RED,
  received,
  source,
  speaker,
  vpnRoute,
} from './adj-rib-out-setup.ts'

const macEnd = (number: number): string =>
  [number >> 8, number & 0xff].map((octet) => octet.toString(16).padStart(2, '0')).join(':')

function send(peer: RawPeer, write: (w: Writer) => void): void {
  peer.write(write)
}

const ask = (peer: RawPeer, ...targets: readonly (typeof RED)[]): void =>
  send(peer, (w) => {
    const attributes: Attributes = internalAttributes()
    const wanted = targets.map((target) => membership(64512, target))
    writeReach(w, ROUTE_TARGET, ip(B), wanted, attributes, DEFAULT_CONTEXT)
  })

const askNoMore = (peer: RawPeer, target: typeof RED): void =>
  send(peer, (w) => void writeUnreach(w, ROUTE_TARGET, [membership(64512, target)], DEFAULT_CONTEXT))

const end = (peer: RawPeer, family: Family): void => send(peer, (w) => writeEndOfRib(w, family))

function lose(): void {
  network.reset(ip(A), ip(B))
  clock.advance(100)
}

describe('a new session gets no messages of the lost one:', () => {
  test('no route that was about to leave and is gone', () => {
    connect()
    originate(MAC1)
    clock.advance(2)
    network.reset(ip(A), ip(B))
    clock.advance(100)
    speaker.withdraw(source, EVPN, macRoute(A, MAC1, null))
    clock.advance(100)
    expect(received(connect())).toEqual([EVPN])
  })

  test('no refresh that it asked for', () => {
    originate(MAC1)
    const first = connect()
    const refresh = encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request })
    first.send(refresh, refresh)
    clock.advance(2)
    lose()
    const second = connect()
    expect(received(second)).toEqual(['+20000000101', EVPN])
    expect(second.of('route-refresh')).toEqual([])
  })

  test('none of the memberships', () => {
    originate(MAC1)
    const first = connect([EVPN, ROUTE_TARGET])
    ask(first, RED)
    end(first, ROUTE_TARGET)
    clock.advance(100)
    expect(received(first)).toContain('+20000000101')
    lose()
    expect(received(connect([EVPN, ROUTE_TARGET]))).not.toContain('+20000000101')
  })

  test('and it waits for no memberships that only the lost one had', () => {
    originate(MAC1)
    for (let i = 0; i < 3; i++) {
      RawPeer.connect(network.transport, ip(B), ip(A), 179).behave({
        identifier: 12,
        capabilities: { ...noCapabilities(), families: [EVPN, ROUTE_TARGET], fourOctetAs: 64512 },
      })
      clock.advance(6 + i)
      lose()
    }
    expect(received(connect())).toEqual(['+20000000101', EVPN])
  })
})

describe('a refresh (RFC 7313 §4)', () => {
  const request = encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request })
  const kinds = (peer: RawPeer): number[] => peer.of('route-refresh').map(({ refresh }) => refresh.kind)

  test('that is asked for again and again meanwhile is made once more after it', () => {
    originate(MAC1)
    const peer = connect()
    peer.send(request, request, request)
    clock.advance(100)
    expect(kinds(peer)).toEqual([RefreshKind.Begin, RefreshKind.End, RefreshKind.Begin, RefreshKind.End])
    expect(received(peer)).toEqual(['+20000000101', EVPN, '+20000000101', '+20000000101'])
  })

  test('has no markers where the peer knows none, and no End-of-RIB', () => {
    originate(MAC1)
    const peer = connect([EVPN], { enhancedRouteRefresh: false })
    peer.send(request)
    clock.advance(100)
    expect([received(peer), kinds(peer)]).toEqual([['+20000000101', EVPN, '+20000000101'], []])
  })

  test('of a family that was not agreed is not made', () => {
    const peer = connect()
    peer.send(encodeRouteRefresh({ family: VPNV4, kind: RefreshKind.Request }))
    clock.advance(100)
    expect(kinds(peer)).toEqual([])
  })
})

describe('route target constraint (RFC 4684)', () => {
  test('memberships leave first, and routes when those of the peer are known', () => {
    originate(MAC1)
    originate(MAC2, BLUE)
    const peer = connect([EVPN, ROUTE_TARGET], { gracefulRestart: RESTART })
    expect(received(peer)).toEqual([ROUTE_TARGET])
    ask(peer, RED)
    clock.advance(1000)
    expect(received(peer)).toEqual([ROUTE_TARGET])
    end(peer, ROUTE_TARGET)
    clock.advance(100)
    expect(received(peer)).toEqual([ROUTE_TARGET, '+20000000101', EVPN])
  })

  test('routes wait a minute for the memberships of a peer that does not end them', () => {
    originate(MAC1)
    const peer = connect([EVPN, ROUTE_TARGET], { gracefulRestart: RESTART })
    const at = new Map<number, number>()
    peer.onMessage = (message) => {
      if (message.type === 'update' && message.update.endOfRib !== null)
        at.set(message.update.endOfRib, clock.now())
    }
    lose()
    const second = RawPeer.connect(network.transport, ip(B), ip(A), 179)
    second.behave({
      identifier: 12,
      capabilities: {
        ...noCapabilities(),
        families: [EVPN, ROUTE_TARGET],
        fourOctetAs: 64512,
        gracefulRestart: RESTART,
      },
    })
    const { onMessage } = second
    second.onMessage = (message) => {
      if (message.type === 'update' && message.update.endOfRib !== null)
        at.set(message.update.endOfRib, clock.now())
      onMessage(message)
    }
    clock.advance(61_000)
    expect(at.get(EVPN)! - at.get(ROUTE_TARGET)!).toBe(60_000)
  })

  test('routes come and go with the memberships', () => {
    originate(MAC1)
    originate(MAC2, BLUE)
    const peer = connect([EVPN, ROUTE_TARGET])
    clock.advance(100)
    expect(received(peer)).toEqual([ROUTE_TARGET, EVPN])
    for (const step of [
      () => ask(peer, RED, BLUE),
      () => askNoMore(peer, RED),
      () => askNoMore(peer, BLUE),
      () => ask(peer, BLUE),
    ]) {
      step()
      clock.advance(100)
    }
    expect(received(peer).slice(2)).toEqual([
      '+20000000101',
      '+20000000102',
      '-20000000101',
      '-20000000102',
      '+20000000102',
    ])
  })
})

describe('changes', () => {
  test('leave at once after a pause, then gather for five milliseconds', () => {
    const peer = connect()
    const begun = clock.now()
    const received: [ms: number, routes: number][] = []
    peer.onMessage = (message) => {
      if (message.type === 'update')
        received.push([clock.now() - begun, message.update.reach.flatMap(({ nlri }) => nlri).length])
    }
    for (const mac of [MAC1, MAC2, '02:00:00:00:01:03']) {
      originate(mac)
      clock.advance(2)
    }
    clock.advance(100)
    // a millisecond on the way
    expect(received).toEqual([
      [1, 1],
      [6, 2],
    ])
  })

  test('of one family all leave, however many, beside those of others', () => {
    const peer = connect([EVPN, VPNV4])
    for (let i = 0; i < 2500; i++) originate(`02:00:00:01:${macEnd(i)}`)
    speaker.originate(source, VPNV4, vpnRoute(1), { extendedCommunities: [RED] })
    clock.advance(100)
    expect(received(peer).filter((one) => `${one}`.startsWith('+'))).toHaveLength(2500)
    expect([...speaker.peers.get(ip(B))!.routesOut.routes()]).toHaveLength(2501)
    lose()
    expect([...speaker.peers.get(ip(B))!.routesOut.routes()]).toEqual([])
  })
})

test('a peer that does not read has few octets of long routes wait for it', () => {
  const peer = connect()
  network.cut(ip(A), ip(B))
  for (let i = 0; i < 600; i++) {
    const communities = Array.from({ length: 900 }, (_, k) => i * 900 + k)
    const attributes = internalAttributes({ communities })
    const set = speaker.rib.pool.originated({ ...attributes, extendedCommunities: [RED] }, ip(A))
    speaker.rib.advertise(source, EVPN, macRoute(A, `02:00:00:01:${macEnd(i)}`, null), 0, set)
  }
  clock.advance(1000)
  const { unsent } = speaker.peers.get(ip(B))!.sessions.session!
  expect(unsent).toBeGreaterThan(500_000)
  expect(unsent).toBeLessThan(1_200_000)
  network.mend(ip(A), ip(B))
  clock.advance(1000)
  expect(received(peer).filter((one) => `${one}`.startsWith('+'))).toHaveLength(600)
})
