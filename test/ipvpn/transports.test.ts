import { beforeEach, describe, expect, test } from 'vitest'
import { TunnelType } from '../../src/bgp/constants.ts'
import { VPNV4 } from '../../src/bgp/family.ts'
import { encapsulation } from '../../src/bgp/values/extended-community.ts'
import type { Octets } from '../../src/values/bytes.ts'
import type { TestNode } from '../support/node.ts'
import { ip } from '../support/speakers.ts'
import {
  A,
  a,
  advertised,
  B,
  C,
  detach,
  node,
  receive,
  request,
  routes,
  startAlone,
  wanted,
} from './vrf-setup.ts'

describe('an IPv6 underlay', () => {
  const OURS = '2001:db8:77::11'
  const OTHERS = '2001:db8:77::12'

  test('carries both families by bare MPLS', async () => {
    const a = node(B, {
      ipvpn: { address: ip(OURS), transport: { interface: 'mpls0' }, underlay: null, fromAnyone: false },
    })
    await a.attach(request('192.168.10.1/24'))
    expect([...a.speaker.rib.ownRoutes(VPNV4)].map(({ set }) => set.nextHop)).toEqual([ip(OURS)])
    receive('10.9.0.0/16', OTHERS, 31)
    receive('2001:db8:9::/64', OTHERS, 32)
    expect(routes(a)).toEqual([
      '10.9.0.0/16 in bvrf-1 by mpls0 via 2001:db8:77::12 label 31',
      '192.168.10.1/32 in bvrf-1 by tap1',
      '2001:db8:9::/64 in bvrf-1 by mpls0 via 2001:db8:77::12 label 32',
    ])
  })

  test('has tunnels of its own family', async () => {
    const a = node(B, {
      ipvpn: { address: ip(OURS), transport: { tunnels: 'gre' }, underlay: null, fromAnyone: false },
    })
    await a.attach(request('192.168.10.1/24'))
    receive('10.9.0.0/16', OTHERS, 31, { communities: [] })
    receive('10.8.0.0/16', C, 32, { communities: [] })
    const [tunnel, ...others] = wanted(a).filter(
      (text) => text.startsWith('mpls---') && text.includes(' to '),
    )
    expect(others).toEqual([])
    expect(tunnel).toMatch(/^mpls---\w{8} in gre from 2001:db8:77::11 to 2001:db8:77::12$/)
    expect(routes(a)).toHaveLength(2)
  })
})

/** By FRR 8.4, which puts the function of the SID 2001:db8:1:1:100:: into the label field of its routes. */
const SRV6_SERVICE = [
  {
    type: 5,
    value: Buffer.from(
      '0001001e0020010db800010001000000000000000000ffff00010006281810001040',
      'hex',
    ).toString('latin1') as Octets,
  },
]

test('a route of an SRv6 service has no label (RFC 9252 §4): it is not used, and takes no traffic from one that has', async () => {
  await a.attach(request('192.168.10.1/24'))
  const withdraw = receive('10.9.0.0/16', B, 4096, { communities: [], prefixSid: SRV6_SERVICE })
  expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
  receive('10.9.0.0/16', C, 31)
  const used = ['10.9.0.0/16 in bvrf-1 by mpls0 via 10.77.0.13 label 31', '192.168.10.1/32 in bvrf-1 by tap1']
  expect(routes(a)).toEqual(used)
  withdraw()
  expect(routes(a)).toEqual(used)
})

describe('MPLS in GRE', () => {
  beforeEach(async () => {
    startAlone({
      ipvpn: { address: ip(A), transport: { tunnels: 'gre' }, underlay: null, fromAnyone: false },
    })
    await a.attach(request('192.168.10.1/24'))
  })

  test('is advertised, and has a tunnel to each provider edge as long as there are routes to it', () => {
    expect(advertised(a)[0]).toContain('encap:GRE')
    const forget = receive('10.9.0.0/16', B, 31, { communities: [encapsulation(TunnelType.Gre)] })
    const forgetLast = receive('10.8.0.0/16', B, 32, { communities: [], rd: 2 })
    const tunnel = 'mpls---0a4d000c in gre from 10.77.0.11 to 10.77.0.12'
    expect(wanted(a)).toEqual(
      expect.arrayContaining([
        tunnel,
        '10.9.0.0/16 in bvrf-1 by mpls---0a4d000c label 31',
        '10.8.0.0/16 in bvrf-1 by mpls---0a4d000c label 32',
      ]),
    )
    expect(a.isInStep).toBe(true)
    forget()
    expect(wanted(a)).toContain(tunnel)
    forgetLast()
    expect(wanted(a)).not.toContain(tunnel)
    expect([...a.driver.kernel.links.keys()]).not.toContain('mpls---0a4d000c')
  })

  test('is taken from provider edges alone that routes lead to, unless all may send', async () => {
    expect(wanted(a).join()).not.toContain('to any')
    const open = { address: ip(B), transport: { tunnels: 'gre' }, underlay: null, fromAnyone: true } as const
    const b = node(B, { ipvpn: open })
    await b.attach(request('192.168.10.1/24'))
    expect(wanted(b)).toContain('mpls---any in gre from 10.77.0.12 to any')
    expect(wanted(b)).toContain('mpls---any in bvrf-0')
    expect(b.isInStep).toBe(true)
    await detach(b, '192.168.10.1')
    expect(wanted(b)).toEqual([])
  })

  test('takes no routes that want bare MPLS', () => {
    receive('10.9.0.0/16', B, 31)
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
  })
})

describe('MPLS in UDP', () => {
  const GRE = [encapsulation(TunnelType.Gre)]
  const UDP = [encapsulation(TunnelType.MplsInUdp)]
  const tunnels = (of: TestNode) => wanted(of).filter((text) => / in (gre|udp) /.test(text))
  const inUdp = 'mpls-u-0a4d000c in udp from 10.77.0.11 to 10.77.0.12'
  const inGre = 'mpls---0a4d000c in gre from 10.77.0.11 to 10.77.0.12'

  async function start(own: 'gre' | 'udp') {
    startAlone({ ipvpn: { address: ip(A), transport: { tunnels: own }, underlay: null, fromAnyone: false } })
    await a.attach(request('192.168.10.1/24'))
  }

  test('is advertised, and accepted from every node at one UDP port', async () => {
    await start('udp')
    expect(advertised(a)[0]).toContain('encap:MPLS-in-UDP')
    expect(wanted(a)).toContain('udp-port 6635 of 10.77.0.11')
    const forget = receive('10.9.0.0/16', B, 31, { communities: UDP })
    expect(routes(a)).toContain('10.9.0.0/16 in bvrf-1 by mpls-u-0a4d000c label 31')
    expect(tunnels(a)).toEqual([inUdp])
    expect(wanted(a)).toContain('mpls-u-0a4d000c in bvrf-0')
    expect(a.isInStep).toBe(true)
    forget()
    expect(tunnels(a)).toEqual([])
    expect([...a.driver.kernel.links.keys()]).not.toContain('mpls-u-0a4d000c')
  })

  test.each([
    ['udp', 'mpls---0a4d000c', GRE],
    ['gre', 'mpls-u-0a4d000c', UDP],
  ] as const)(
    'a node of *%s* sends by %s what the other end asks for, and takes its own',
    async (own, device, communities) => {
      await start(own)
      const forget = receive('10.9.0.0/16', B, 31, { communities })
      expect(routes(a)).toContain(`10.9.0.0/16 in bvrf-1 by ${device} label 31`)
      expect(tunnels(a)).toEqual([inGre, inUdp])
      expect(a.isInStep).toBe(true)
      forget()
      expect(tunnels(a)).toEqual([])
    },
  )

  test.each([
    ['gre', inGre],
    ['udp', inUdp],
  ] as const)('of several that the other end takes, a node of *%s* uses its own', async (own, tunnel) => {
    await start(own)
    receive('10.9.0.0/16', B, 31, { communities: [...GRE, ...UDP] })
    receive('10.8.0.0/16', B, 32, { communities: [], rd: 2 })
    expect(tunnels(a)).toEqual([tunnel])
  })
})
