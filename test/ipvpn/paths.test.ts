import { beforeEach, describe, expect, test } from 'vitest'
import { TunnelType } from '../../src/bgp/constants.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import { parseInterfaceAddress } from '../../src/values/address.ts'
import { ip } from '../support/speakers.ts'
import { A, a, B, C, clock, receive, request, routes } from './vrf-setup.ts'

describe('routes for one prefix', () => {
  const to = () =>
    routes(a)
      .find((text) => text.startsWith('10.9.0.0/16'))
      ?.split(' by ')[1] ?? null

  beforeEach(() => a.attach(request('192.168.10.1/24')))

  test('share the traffic, in hash order, then in that of next hops', () => {
    receive('10.9.0.0/16', C, 30)
    receive('10.9.0.0/16', B, 31, { order: 1 })
    receive('10.9.0.0/16', '10.77.0.9', 32, { order: 1 })
    expect(to()).toBe(
      'mpls0 via 10.77.0.13 label 30, mpls0 via 10.77.0.9 label 32, mpls0 via 10.77.0.12 label 31',
    )
  })

  test('of the highest LOCAL_PREF only', () => {
    receive('10.9.0.0/16', C, 30, { localPref: 200 })
    receive('10.9.0.0/16', B, 31)
    expect(to()).toBe('mpls0 via 10.77.0.13 label 30')
  })

  test('and the same next hop are one path', () => {
    receive('10.9.0.0/16', B, 31)
    receive('10.9.0.0/16', B, 31, { rd: 2 })
    expect(to()).toBe('mpls0 via 10.77.0.12 label 31')
  })

  test.each([
    ['that wants VXLAN', { communities: [encapsulation(TunnelType.Vxlan)] }, 31],
    ['that wants GRE where there are no tunnels', { communities: [encapsulation(TunnelType.Gre)] }, 31],
    ['with a reserved label', {}, 3],
  ])('one %s is not used', (_, changes, label) => {
    receive('10.9.0.0/16', B, label, changes)
    expect(to()).toBeNull()
  })

  test('one without encapsulation is used', () => {
    receive('10.9.0.0/16', B, 31, { communities: [] })
    expect(to()).toBe('mpls0 via 10.77.0.12 label 31')
  })

  test('one to the address that we play the gateway at is not used', () => {
    receive('192.168.10.254/32', B, 31)
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
  })

  test.each([A, '0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255'])(
    'one whose next hop is %s is not used',
    (nextHop) => {
      receive('10.9.0.0/16', nextHop, 16)
      expect(to()).toBeNull()
    },
  )

  test('one whose next hop becomes an address of this node is not used until it is none any more', () => {
    receive('10.9.0.0/16', B, 31)
    receive('10.9.0.0/16', C, 30, { localPref: 50 })
    const setAddresses = (...texts: string[]) => {
      a.driver.kernel.setAddresses(texts.map((text) => parseInterfaceAddress(text)!))
      clock.advance(1000)
    }
    setAddresses('10.77.0.11/24', `${B}/24`)
    expect(to()).toBe('mpls0 via 10.77.0.13 label 30')
    setAddresses('10.77.0.11/24')
    expect(to()).toBe('mpls0 via 10.77.0.12 label 31')
  })
})

describe('a provider edge behind routers of the core', () => {
  const to = (prefix: string) =>
    routes(a)
      .find((text) => text.startsWith(`${prefix} `))
      ?.split(' by ')[1]
  const hop = (via: string | null, labels: number[] = [], device = 'mpls0') =>
    a.driver.kernel.setNextHop(ip(C), { device, via: via === null ? null : ip(via), labels })

  beforeEach(async () => {
    await a.attach(request('192.168.10.1/24'))
    await a.attach(request('2001:db8::1/64'))
  })

  test('is reached by the gateway and the labels that the main table has for it', () => {
    hop('10.77.0.254', [17])
    receive('10.9.0.0/16', C, 30)
    receive('2001:db8:9::/64', C, 31)
    expect(to('10.9.0.0/16')).toBe('mpls0 via 10.77.0.254 label 17 label 30')
    expect(to('2001:db8:9::/64')).toBe('mpls0 via ::ffff:a4d:fe label 17 label 31')
    expect(a.isInStep).toBe(true)
  })

  test('is reached otherwise soon after the main table has become another', () => {
    receive('10.9.0.0/16', C, 30)
    expect(to('10.9.0.0/16')).toBe('mpls0 via 10.77.0.13 label 30')
    hop('10.77.0.254', [17])
    clock.advance(1)
    expect(to('10.9.0.0/16')).toBe('mpls0 via 10.77.0.254 label 17 label 30')
    hop('10.77.0.253')
    clock.advance(1)
    expect(to('10.9.0.0/16')).toBe('mpls0 via 10.77.0.253 label 30')
    hop(null)
    clock.advance(1)
    expect(to('10.9.0.0/16')).toBe('mpls0 via 10.77.0.13 label 30')
  })

  test('is taken for a neighbour where the main table leads to another interface', () => {
    hop('192.0.2.254', [], 'eth0')
    receive('10.9.0.0/16', C, 30)
    expect(to('10.9.0.0/16')).toBe('mpls0 via 10.77.0.13 label 30')
  })
})
