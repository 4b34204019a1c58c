import { describe, expect, test } from 'vitest'
import { noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { EVPN, VPNV4 } from '../../src/bgp/family.ts'
import type { RouteTarget } from '../../src/bgp/values/extended-community.ts'
import { ip, macRoute, rt } from '../support/speakers.ts'
import {
  A,
  B,
  BLUE,
  clock,
  connect,
  lines,
  MAC1,
  MAC2,
  originate,
  RED,
  received,
  source,
  speaker,
  vpnRoute,
} from './adj-rib-out-setup.ts'

describe('a route', () => {
  test('is sent once, and again when it changes; only one that was sent is withdrawn', () => {
    const peer = connect()
    originate(MAC1)
    clock.advance(100)
    originate(MAC1)
    clock.advance(100)
    originate(MAC1, BLUE)
    clock.advance(100)
    originate(MAC2)
    speaker.withdraw(source, EVPN, macRoute(A, MAC2, null))
    clock.advance(100)
    speaker.withdraw(source, EVPN, macRoute(A, MAC1, null))
    clock.advance(100)
    // the target it loses is withdrawn first
    expect(received(peer)).toEqual([EVPN, '+20000000101', '-20000000101', '+20000000101', '-20000000101'])
  })

  test('of a family that was not agreed is not sent', () => {
    const peer = connect([VPNV4])
    originate(MAC1)
    clock.advance(100)
    expect(received(peer)).toEqual([VPNV4])
  })

  test('that cannot be sent is logged, once as long as it stays the same', () => {
    const peer = connect([VPNV4])
    const routesOut = speaker.peers.get(ip(B))!.routesOut
    expect(routesOut.counters.withheld).toBe(0)
    const advertise = (number: number, localPref: number): void => {
      const attributes = { ...noAttributes(), origin: 0, asPath: [], localPref, extendedCommunities: [RED] }
      const set = speaker.rib.pool.originated(attributes, ip('2001:db8::1'))
      speaker.rib.advertise(source, VPNV4, vpnRoute(number), 0, set)
      clock.advance(50)
    }
    advertise(1, 100)
    advertise(1, 100)
    advertise(1, 101)
    expect([...routesOut.withheld()].map(({ reason }) => reason)).toEqual([
      'the peer takes no IPv6 next hop for VPN-IPv4 (RFC 8950 §4)',
    ])
    expect(lines).toMatchObject(
      Array.from({ length: 2 }, () => ({
        peer: B,
        family: 'ipv4/mpls-vpn',
        route: '11.0.0.1/32 label 16 rd 10.77.0.11:1',
        msg: 'route cannot be advertised',
      })),
    )
    expect(lines[0]).not.toHaveProperty('suppressed')
    for (let number = 2; number <= 12; number++) advertise(number, 100)
    expect([lines.length, routesOut.counters.withheld]).toEqual([10, 13])
    clock.advance(1000)
    advertise(13, 100)
    expect(lines[10]).toMatchObject({ suppressed: 3 })
    expect(received(peer)).toEqual([VPNV4])
  })
})

test('a change of a route with thousands of targets costs no more than a route that loses one', () => {
  const targets = Array.from({ length: 8000 }, (_, i) => rt(`64512:${i}`))
  connect([EVPN], { extendedMessage: true })
  const change = (extendedCommunities: RouteTarget[], multiExitDisc: number): number => {
    speaker.originate(source, EVPN, macRoute(A, MAC1, null), { extendedCommunities, multiExitDisc })
    const before = process.cpuUsage()
    clock.advance(100)
    const { user, system } = process.cpuUsage(before)
    return user + system
  }
  change(targets, 0)
  const work = { same: 0, loss: 0 }
  for (let i = 1; i < 8; i++) {
    work.loss += change([rt(`64513:${i}`), ...targets.slice(1)], i)
    work.same += change([rt(`64513:${i}`), ...targets.slice(1)], i + 100)
  }
  expect(work.same).toBeLessThan(3 * work.loss)
})
