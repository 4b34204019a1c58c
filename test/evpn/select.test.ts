import { describe, expect, test } from 'vitest'
import type { Attributes, PmsiTunnel } from '../../src/bgp/attribute/attributes.ts'
import { EVPN } from '../../src/bgp/family.ts'
import type { MacIpRoute } from '../../src/bgp/nlri/evpn/type2.ts'
import { AttributeSet } from '../../src/bgp/rib/attribute-pool.ts'
import { localSource, markStale } from '../../src/bgp/rib/route.ts'
import {
  type ExtendedCommunity,
  encapsulation,
  isRouter,
  macMobility,
} from '../../src/bgp/values/extended-community.ts'
import {
  bestMacRoute,
  floodTunnel,
  isMacRoute,
  type MacRoute,
  type MacSelectionContext,
  type MulticastRoute,
  unusableIp,
  unusableMac,
  whyBetterMac,
} from '../../src/evpn/select.ts'
import { TunnelEnds } from '../../src/values/tunnel-ends.ts'
import { TestNode } from '../support/node.ts'
import { ip, macRoute, rt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const octets = (hex: string) => Buffer.from(hex, 'hex').toString('latin1') as ExtendedCommunity

/** A route as another node would advertise it. */
function routeBy(nextHop: string, ...more: ExtendedCommunity[]): MacRoute {
  const clock = new VirtualClock()
  const { speaker } = new TestNode('10.77.0.11', [], clock, new VirtualNetwork(clock))
  const communities = { extendedCommunities: [encapsulation(8), rt('64512:10'), ...more] }
  const nlri = macRoute('10.77.0.12', '02:00:00:00:01:02', '192.168.10.2')
  speaker.originate(localSource('other'), EVPN, nlri, communities, ip(nextHop))
  const [route] = [...speaker.rib.ownRoutes(EVPN)].filter(isMacRoute)
  return route!
}

const facts = (changes: Partial<MacSelectionContext> = {}): MacSelectionContext => ({
  vtep: ip('10.77.0.11'),
  ends: new TunnelEnds([], []),
  gateways: [],
  ...changes,
})

test.each([
  ['IPv4', '10.77.0.12', '10.77.0.11', null],
  ['IPv6', 'fd00::12', 'fd00::11', null],
  ['IPv6 to IPv4', 'fd00::12', '10.77.0.11', 'next hop is IPv6, our VTEP address IPv4'],
  ['IPv4 to IPv6', '10.77.0.12', 'fd00::11', 'next hop is IPv4, our VTEP address IPv6'],
])('a next hop is of the family of our VTEP: %s', (_what, nextHop, vtep, reason) => {
  expect(unusableMac(routeBy(nextHop), facts({ vtep: ip(vtep) }))).toBe(reason)
})

describe('a default gateway, by its community or by its address,', () => {
  const [byCommunity, byAddress] = [routeBy('10.77.0.12', octets('030d000000000000')), routeBy('10.77.0.12')]

  test('is a host like any other where no VRF of ours is a gateway of the network', () => {
    expect([byCommunity, byAddress].map((route) => unusableMac(route, facts()))).toEqual([null, null])
  })

  test('is passed over where one is; of another machine with its IP address, the MAC address counts', () => {
    const gateways = [{ mac: 1, ips: new Set([ip('192.168.10.2')]) }]
    expect(unusableIp(byAddress, facts({ gateways }))).toBe('IP address is that of the gateway on this node')
    expect(unusableMac(byAddress, facts({ gateways }))).toBeNull()
    const others = facts({ gateways: [{ mac: 1, ips: new Set([ip('192.168.10.254')]) }] })
    expect([byCommunity, byAddress].map((route) => unusableMac(route, others))).toEqual([
      'default gateway, and this node has a gateway of its own in the EVPN instance',
      null,
    ])
  })
})

test.each([
  ['0608010000000000', true],
  ['0608030000000000', true],
  ['0608020000000000', false],
  ['0600010000000000', false],
])('the community %s is of a router: %s (RFC 9047)', (hex, router) => {
  expect(isRouter(octets(hex))).toBe(router)
})

test('a stale route loses to any other for its address, whatever else speaks for it', () => {
  const stale = routeBy('10.77.0.11', macMobility({ sticky: false, sequence: 7 }))
  const other = routeBy('10.77.0.12')
  expect(bestMacRoute([stale, other])).toBe(stale)
  markStale(stale.source, EVPN)
  expect(bestMacRoute([stale, other])).toBe(other)
  expect(whyBetterMac(other, stale)).toBe('not stale')
})

/** A route with these attributes; without a next hop where `nextHop` is null. */
function macRouteWith(
  changes: Partial<Attributes> = {},
  nextHop: string | null = '10.77.0.12',
  nlri: Partial<MacIpRoute> = {},
): MacRoute {
  const route = routeBy('10.77.0.12')
  const attributes = { ...route.set.attributes, ...changes }
  const set = new AttributeSet(attributes, nextHop === null ? null : ip(nextHop), '')
  return { ...route, set, nlri: { ...route.nlri, ...nlri } }
}

const moved = (sequence: number, sticky = false) => ({
  extendedCommunities: [encapsulation(8), macMobility({ sticky, sequence })],
})

test.each<[string, MacRoute, MacRoute]>([
  ['higher LOCAL_PREF (101 over 100)', macRouteWith({ localPref: 101 }), macRouteWith(moved(7))],
  ['higher LOCAL_PREF (100 over 99)', macRouteWith({ localPref: null }), macRouteWith({ localPref: 99 })],
  ['sticky', macRouteWith(moved(0, true)), macRouteWith(moved(7))],
  ['higher mobility sequence (1 over 0)', macRouteWith(moved(1)), macRouteWith()],
  ['lower next hop (10.77.0.12 over 10.77.0.13)', macRouteWith(), macRouteWith({}, '10.77.0.13')],
  ['lower next hop (255.0.0.1 over fd00::1)', macRouteWith({}, '255.0.0.1'), macRouteWith({}, 'fd00::1')],
  ['lower next hop (none over 10.77.0.12)', macRouteWith({}, null), macRouteWith()],
  ['lower route key', { ...macRouteWith(), key: 'a' }, { ...macRouteWith(), key: 'b' }],
])('one of two routes for an address is used: %s (RFC 7432 §15)', (reason, better, worse) => {
  expect([bestMacRoute([better, worse]), bestMacRoute([worse, better])]).toEqual([better, better])
  expect(whyBetterMac(better, worse)).toBe(reason)
})

test('of equal routes the first is used', () => {
  const [one, other] = [macRouteWith(), macRouteWith()]
  expect(bestMacRoute([one, other])).toBe(one)
  expect(bestMacRoute([])).toBeUndefined()
  expect(whyBetterMac(one, other)).toBe('the same route')
})

test.each<[string | null, MacRoute]>([
  [null, macRouteWith()],
  [null, macRouteWith({ extendedCommunities: [encapsulation(7), encapsulation(8)] })],
  ['no VXLAN encapsulation', macRouteWith({ extendedCommunities: [encapsulation(7)] })],
  ['no VXLAN encapsulation', macRouteWith({ extendedCommunities: null })],
  ['no next hop', macRouteWith({}, null)],
  ['VNI 0', macRouteWith({}, '10.77.0.12', { label: 0 })],
  [null, macRouteWith({}, '10.77.0.12', { label: 1 })],
  ['MAC address of no station', macRouteWith({}, '10.77.0.12', { mac: 0 })],
  [null, macRouteWith({}, '10.77.0.12', { mac: 2 })],
  ['MAC address of no station', macRouteWith({}, '10.77.0.12', { mac: 0x01_00_00_00_00_01 })],
])('why a route is not used: %s', (reason, route) => {
  expect(unusableMac(route, facts())).toBe(reason)
})

test.each<[string, Partial<Attributes>, string, unknown]>([
  ['the end of its tunnel', {}, '10.77.0.13', { dst: ip('10.77.0.12'), vni: 100 }],
  ['the lowest VNI', { pmsiTunnel: tunnel({ label: 1 }) }, '10.77.0.12', { dst: ip('10.77.0.12'), vni: 1 }],
  [
    'the next hop, where the end is open',
    { pmsiTunnel: tunnel({ tunnelId: '\0\0\0\0' }) },
    '10.77.0.13',
    { dst: ip('10.77.0.13'), vni: 100 },
  ],
  ['nowhere', { extendedCommunities: null }, '10.77.0.12', { reason: 'no VXLAN encapsulation' }],
  [
    'nowhere',
    { pmsiTunnel: null },
    '10.77.0.12',
    { reason: 'no PMSI tunnel, so no VNI: ours may be of another EVPN instance there' },
  ],
  [
    'nowhere',
    { pmsiTunnel: tunnel({ tunnelType: 7 }) },
    '10.77.0.12',
    { reason: 'PMSI tunnel type 7: BUM traffic is sent by ingress replication alone (type 6)' },
  ],
  [
    'nowhere',
    { pmsiTunnel: tunnel({ label: 0 }) },
    '10.77.0.12',
    { reason: 'VNI 0: ours may be of another EVPN instance there' },
  ],
  [
    'nowhere',
    { pmsiTunnel: tunnel({ tunnelId: ip('fd00::12') }) },
    '10.77.0.12',
    { reason: 'tunnel end is IPv6, our VTEP address IPv4' },
  ],
  [
    'nowhere',
    { pmsiTunnel: tunnel({ tunnelId: ip('127.0.0.1') }) },
    '10.77.0.12',
    { reason: expect.stringMatching(/^tunnel end is /) },
  ],
])('a multicast route has BUM traffic sent to %s: %o', (_, changes, nextHop, expected) => {
  const route = macRouteWith({ pmsiTunnel: tunnel({}), ...changes }, nextHop) as unknown as MulticastRoute
  expect(floodTunnel(route, facts())).toEqual(expected)
})

function tunnel(changes: Partial<PmsiTunnel>): PmsiTunnel {
  return { flags: 0, tunnelType: 6, label: 100, tunnelId: ip('10.77.0.12'), ...changes }
}
