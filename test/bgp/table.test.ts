import { beforeEach, describe, expect, test } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN, type Family, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { type Capabilities, noCapabilities } from '../../src/bgp/message/capability.ts'
import { writeEndOfRib, writeReach, writeUnreach } from '../../src/bgp/message/pack.ts'
import { encodeRouteRefresh, RefreshKind } from '../../src/bgp/message/route-refresh.ts'
import { membership } from '../../src/bgp/nlri/route-target.ts'
import { localSource, type Route } from '../../src/bgp/rib/route.ts'
import type { PeerConfig } from '../../src/bgp/session/peer-config.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { Writer } from '../../src/bgp/wire/writer.ts'
import { internalAttributes, RawPeer, RESTART } from '../support/raw-peer.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'
const C = '10.77.0.13'
const RED = rt('64512:10')
const MACS = ['02:00:00:00:01:01', '02:00:00:00:01:02', '02:00:00:00:01:03', '02:00:00:00:01:04'] as const
/** Of the route that both peers advertise. */
const RD = '10.0.0.1'

let clock: VirtualClock
let network: VirtualNetwork

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
})

function speaker(changes: Partial<PeerConfig> = {}): Speaker {
  const started = speakerAt(
    A,
    [B, C].map((peer) => peerConfig(peer, { passive: true, ...changes })),
    clock,
    network,
  )
  clock.advance(100)
  return started
}

function connect(address: string, identifier: number, changes: Partial<Capabilities> = {}): RawPeer {
  const capabilities = {
    ...noCapabilities(),
    families: [EVPN],
    fourOctetAs: 64512,
    gracefulRestart: RESTART,
    ...changes,
  }
  const peer = RawPeer.connect(network.transport, ip(address), ip(A), 179).behave({
    identifier,
    capabilities,
  })
  clock.advance(100)
  return peer
}

function send(peer: RawPeer, write: (w: Writer) => void): void {
  peer.write(write)
  clock.advance(100)
}

function advertise(peer: RawPeer, macs: readonly string[], changes: Partial<Attributes> = {}): void {
  const attributes = internalAttributes({
    extendedCommunities: [RED],
    ...changes,
  })
  const nlri = macs.map((mac) => macRoute(RD, mac, null))
  send(peer, (w) => writeReach(w, EVPN, ip(RD), nlri, attributes, DEFAULT_CONTEXT))
}

const end = (peer: RawPeer, family: Family): void => send(peer, (w) => writeEndOfRib(w, family))

function lose(address: string): void {
  network.reset(ip(A), ip(address))
  clock.advance(100)
}

describe('a route that is re-advertised as it was', () => {
  const best = ({ rib }: Speaker): string => {
    const [route] = rib.best(EVPN) as Iterable<Route>
    return route!.source.name
  }

  test('is stale no more', () => {
    const a = speaker()
    advertise(connect(B, 2), [MACS[0]], { localPref: 200 })
    advertise(connect(C, 3), [MACS[0]])
    expect(best(a)).toBe(`BGP-${B}`)
    lose(B)
    expect(best(a)).toBe(`BGP-${C}`)
    const again = connect(B, 2)
    expect(best(a)).toBe(`BGP-${C}`)
    advertise(again, [MACS[0]], { localPref: 200 })
    expect(best(a)).toBe(`BGP-${B}`)
  })

  test.each([
    ['lower to higher', 2, 4, C],
    ['higher to lower', 4, 2, B],
  ])('is compared by the identifier that its peer has now: %s', (_, before, after, winner) => {
    const a = speaker()
    advertise(connect(B, before), [MACS[0]])
    advertise(connect(C, 3), [MACS[0]])
    lose(B)
    const again = connect(B, after)
    expect(best(a)).toBe(`BGP-${C}`)
    advertise(again, [MACS[0]])
    expect(best(a)).toBe(`BGP-${winner}`)
  })
})

test('a membership that a refresh did not bring again filters no more (RFC 7313 §4)', () => {
  const a = speaker()
  a.originate(localSource('EVI-1'), EVPN, macRoute(A, MACS[0], null), { extendedCommunities: [RED] })
  const capabilities = { families: [EVPN, ROUTE_TARGET], routeRefresh: true, enhancedRouteRefresh: true }
  const peer = connect(B, 2, { ...capabilities, gracefulRestart: null })
  const attributes = internalAttributes()
  send(peer, (w) => writeReach(w, ROUTE_TARGET, ip(B), [membership(64512, RED)], attributes, DEFAULT_CONTEXT))
  const advertised = (): number => [...a.peers.get(ip(B))!.routesOut.routes()].length
  expect(advertised()).toBe(1)
  peer.send(encodeRouteRefresh({ family: ROUTE_TARGET, kind: RefreshKind.Begin }))
  clock.advance(100)
  expect(advertised()).toBe(1)
  peer.send(encodeRouteRefresh({ family: ROUTE_TARGET, kind: RefreshKind.End }))
  clock.advance(100)
  expect(advertised()).toBe(0)
})

describe('the limit of routes', () => {
  const isUp = ({ peers }: Speaker): boolean => peers.get(ip(B))!.sessions.state === 'Established'

  test('is one of what the peer advertises since it is back', () => {
    const a = speaker({ maxPrefixes: 3 })
    advertise(connect(B, 2), MACS.slice(0, 2))
    lose(B)
    const again = connect(B, 2)
    advertise(again, MACS.slice(2))
    expect([isUp(a), [...a.rib.best(EVPN)].length]).toEqual([true, 4])
    end(again, EVPN)
    expect([isUp(a), [...a.rib.best(EVPN)].length]).toEqual([true, 2])
  })

  test('counts no more what it withdraws', () => {
    const a = speaker({ maxPrefixes: 3 })
    const peer = connect(B, 2)
    advertise(peer, MACS.slice(0, 3))
    send(peer, (w) => writeUnreach(w, EVPN, [macRoute(RD, MACS[0], null)], DEFAULT_CONTEXT))
    advertise(peer, MACS.slice(3))
    expect(isUp(a)).toBe(true)
    advertise(peer, MACS.slice(0, 1))
    expect(isUp(a)).toBe(false)
  })

  test('counts what it re-advertises, and what it does not withdraw in a refresh', () => {
    const a = speaker({ maxPrefixes: 3 })
    advertise(connect(B, 2), MACS.slice(0, 3))
    lose(B)
    const again = connect(B, 2, { routeRefresh: true, enhancedRouteRefresh: true })
    advertise(again, MACS.slice(0, 3))
    end(again, EVPN)
    again.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Begin }))
    clock.advance(100)
    advertise(again, MACS.slice(0, 3))
    expect(isUp(a)).toBe(true)
    advertise(again, MACS.slice(3))
    expect(isUp(a)).toBe(false)
  })
})
