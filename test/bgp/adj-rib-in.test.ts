import { pino } from 'pino'
import { beforeEach, describe, expect, test } from 'vitest'
import { EVPN, FLOWSPEC_VPNV4, ROUTE_TARGET } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { writeEndOfRib } from '../../src/bgp/message/pack.ts'
import { encodeRouteRefresh, RefreshKind } from '../../src/bgp/message/route-refresh.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import type { AdjRibIn } from '../../src/bgp/rib/adj-rib-in.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { logged } from '../support/events.ts'
import { RawPeer, RESTART } from '../support/raw-peer.ts'
import { ip, peerConfig, speakerAt } from '../support/speakers.ts'
import { attribute, octet, TARGET, TYPE3, update, WELL_KNOWN } from '../support/update-bytes.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

/** What is kept of a peer's messages for display: routes that stay out, NLRI that cannot be read, log lines. */

const RR = '10.77.0.1'
const A = '10.77.0.11'
const FAMILIES = [EVPN, FLOWSPEC_VPNV4, ROUTE_TARGET]
let clock: VirtualClock
let network: VirtualNetwork
let speaker: Speaker
let lines: Record<string, unknown>[]

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  lines = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const peers = [peerConfig(A, { passive: true, reflectorClient: true, families: FAMILIES })]
  speaker = speakerAt(RR, peers, clock, network, { clusterId: ip(RR) }, () => {}, logged(log, clock))
})

const routesIn = (): AdjRibIn => speaker.peers.get(ip(A))!.routesIn

/** A peer that is up; it advertises graceful restart by default. */
function connect(gracefulRestart: typeof RESTART | null = RESTART): RawPeer {
  const capabilities = {
    ...noCapabilities(),
    families: FAMILIES,
    fourOctetAs: 64512,
    routeRefresh: true,
    enhancedRouteRefresh: true,
    gracefulRestart,
  }
  const peer = RawPeer.connect(network.transport, ip(A), ip(RR), 179).behave({ identifier: 11, capabilities })
  clock.advance(100)
  return peer
}

function send(peer: RawPeer, ...messages: readonly Uint8Array[]): void {
  peer.send(...messages)
  clock.advance(100)
}

function lose(): void {
  network.reset(ip(RR), ip(A))
  clock.advance(100)
}

const ORIGINATOR_US = attribute(0x80, 9, '0a4d0001')
const reach = (...nlri: readonly string[]): string =>
  attribute(0x80, 14, `00194604${'0a000001'}00${nlri.join('')}`)
/** An EVPN type 3 route that differs in its Ethernet tag. */
const tagged = (tag: number): string => `031100010a0000010007${tag.toString(16).padStart(8, '0')}200a000001`
const tags = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, i) => tagged(from + i))
const advertise = (nlri: readonly string[], others = ''): Buffer =>
  update(reach(...nlri) + WELL_KNOWN + others + TARGET)
const dropped = (): string[] =>
  [...routesIn().dropped].map(({ family, nlri }) => nlriCodec(family)!.format(nlri as never))
const shown = (tag: number): string => `evpn:multicast::10.0.0.1:7:${tag}:10.0.0.1`

describe('routes that stay out', () => {
  test.each([
    ['ORIGINATOR_ID is ours', ORIGINATOR_US],
    ['CLUSTER_LIST holds our cluster', attribute(0x80, 10, '0a4d00630a4d0001')],
    ['AS_PATH holds our AS', ''],
  ])('since they are ours and came back, and the one before them goes: %s', (reason, attributes) => {
    const peer = connect()
    const path = attribute(0x40, 2, attributes === '' ? '02020000fdff0000fc00' : '')
    send(peer, advertise([tagged(1)]))
    expect(dropped()).toEqual([])
    const [origin, , localPref] = WELL_KNOWN.match(/^(.{8})(.{6})(.*)$/)!.slice(1)
    send(peer, update(reach(tagged(1)) + origin + path + localPref + attributes + TARGET))
    expect([...routesIn().dropped].map((one) => one.reason)).toEqual([`taken for a loop: ${reason}`])
    expect(routesIn().counters.looped).toBe(1)
    expect([...speaker.rib.best(EVPN)]).toEqual([])
  })

  test('are kept for display until they are accepted, or withdrawn', () => {
    const peer = connect()
    send(peer, advertise(tags(1, 2), ORIGINATOR_US))
    expect(dropped()).toEqual([shown(1), shown(2)])
    send(peer, update(attribute(0x80, 15, `001946${tagged(1)}`)))
    expect(dropped()).toEqual([shown(2)])
    send(peer, advertise([tagged(2)]))
    expect(dropped()).toEqual([])
  })

  test('are kept for display up to a thousand, the latest', () => {
    const peer = connect()
    for (let i = 0; i < 10; i++) send(peer, advertise(tags(100 * i, 100), ORIGINATOR_US))
    expect([dropped().length, dropped()[0]]).toEqual([1000, shown(0)])
    send(peer, advertise([tagged(0)], ORIGINATOR_US))
    send(peer, advertise([tagged(5000)], ORIGINATOR_US))
    expect([dropped().length, dropped()[0]]).toEqual([1000, shown(2)])
    expect(dropped().slice(-2)).toEqual([shown(0), shown(5000)])
  })

  test('are not kept where their keys are long', () => {
    const peer = connect()
    /** FlowSpec rules of 56 and 57 octets behind their RDs of 8. */
    const rules = ['01180b0000', '01200b000000'].map((prefix) => `${prefix}03${'0106'.repeat(24)}8106`)
    const nlri = rules.map((rule) => `${octet(8 + rule.length / 2)}00010a0000010007${rule}`)
    send(peer, update(attribute(0x80, 14, `0001860000${nlri.join('')}`) + WELL_KNOWN + ORIGINATOR_US))
    expect(dropped()).toHaveLength(1)
    expect(routesIn().counters.looped).toBe(2)
  })

  test('are forgotten when the next session begins', () => {
    send(connect(), advertise([tagged(1)], ORIGINATOR_US))
    lose()
    expect(dropped()).toEqual([shown(1)])
    connect()
    expect(dropped()).toEqual([])
  })
})

describe('NLRI that cannot be read', () => {
  const bad = (number: number): string => `0204${number.toString(16).padStart(8, '0')}`
  const kept = (): string[] => routesIn().quarantine.map(({ bytes }) => Buffer.from(bytes).toString('hex'))

  test('are kept for display up to a hundred, the latest', () => {
    const peer = connect()
    const some = (from: number, count: number): string[] =>
      Array.from({ length: count }, (_, i) => bad(from + i))
    send(peer, advertise(some(0, 100)))
    expect([kept().length, kept()[0]]).toEqual([100, bad(0)])
    send(peer, advertise(some(100, 1)))
    expect([kept().length, kept()[0], kept()[99]]).toEqual([100, bad(1), bad(100)])
    send(peer, advertise(some(200, 150)))
    expect([kept().length, kept()[0], kept()[99]]).toEqual([100, bad(250), bad(349)])
    expect(routesIn().counters.quarantined).toBe(251)
  })

  test('are logged, as are UPDATEs that are malformed', () => {
    const peer = connect()
    send(peer, advertise([bad(1), bad(2), TYPE3, '0602abcd']))
    const twice = attribute(0xc0, 8, '00') + attribute(0x40, 6, '00')
    send(peer, advertise([TYPE3], twice))
    expect(lines).toMatchObject([
      { peer: A, family: 'l2vpn/evpn', routes: 2, msg: 'NLRI quarantined' },
      { peer: A, severity: 'withdraw', attribute: 8, errors: 2, msg: 'malformed UPDATE' },
    ])
    expect(routesIn().counters).toEqual({
      updates: 2,
      withdrawUpdates: 0,
      withdrawn: 0,
      treatedAsWithdraw: 1,
      attributesDiscarded: 1,
      quarantined: 2,
      unread: 1,
      looped: 0,
      unwanted: 0,
      rejected: 0,
    })
    expect(lines[0]).not.toHaveProperty('suppressed')
  })

  test('make ten lines of a log at once, and then one with the count of those left out', () => {
    const peer = connect()
    for (let i = 0; i < 15; i++) peer.send(advertise([bad(i)]))
    clock.advance(900)
    expect(lines).toHaveLength(10)
    clock.advance(1000)
    send(peer, advertise([bad(99)]))
    expect(lines).toHaveLength(11)
    expect(lines[10]).toMatchObject({ suppressed: 5, msg: 'NLRI quarantined' })
  })
})

describe('a route refresh (RFC 7313 §4)', () => {
  const refresh = (kind: number): Buffer => encodeRouteRefresh({ family: EVPN, kind })
  const end = (): Buffer => {
    const w = new Writer()
    writeEndOfRib(w, EVPN)
    return w.copy()
  }
  const count = (): number => [...speaker.rib.best(EVPN)].length

  test('ahead of End-of-RIB is ignored, and logged, in each session of a peer that advertises graceful restart', () => {
    const first = connect()
    send(first, advertise(tags(1, 2)), refresh(RefreshKind.Begin), refresh(RefreshKind.End))
    expect(count()).toBe(2)
    send(first, end())
    lose()
    const second = connect()
    send(second, advertise([tagged(1)]), refresh(RefreshKind.Begin), refresh(RefreshKind.End))
    expect(count()).toBe(2)
    expect(lines.filter(({ msg }) => msg === 'route refresh ahead of End-of-RIB ignored')).toMatchObject([
      { family: 'l2vpn/evpn' },
      { family: 'l2vpn/evpn' },
    ])
  })

  test('that began in a session does not end in the next one', () => {
    const first = connect(null)
    send(first, refresh(RefreshKind.Begin))
    lose()
    const second = connect(null)
    send(second, advertise([tagged(1)]), refresh(RefreshKind.End))
    expect(count()).toBe(1)
  })

  test('ends once', () => {
    const peer = connect(null)
    send(peer, advertise([tagged(1)]), refresh(RefreshKind.Begin), advertise([tagged(2)]))
    send(peer, refresh(RefreshKind.End))
    expect(count()).toBe(1)
    send(peer, refresh(RefreshKind.Begin), advertise([tagged(3)]))
    send(peer, refresh(RefreshKind.End), refresh(RefreshKind.End))
    expect(count()).toBe(1)
  })

  test('of a family that was not agreed is none', () => {
    const peer = connect(null)
    send(peer, advertise([tagged(1)]), encodeRouteRefresh({ family: 0x0001_0001, kind: RefreshKind.Begin }))
    expect([count(), peer.closed]).toEqual([1, false])
  })
})

test('a peer is settled for a family three minutes after its first End-of-RIB', () => {
  const w = new Writer()
  writeEndOfRib(w, EVPN)
  const peer = connect()
  send(peer, w.copy())
  clock.advance(170_000)
  send(peer, w.copy())
  const isSettled = (): boolean => speaker.peers.get(ip(A))!.isSettled(EVPN)
  clock.advance(9_000)
  expect(isSettled()).toBe(false)
  clock.advance(1_000)
  expect(isSettled()).toBe(true)
})
