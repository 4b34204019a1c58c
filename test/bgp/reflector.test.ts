import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { localSource, type Route } from '../../src/bgp/rib/route.ts'
import { PEER_DEFAULTS } from '../../src/bgp/session/peer-config.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { SpeakerConfig } from '../../src/bgp/speaker-config.ts'
import { Collector, ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR = '10.77.0.1'
const A = '10.77.0.11'
const B = '10.77.0.12'
const C = '10.77.0.13'
const RED = rt('64512:10')
const MAC = '02:00:00:00:01:01'
const CLIENT = { reflectorClient: true, passive: true }

let clock: VirtualClock
let network: VirtualNetwork

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
})

const node = (address: string, peers: readonly string[], changes: Partial<SpeakerConfig> = {}): Speaker =>
  speakerAt(
    address,
    peers.map((peer) => peerConfig(peer)),
    clock,
    network,
    changes,
  )

const reflector = (address: string, clients: readonly string[], others: readonly string[] = []): Speaker =>
  speakerAt(
    address,
    [...clients.map((peer) => peerConfig(peer, CLIENT)), ...others.map((peer) => peerConfig(peer))],
    clock,
    network,
    { clusterId: ip(address) },
  )

function advertise(speaker: Speaker, address: string): void {
  speaker.originate(localSource('EVI-1'), EVPN, macRoute(address, MAC, null), { extendedCommunities: [RED] })
}

/** Routes that others brought. */
class Learnt extends Collector {
  override routeChanged(route: Route): void {
    if (route.source.peer !== null) super.routeChanged(route)
  }
}

function importing(speaker: Speaker): Collector {
  const collector = new Learnt()
  speaker.subscribe(collector, RED)
  return collector
}

describe('a route reflector (RFC 4456)', () => {
  test('passes routes from client to client, marked, with their next hop', () => {
    reflector(RR, [A, B])
    const [a, b] = [node(A, [RR]), node(B, [RR])]
    advertise(a, A)
    const red = importing(b)
    clock.advance(2000)
    const [route] = red.routes.values()
    expect(route).toBeDefined()
    expect(route!.set.nextHop).toBe(ip(A))
    expect(route!.set.attributes).toMatchObject({ originatorId: 0x0a4d000b, clusterList: [0x0a4d0001] })
  })

  test('sends no route without an importer', () => {
    const rr = reflector(RR, [A, B])
    const [a, b] = [node(A, [RR]), node(B, [RR])]
    advertise(a, A)
    clock.advance(2000)
    expect([...rr.rib.best(EVPN)]).toEqual([])
    expect([...b.rib.best(EVPN)]).toEqual([])
  })

  test('withdraws with the client that goes', () => {
    reflector(RR, [A, B])
    const [a, b] = [node(A, [RR]), node(B, [RR])]
    advertise(a, A)
    const red = importing(b)
    clock.advance(2000)
    a.stop('bye')
    clock.advance(1000)
    expect(red.routes.size).toBe(0)
  })

  test('advertises only routes of clients to peers that are no clients', () => {
    reflector(RR, [A], [B, C])
    const a = node(A, [RR])
    const [b, c] = [node(B, [RR]), node(C, [RR])]
    advertise(b, B)
    const [atClient, atOther] = [importing(a), importing(c)]
    clock.advance(10_000)
    expect([atClient.routes.size, atOther.routes.size]).toEqual([1, 0])
    advertise(a, A)
    clock.advance(100)
    expect([atClient.routes.size, atOther.routes.size]).toEqual([1, 1])
  })

  test('two in one cluster make no loop', () => {
    const second = '10.77.0.2'
    const cluster = { clusterId: ip(RR) }
    const clients = [A, B].map((peer) => peerConfig(peer, CLIENT))
    speakerAt(RR, [...clients, peerConfig(second)], clock, network, cluster)
    const other = speakerAt(second, [...clients, peerConfig(RR)], clock, network, cluster)
    const [a, b] = [node(A, [RR, second]), node(B, [RR, second])]
    advertise(a, A)
    const red = importing(b)
    clock.advance(20_000)
    expect(red.routes.size).toBe(1)
    expect(other.peers.get(ip(RR))!.routesIn.counters.looped).toBeGreaterThan(0)
    a.stop('bye')
    clock.advance(1000)
    expect(red.routes.size).toBe(0)
  })

  test('in a row of clusters passes routes on once', () => {
    const second = '10.77.0.2'
    reflector(RR, [A], [second])
    reflector(second, [B], [RR])
    const [a, b] = [node(A, [RR]), node(B, [second])]
    advertise(a, A)
    const red = importing(b)
    clock.advance(20_000)
    expect([...red.routes.values()][0]!.set.attributes.clusterList).toEqual([0x0a4d0002, 0x0a4d0001])
  })

  test('a client stays reachable while one of its two reflectors dies', () => {
    const second = '10.77.0.2'
    reflector(RR, [A, B])
    const other = reflector(second, [A, B])
    const [a, b] = [node(A, [RR, second]), node(B, [RR, second])]
    advertise(a, A)
    const red = importing(b)
    clock.advance(20_000)
    let gone = 0
    red.routeGone = ({ key }) => {
      gone++
      red.routes.delete(key)
    }
    other.stop('maintenance')
    clock.advance(5000)
    expect([red.routes.size, gone]).toEqual([1, 0])
  })
})

describe('neighbours of a prefix', () => {
  const template = { ...PEER_DEFAULTS, as: 64512, families: [EVPN, ROUTE_TARGET], reflectorClient: true }
  const prefix = { ip: ip('10.77.0.0'), length: 24 }

  const openReflector = (limit: number): Speaker =>
    speakerAt(RR, [], clock, network, { clusterId: ip(RR), dynamicPeers: [{ prefix, template, limit }] })

  test('are taken as they come, and forgotten as they go', () => {
    const rr = openReflector(100)
    const [a, b] = [node(A, [RR]), node(B, [RR])]
    advertise(a, A)
    const red = importing(b)
    clock.advance(2000)
    expect(red.routes.size).toBe(1)
    expect(rr.peers.size).toBe(2)
    a.stop('bye')
    clock.advance(1000)
    expect([rr.peers.size, red.routes.size]).toEqual([1, 0])
  })

  test('are not taken from elsewhere, nor more than the limit', () => {
    const rr = openReflector(1)
    node('10.78.0.1', [RR])
    node(A, [RR])
    node(B, [RR])
    clock.advance(60_000)
    expect([...rr.peers.keys()]).toHaveLength(1)
  })

  test('connect to the local address of their prefix', async () => {
    const local = '10.78.0.1'
    const group = { prefix: { ip: ip('10.78.0.0'), length: 24 }, limit: 10 }
    const rr = speakerAt(RR, [], clock, network, {
      dynamicPeers: [{ ...group, template: { ...template, localAddress: ip(local) } }],
    })
    await rr.listeners.open()
    const client = node('10.78.0.11', [local])
    clock.advance(2000)
    expect(
      [rr, client].map(({ peers }) => [...peers.values()].map(({ sessions }) => sessions.state)),
    ).toEqual([['Established'], ['Established']])
  })

  test('that never get as far as a session leave nothing behind', () => {
    const rr = openReflector(100)
    speakerAt(A, [peerConfig(RR, { as: 64513 })], clock, network, { as: 64513 })
    clock.advance(300_000)
    expect(rr.peers.size).toBe(0)
  })
})

describe('an external peer', () => {
  function pair(external: 'accept' | 'reject'): readonly [Speaker, Speaker, Collector] {
    const a = speakerAt(A, [peerConfig(B, { as: 65000, external })], clock, network)
    const b = speakerAt(B, [peerConfig(A, { external: 'accept', passive: true })], clock, network, {
      as: 65000,
    })
    advertise(a, A)
    const red = importing(b)
    clock.advance(2000)
    return [a, b, red]
  }

  test('without policy gets no route, and none of its routes is used (RFC 8212)', () => {
    const [a, b, red] = pair('reject')
    expect(red.routes.size).toBe(0)
    const blue = importing(a)
    advertise(b, B)
    clock.advance(2000)
    expect(blue.routes.size).toBe(0)
    const { dropped, counters } = a.peers.get(ip(B))!.routesIn
    expect([...dropped].map(({ reason }) => reason)).toEqual([
      'no policy lets routes of its AS in (RFC 8212)',
    ])
    expect(counters.rejected).toBe(1)
  })

  test('gets our AS in front, and no LOCAL_PREF', () => {
    const [, , red] = pair('accept')
    const [route] = red.routes.values()
    expect(route!.set.attributes).toMatchObject({ asPath: [{ type: 2, asns: [64512] }], localPref: null })
  })
})
