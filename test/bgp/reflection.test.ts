import { beforeEach, describe, expect, test } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { EVPN, ROUTE_TARGET } from '../../src/bgp/family.ts'
import type { EthernetSegmentRoute } from '../../src/bgp/nlri/evpn/type4.ts'
import { membership, WILDCARD } from '../../src/bgp/nlri/route-target.ts'
import { localSource, type Route } from '../../src/bgp/rib/route.ts'
import type { PeerConfig } from '../../src/bgp/session/peer-config.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import type { SpeakerConfig } from '../../src/bgp/speaker-config.ts'
import type { Esi } from '../../src/bgp/values/esi.ts'
import type { RouteTarget } from '../../src/bgp/values/extended-community.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { Collector, ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RR1 = '10.77.0.1'
const RR2 = '10.77.0.2'
const A = '10.77.0.11'
const B = '10.77.0.12'
const EXTERNAL = '10.77.0.21'
const OTHER_EXTERNAL = '10.77.0.22'
const RED = rt('64512:10')
const BLUE = rt('64512:99')
const CLIENT = { reflectorClient: true, passive: true }

let clock: VirtualClock
let network: VirtualNetwork

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
})

const at = (address: string, peers: readonly PeerConfig[], changes: Partial<SpeakerConfig> = {}): Speaker =>
  speakerAt(address, peers, clock, network, changes)

const reflector = (address: string, peers: readonly PeerConfig[]): Speaker =>
  at(address, peers, { clusterId: ip(address) })

const clients = (...addresses: readonly string[]): PeerConfig[] =>
  addresses.map((address) => peerConfig(address, CLIENT))

/** A client of these reflectors. */
const node = (address: string, ...reflectors: readonly string[]): Speaker =>
  at(
    address,
    reflectors.map((peer) => peerConfig(peer)),
  )

function advertise(
  speaker: Speaker,
  address: string,
  mac: string,
  attributes: Partial<Attributes> = {},
): void {
  speaker.originate(localSource('EVI-1'), EVPN, macRoute(address, mac, null), {
    extendedCommunities: [RED],
    ...attributes,
  })
}

/** Routes of other speakers. */
class Received extends Collector {
  override routeChanged(route: Route): void {
    if (route.source.peer !== null) super.routeChanged(route)
  }

  get nextHops(): unknown[] {
    return [...this.routes.values()].map(({ set }) => set.nextHop).sort()
  }
}

function importing(speaker: Speaker, target = RED): Received {
  const received = new Received()
  speaker.subscribe(received, target)
  return received
}

const MAC_A = '02:00:00:00:01:01'
const MAC_B = '02:00:00:00:01:02'
const MAC_X = '02:00:00:00:01:03'

describe('memberships between reflectors (RFC 4684 §3.2)', () => {
  test('a member behind one reflector does not hide those behind the other', () => {
    reflector(RR1, [...clients(A), peerConfig(RR2)])
    reflector(RR2, [...clients(B), peerConfig(RR1)])
    const [a, b] = [node(A, RR1), node(B, RR2)]
    advertise(a, A, MAC_A)
    advertise(b, B, MAC_B)
    const atB = importing(b)
    clock.advance(20_000)
    expect(atB.nextHops).toEqual([ip(A)])
    const atA = importing(a)
    clock.advance(20_000)
    expect([atA.nextHops, atB.nextHops]).toEqual([[ip(B)], [ip(A)]])
    a.unsubscribe(atA, RED)
    clock.advance(20_000)
    expect(atB.nextHops).toEqual([ip(A)])
    b.unsubscribe(atB, RED)
    clock.advance(20_000)
    expect([...a.rib.best(EVPN), ...b.rib.best(EVPN)].filter(({ source }) => source.peer !== null)).toEqual(
      [],
    )
  })

  test('one that comes and goes at once is no change', () => {
    reflector(RR1, clients(A))
    const a = node(A, RR1)
    clock.advance(20_000)
    a.unsubscribe(importing(a), RED)
    clock.advance(20_000)
    expect(a.peers.get(ip(RR1))!.sessions.state).toBe('Established')
  })

  test('a redundant pair bridges nodes that have lost one reflector each', () => {
    reflector(RR1, [...clients(A, B), peerConfig(RR2)])
    reflector(RR2, [...clients(A, B), peerConfig(RR1)])
    const [a, b] = [node(A, RR1, RR2), node(B, RR1, RR2)]
    advertise(a, A, MAC_A)
    advertise(b, B, MAC_B)
    const [atA, atB] = [importing(a), importing(b)]
    clock.advance(20_000)
    network.cut(ip(A), ip(RR2))
    network.cut(ip(B), ip(RR1))
    clock.advance(200_000)
    expect([atA.nextHops, atB.nextHops]).toEqual([[ip(B)], [ip(A)]])
  })
})

describe('a reflector with a client that has no memberships (RFC 4684 §4)', () => {
  const silent = (address: string, ...reflectors: readonly string[]): Speaker =>
    at(
      address,
      reflectors.map((peer) => peerConfig(peer, { families: [EVPN] })),
      { routeTargetConstraint: false },
    )
  test('advertises all existing routes to it', () => {
    reflector(RR1, clients(A, B))
    advertise(silent(A, RR1), A, MAC_A)
    clock.advance(20_000)
    const b = silent(B, RR1)
    clock.advance(20_000)
    expect(macs(b)).toBe(1)
  })

  const macs = ({ rib }: Speaker): number =>
    [...rib.best(EVPN)].filter(({ source }) => source.peer !== null).length

  test('asks the other peers for all routes, as long as that client is there', () => {
    const rr = reflector(RR1, clients(A, B))
    const a = node(A, RR1)
    advertise(a, A, MAC_A)
    importing(a, BLUE)
    clock.advance(20_000)
    expect(macs(rr)).toBe(0)
    const b = silent(B, RR1)
    clock.advance(20_000)
    expect(macs(b)).toBe(1)
    b.stop('bye')
    clock.advance(20_000)
    expect(macs(rr)).toBe(0)
  })

  test('asks across another reflector', () => {
    reflector(RR1, [...clients(A), peerConfig(RR2)])
    reflector(RR2, [...clients(B), peerConfig(RR1)])
    const a = node(A, RR1)
    advertise(a, A, MAC_A)
    const b = silent(B, RR2)
    clock.advance(20_000)
    expect(macs(b)).toBe(1)
  })
})

describe('what memberships cover', () => {
  const ES_IMPORT = '\x06\x02\x02\0\0\0\0\x01' as RouteTarget
  const segment: EthernetSegmentRoute = {
    type: 4,
    rd: ipv4Rd(ip(A), 1),
    esi: '\0\x02\0\0\0\0\x01\0\0\x01' as Esi,
    originator: ip(A),
  }

  test.each([
    ['its ES-Import route target (RFC 7432 §7.6)', [ES_IMPORT], membership(64512, ES_IMPORT), true],
    ['everything', [ES_IMPORT], WILDCARD, true],
    ['everything, where it has no route target at all', null, WILDCARD, true],
    ['another target', [ES_IMPORT], membership(64512, RED), false],
  ])('an Ethernet segment route for a client that asks for %s', (_, extendedCommunities, asked, isDue) => {
    reflector(RR1, clients(A, B))
    const [a, b] = [node(A, RR1), node(B, RR1)]
    clock.advance(20_000)
    a.originate(localSource('ES'), EVPN, segment, { extendedCommunities })
    b.originate(localSource('RTC'), ROUTE_TARGET, asked, {})
    clock.advance(20_000)
    expect([...b.rib.best(EVPN)].map(({ nlri }) => nlri)).toEqual(isDue ? [segment] : [])
  })
})

describe('between a reflector and external peers', () => {
  const AS = 65001
  const OTHER_AS = 65002
  const accepted = { as: AS, external: 'accept', passive: true } as const

  function external(address: string, as: number): Speaker {
    return at(address, [peerConfig(RR1, { external: 'accept' })], { as })
  }

  test('internal peers get a LOCAL_PREF (RFC 4271 §5.1.5)', () => {
    reflector(RR1, [...clients(A), peerConfig(EXTERNAL, accepted)])
    const [a, x] = [node(A, RR1), external(EXTERNAL, AS)]
    const atA = importing(a)
    advertise(x, EXTERNAL, MAC_X, { multiExitDisc: 7 })
    clock.advance(20_000)
    const [route] = atA.routes.values()
    expect(route?.set.attributes).toMatchObject({ localPref: 100, multiExitDisc: 7 })
    expect(a.peers.get(ip(RR1))!.routesIn.counters.treatedAsWithdraw).toBe(0)
  })

  test('a third AS does not get the MED of the second, but does get ours (RFC 4271 §5.1.4)', () => {
    const rr = reflector(RR1, [
      peerConfig(EXTERNAL, accepted),
      peerConfig(OTHER_EXTERNAL, { ...accepted, as: OTHER_AS }),
    ])
    const [x, y] = [external(EXTERNAL, AS), external(OTHER_EXTERNAL, OTHER_AS)]
    const atY = importing(y)
    advertise(x, EXTERNAL, MAC_X, { multiExitDisc: 7 })
    advertise(rr, RR1, MAC_A, { multiExitDisc: 5 })
    clock.advance(20_000)
    const meds = [...atY.routes.values()].map(({ set }) => set.attributes.multiExitDisc)
    expect(meds.sort()).toEqual([5, null])
  })

  test.each([
    ['NO_EXPORT', 0xffffff01],
    ['NO_EXPORT_SUBCONFED', 0xffffff03],
    ['LLGR_STALE', 0xffff0006],
  ])(
    'what is to stay inside the AS is not sent out of it, but reflected as it is: %s (RFC 1997, RFC 9494 §4.6)',
    (_, community) => {
      reflector(RR1, [...clients(A, B), peerConfig(EXTERNAL, accepted)])
      const [a, b] = [node(A, RR1), node(B, RR1)]
      const [atB, atX] = [importing(b), importing(external(EXTERNAL, AS))]
      advertise(a, A, MAC_A, { communities: [community], localPref: 0 })
      advertise(a, A, MAC_B)
      clock.advance(20_000)
      const reflected = [...atB.routes.values()].map(({ set }) => set.attributes)
      expect(reflected).toContainEqual(expect.objectContaining({ communities: [community], localPref: 0 }))
      expect(atX.routes.size).toBe(1)
    },
  )

  test.each([
    ['NO_EXPORT', 0xffffff01, 1, 0],
    ['NO_ADVERTISE', 0xffffff02, 0, 0],
    ['NO_EXPORT_SUBCONFED', 0xffffff03, 1, 0],
    ['none of these', 0xffffff00, 1, 1],
  ])(
    'what is to stay inside the AS is not sent out of it (RFC 1997): %s',
    (_, community, inside, outside) => {
      const rr = reflector(RR1, [...clients(A), peerConfig(EXTERNAL, accepted)])
      const [atA, atX] = [importing(node(A, RR1)), importing(external(EXTERNAL, AS))]
      advertise(rr, RR1, MAC_A, { communities: [community] })
      clock.advance(20_000)
      expect([atA.routes.size, atX.routes.size]).toEqual([inside, outside])
    },
  )

  test('a path of our confederation stays inside it (RFC 5065 §4), as do attributes of reflection', () => {
    reflector(RR1, [...clients(A), peerConfig(EXTERNAL, accepted)])
    const [a, x] = [node(A, RR1), external(EXTERNAL, AS)]
    const atX = importing(x)
    advertise(a, A, MAC_A, {
      multiExitDisc: 5,
      asPath: [
        { type: 3, asns: [65100] },
        { type: 2, asns: [65200] },
      ],
    })
    advertise(a, A, MAC_B, { multiExitDisc: 5, asPath: [{ type: 3, asns: [65100] }] })
    clock.advance(20_000)
    const seen = [...atX.routes.values()].map(({ set: { attributes } }) => attributes)
    expect(seen.map(({ asPath, multiExitDisc }) => [asPath, multiExitDisc])).toEqual([
      [[{ type: 2, asns: [64512, 65200] }], null],
      [[{ type: 2, asns: [64512] }], 5],
    ])
    expect(seen[0]).toMatchObject({ localPref: null, originatorId: null, clusterList: null })
  })

  test('a route that has been through our AS is a loop, from an internal peer too (RFC 4271 §9.1.2)', () => {
    const rr = reflector(RR1, clients(A, B))
    const [a, b] = [node(A, RR1), node(B, RR1)]
    importing(b)
    advertise(a, A, MAC_A, { asPath: [{ type: 2, asns: [AS, 64512] }] })
    clock.advance(20_000)
    expect([...rr.rib.best(EVPN)]).toEqual([])
    expect(rr.peers.get(ip(A))!.routesIn.counters.looped).toBe(1)
  })
})
