import { expect, test } from 'vitest'
import { EVPN } from '../../src/bgp/family.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import { type ExtendedCommunity, encapsulation, isRouter } from '../../src/bgp/values/extended-community.ts'
import { isMacRoute, type MacRoute, unusableMac } from '../../src/evpn/select.ts'
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

test.each([
  ['IPv4', '10.77.0.12', '10.77.0.11', null],
  ['IPv6', 'fd00::12', 'fd00::11', null],
  ['IPv6 to IPv4', 'fd00::12', '10.77.0.11', 'next hop is IPv6, our VTEP address IPv4'],
  ['IPv4 to IPv6', '10.77.0.12', 'fd00::11', 'next hop is IPv4, our VTEP address IPv6'],
])('a next hop is of the family of our VTEP: %s', (_what, nextHop, vtep, reason) => {
  expect(unusableMac(routeBy(nextHop), { vtep: ip(vtep), gatewayIp: null })).toBe(reason)
})

test('a default gateway is everybody’s own affair, told by its community or by its address', () => {
  const facts = { vtep: ip('10.77.0.11'), gatewayIp: null }
  expect(unusableMac(routeBy('10.77.0.12', octets('030d000000000000')), facts)).toBe('default gateway')
  expect(unusableMac(routeBy('10.77.0.12'), { ...facts, gatewayIp: ip('192.168.10.2') })).toBe(
    "the gateway's IP address",
  )
})

test.each([
  ['0608010000000000', true],
  ['0608030000000000', true],
  ['0608020000000000', false],
  ['0600010000000000', false],
])('the community %s is of a router: %s (RFC 9047)', (hex, router) => {
  expect(isRouter(octets(hex))).toBe(router)
})
