import { beforeEach, describe, expect, test } from 'vitest'
import { type Attributes, noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { Afi, EVPN, type Family, VPNV4 } from '../../src/bgp/family.ts'
import { type Capabilities, noCapabilities } from '../../src/bgp/message/capability.ts'
import { decodeMessage } from '../../src/bgp/message/index.ts'
import { writeReach } from '../../src/bgp/message/pack.ts'
import { encodeRouteRefresh, RefreshKind } from '../../src/bgp/message/route-refresh.ts'
import type { Update } from '../../src/bgp/message/update.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import type { VpnPrefix } from '../../src/bgp/nlri/vpn.ts'
import { AdjRibOut } from '../../src/bgp/rib/adj-rib-out.ts'
import { exportPolicy } from '../../src/bgp/rib/export-policy.ts'
import { Rib } from '../../src/bgp/rib/rib.ts'
import { localSource, newSource, type Route } from '../../src/bgp/rib/route.ts'
import { negotiate } from '../../src/bgp/session/negotiate.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { Framer } from '../../src/bgp/wire/framer.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { noEvents } from '../support/events.ts'
import { openOf, RawPeer } from '../support/raw-peer.ts'
import { ip, macRoute, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'
const MAC = '02:00:00:00:01:01'
const SHORT = macRoute(A, MAC, null)
const LONG = macRoute(A, MAC, '192.168.10.1')
const source = localSource('EVI-1')

/** An attribute that no speaker knows, with a value of that many octets. */
const bulk = (octets: number): Partial<Attributes> => ({
  extendedCommunities: [rt('64512:10')],
  unknown: [{ code: 200, flags: 0xc0, value: '\0'.repeat(octets) }],
})

const attributesWith = (changes: Partial<Attributes>): Attributes => ({
  ...noAttributes(),
  origin: 0,
  asPath: [],
  localPref: 100,
  ...changes,
})

/** How long a message with one NLRI is without the value of `bulk`. */
const CONTEXT = { ...DEFAULT_CONTEXT, maxMessageLength: 65535 }
const messageLength = (octets: number): number => {
  const w = new Writer()
  writeReach(w, EVPN, ip(A), [SHORT], attributesWith(bulk(octets)), CONTEXT)
  return w.length
}
const OVERHEAD = messageLength(1000) - 1000

let clock: VirtualClock
let network: VirtualNetwork

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
})

const advertised = (speaker: Speaker): string[] =>
  [...speaker.peers.get(ip(B))!.routesOut.routes()].map(text).sort()
const withheld = (speaker: Speaker): string[] =>
  [...speaker.peers.get(ip(B))!.routesOut.withheld()].map(({ route }) => text(route)).sort()
const text = ({ family, nlri }: Pick<Route, 'family' | 'nlri'>): string => nlriCodec(family)!.format(nlri)
const format = (nlri: typeof SHORT): string => text({ family: EVPN, nlri })

function connected(families: readonly Family[], changes: Partial<Capabilities> = {}): [Speaker, RawPeer] {
  const speaker = speakerAt(A, [peerConfig(B, { passive: true, families })], clock, network)
  clock.advance(100)
  const capabilities = { ...noCapabilities(), families: [...families], fourOctetAs: 64512, ...changes }
  const peer = RawPeer.connect(network.transport, ip(B), ip(A), 179).behave({ identifier: 2, capabilities })
  clock.advance(100)
  return [speaker, peer]
}

describe('a route that just fits a message', () => {
  test.each([4096, 65535])('of %i octets is packed, one octet more is not (RFC 8654 §4)', (limit) => {
    const context = { ...DEFAULT_CONTEXT, maxMessageLength: limit }
    const pack = (octets: number): [number, number, number[]] => {
      const w = new Writer()
      const unfit: number[] = []
      const updates = writeReach(w, EVPN, ip(A), [SHORT], attributesWith(bulk(octets)), context, (index) =>
        unfit.push(index),
      )
      return [updates, w.length, unfit]
    }
    expect(pack(limit - OVERHEAD)).toEqual([1, limit, []])
    expect(pack(limit - OVERHEAD + 1)).toEqual([0, 0, [0]])
  })

  test('leaves its longer neighbours behind, and they do not take it along (RFC 4271 §9.2)', () => {
    const [speaker, peer] = connected([EVPN])
    speaker.originate(source, EVPN, LONG, bulk(4096 - OVERHEAD))
    speaker.originate(source, EVPN, SHORT, bulk(4096 - OVERHEAD))
    clock.advance(100)
    expect(peer.of('update').flatMap(({ update }) => update.reach.flatMap(({ nlri }) => nlri))).toEqual([
      SHORT,
    ])
    expect([advertised(speaker), withheld(speaker)]).toEqual([[format(SHORT)], [format(LONG)]])
    expect(speaker.peers.get(ip(B))!.routesOut.counters.withheld).toBe(1)
  })

  test('is withdrawn when it grows, and is back when it shrinks', () => {
    const [speaker, peer] = connected([EVPN])
    speaker.originate(source, EVPN, SHORT, bulk(100))
    clock.advance(100)
    speaker.originate(source, EVPN, SHORT, bulk(5000))
    clock.advance(100)
    expect([advertised(speaker), withheld(speaker)]).toEqual([[], [format(SHORT)]])
    expect(peer.of('update').at(-1)!.update.unreach).toHaveLength(1)
    speaker.originate(source, EVPN, SHORT, bulk(100))
    clock.advance(100)
    expect([advertised(speaker), withheld(speaker)]).toEqual([[format(SHORT)], []])
    speaker.originate(source, EVPN, SHORT, bulk(5000))
    clock.advance(100)
    speaker.withdraw(source, EVPN, SHORT)
    clock.advance(100)
    expect([advertised(speaker), withheld(speaker)]).toEqual([[], []])
  })
})

test('a route that fits no message counts once, however often the peer asks for it', () => {
  const [speaker, peer] = connected([EVPN], { routeRefresh: true })
  const { routesOut } = speaker.peers.get(ip(B))!
  speaker.originate(source, EVPN, SHORT, bulk(5000))
  clock.advance(100)
  for (let i = 0; i < 3; i++) {
    peer.send(encodeRouteRefresh({ family: EVPN, kind: RefreshKind.Request }))
    clock.advance(100)
  }
  expect([withheld(speaker), routesOut.counters.withheld]).toEqual([[format(SHORT)], 1])
})

describe('VPN-IPv4 with an IPv6 next hop (RFC 8950 §4)', () => {
  const prefix: VpnPrefix = { ip: ip('10.1.0.0'), length: 16, rd: ipv4Rd(ip(A), 1), label: 0x101 }
  const originate = (speaker: Speaker, nextHop: string): void => {
    speaker.originate(source, VPNV4, prefix, { extendedCommunities: [rt('64512:10')] }, ip(nextHop))
    clock.advance(100)
  }

  test('does not go to a peer without the capability for it', () => {
    const [speaker] = connected([VPNV4])
    originate(speaker, '2001:db8::1')
    expect([advertised(speaker).length, withheld(speaker).length]).toEqual([0, 1])
    originate(speaker, A)
    expect([advertised(speaker).length, withheld(speaker).length]).toEqual([1, 0])
    originate(speaker, '2001:db8::1')
    expect([advertised(speaker).length, withheld(speaker).length]).toEqual([0, 1])
  })

  test('goes to one that has it', () => {
    const extendedNextHop = [{ family: VPNV4, nextHopAfi: Afi.Ipv6 }]
    const [speaker] = connected([VPNV4], { extendedNextHop })
    originate(speaker, '2001:db8::1')
    expect([advertised(speaker).length, withheld(speaker).length]).toEqual([1, 0])
  })
})

test('End-of-RIB, and other families, do not wait for routes that change without end', () => {
  const rib = new Rib(clock)
  const policy = exportPolicy({
    rib,
    localAs: 64512,
    localIdentifier: 1,
    localAddress: ip(A),
    peer: newSource('BGP-B', null),
    isExternal: false,
    isAccepted: true,
    isClient: false,
    clusterId: null,
  })
  const capabilities = { ...noCapabilities(), families: [VPNV4, EVPN], fourOctetAs: 64512 }
  let round = 0
  const ends: number[] = []
  const outlet = {
    unsent: () => 0,
    sendUpdates(bytes: Buffer) {
      const framer = new Framer()
      framer.push(bytes)
      for (let frame = framer.next(); frame !== null; frame = framer.next()) {
        const { update } = decodeMessage(frame, DEFAULT_CONTEXT) as { update: Update }
        if (update.endOfRib !== null) ends.push(round)
      }
    },
    sendRefresh() {},
  }
  const out = new AdjRibOut(clock, rib, policy, outlet, false, 'BGP-B', noEvents)
  const prefixes = Array.from({ length: 2500 }, (_, i): VpnPrefix => {
    return { ip: ip(`10.0.${i >> 8}.${i & 0xff}`), length: 32, rd: ipv4Rd(ip(A), 1), label: 0x101 }
  })
  const turn = (): void => {
    round++
    const set = rib.pool.originated(attributesWith({ multiExitDisc: round }), ip(A))
    for (const prefix of prefixes) rib.advertise(source, VPNV4, prefix, 0, set)
    rib.advertise(source, EVPN, SHORT, 0, set)
    if (round < 60) clock.soon(turn)
  }
  const set = rib.pool.originated(attributesWith({}), ip(A))
  for (const prefix of prefixes) rib.advertise(source, VPNV4, prefix, 0, set)
  clock.advance(0)
  out.start(negotiate(openOf({ capabilities }), openOf({ capabilities })))
  clock.after(5, turn)
  clock.advance(1000)
  expect([round, ends.length]).toEqual([60, 2])
  expect(ends[1]).toBeLessThan(30)
})

test('a change leaves at once, and those that follow it closely leave together', () => {
  const [speaker, peer] = connected([EVPN])
  const sent = () => peer.of('update').map(({ update }) => update.reach.flatMap(({ nlri }) => nlri))
  const other = macRoute(A, '02:00:00:00:01:02', null)
  const before = sent().length
  speaker.originate(source, EVPN, SHORT, bulk(10))
  clock.advance(2)
  expect(sent().slice(before)).toEqual([[SHORT]])
  speaker.originate(source, EVPN, LONG, bulk(10))
  clock.advance(1)
  speaker.originate(source, EVPN, other, bulk(10))
  clock.advance(10)
  expect(sent().slice(before)).toEqual([[SHORT], [LONG, other]])
})
