import { describe, expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { beginGeneration, localSource } from '../../src/bgp/rib/route.ts'
import {
  type ExtendedCommunity,
  encapsulation,
  isRouter,
  macMobility,
} from '../../src/bgp/values/extended-community.ts'
import {
  bestMacRoute,
  isMacRoute,
  type LocalFacts,
  type MacRoute,
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

/** A route as another node would announce it. */
function routeBy(nextHop: string, ...more: ExtendedCommunity[]): MacRoute {
  const clock = new VirtualClock()
  const { speaker } = new TestNode('10.77.0.11', [], clock, new VirtualNetwork(clock))
  const communities = { extendedCommunities: [encapsulation(8), rt('64512:10'), ...more] }
  const nlri = macRoute('10.77.0.12', '02:00:00:00:01:02', '192.168.10.2')
  speaker.originate(localSource('other'), EVPN, nlri, communities, ip(nextHop))
  const [route] = [...speaker.rib.ownRoutes(EVPN)].filter(isMacRoute)
  return route!
}

const facts = (changes: Partial<LocalFacts> = {}): LocalFacts => ({
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
    const gateways = [{ ips: new Set([ip('192.168.10.2')]) }]
    expect(unusableIp(byAddress, facts({ gateways }))).toBe('IP address is that of the gateway on this node')
    expect(unusableMac(byAddress, facts({ gateways }))).toBeNull()
    const others = facts({ gateways: [{ ips: new Set([ip('192.168.10.254')]) }] })
    expect([byCommunity, byAddress].map((route) => unusableMac(route, others))).toEqual([
      'default gateway, and this node has a gateway of its own in the network',
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
  stale.source.freshFrom.set(EVPN, beginGeneration(stale.source))
  expect(bestMacRoute([stale, other])).toBe(other)
  expect(whyBetterMac(other, stale)).toBe('not stale')
})
