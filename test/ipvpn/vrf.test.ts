import { beforeEach, describe, expect, test } from 'vitest'
import { formatAttributes } from '../../src/bgp/attribute/index.ts'
import { TunnelType } from '../../src/bgp/constants.ts'
import { VPNV4, VPNV6 } from '../../src/bgp/family.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { maskPrefix } from '../../src/bgp/nlri/prefix.ts'
import { localSource } from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { encapsulation, hashSortOrder } from '../../src/bgp/values/extended-community.ts'
import { mplsField } from '../../src/bgp/values/label.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { isIpv4, parseInterfaceAddress } from '../../src/values/address.ts'
import type { Ranges, VpnConfig } from '../../src/vpn/config.ts'
import type { AttachRequest } from '../../src/vpn/request.ts'
import { mac, TestNode } from '../support/node.ts'
import { refusal } from '../support/refusal.ts'
import { ip, peerConfig, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'
import { words } from './words.ts'

const A = '10.77.0.11'
const B = '10.77.0.12'
const C = '10.77.0.13'
const RR = '10.77.0.1'
const RED = rt('64512:10')
const BLUE = rt('64512:20')
const families = [VPNV4, VPNV6]
const MPLS = [encapsulation(TunnelType.Mpls)]

let clock: VirtualClock
let network: VirtualNetwork
let a: TestNode
let reflector: Speaker

beforeEach(() => {
  clock = new VirtualClock()
  network = new VirtualNetwork(clock)
  const clients = [A, B].map((address) => peerConfig(address, { families, reflectorClient: true }))
  reflector = speakerAt(RR, clients, clock, network, { clusterId: ip(RR) })
  a = node(A)
})

function node(address: string, changes: Partial<VpnConfig> = {}): TestNode {
  const made = new TestNode(address, [peerConfig(RR, { families })], clock, network, {}, changes)
  for (const name of ['tap1', 'tap2', 'tap3', 'mpls0']) made.driver.kernel.addLink(name, { up: true })
  return made
}

const request = (address: string, changes: Partial<AttachRequest> = {}): Partial<AttachRequest> => ({
  type: 'ipvpn',
  vni: null,
  ip: parseInterfaceAddress(address)!,
  gatewayIp: ip(address.includes(':') ? '2001:db8::ffff' : '192.168.10.254'),
  ...changes,
})
const detach = (of: TestNode, address: string, changes = {}) =>
  of.detach({ type: 'ipvpn', ip: ip(address), ...changes })
const second = { port: 'tap2', mac: mac('02:00:00:00:01:02') }

function advertised(of: TestNode): string[] {
  return families.flatMap((family) =>
    [...of.speaker.rib.ownRoutes(family)].map(({ nlri, set }) => {
      const { 'extended-community': communities, 'local-preference': preference } = formatAttributes(
        set.attributes,
      )
      return `${nlriCodec(family)!.format(nlri)} ${communities} ${preference}`
    }),
  )
}

const wanted = (of: TestNode): string[] => of.wanted().map(words).sort()
const routes = (of: TestNode): string[] =>
  wanted(of).filter((text) => / in bvrf-\d+ by /.test(text) && !/^nothing/.test(text))

/** Another provider edge advertises a prefix; answers with how it takes that back. */
function hear(
  prefix: string,
  nextHop: string,
  label: number,
  { order = 0, localPref = 100, communities = MPLS, rd = 1 } = {},
): () => void {
  const { ip: address, prefixLength: length } = parseInterfaceAddress(prefix)!
  const family = isIpv4(address) ? VPNV4 : VPNV6
  const own = ipv4Rd(ip(nextHop.includes(':') ? C : nextHop), rd)
  const source = localSource(`${nextHop} ${rd}`)
  const nlri = { rd: own, label: mplsField(label), ip: maskPrefix(address, length), length }
  reflector.originate(
    source,
    family,
    nlri,
    { extendedCommunities: [...communities, hashSortOrder(order), RED], localPref },
    ip(nextHop),
  )
  clock.advance(2000)
  return () => {
    reflector.withdraw(source, family, nlri)
    clock.advance(2000)
  }
}

/** Everything that a failed request must leave as it was. */
function snapshot(of: TestNode): unknown {
  clock.advance(100)
  const { vpns } = of
  const { numbers: _, ...state } = vpns.snapshot()
  return { wanted: wanted(of), advertised: advertised(of), labels: [...vpns.labels.entries()], state }
}

describe('an endpoint', () => {
  test('is advertised with a label, and gets all that it needs; nothing is left of it at the end', async () => {
    const before = snapshot(a)
    await a.attach(request('192.168.10.1/24'))
    expect(advertised(a)).toEqual([
      '192.168.10.1/32 label 16 rd 10.77.0.11:1 [ encap:MPLS consistentHashSortOrder:0 target:64512:10 ] 100',
    ])
    expect(wanted(a)).toEqual([
      '192.168.10.1/32 in bvrf-1 by tap1',
      'address 192.168.10.254/24 on tap1',
      'bvrf-0 with table 65535 for chanter:dead end',
      'bvrf-1 with table 1001 for chanter:net1',
      'fixed-neighbour 192.168.10.1 on tap1',
      'label 16 by tap1 via 192.168.10.1',
      'mpls-interface mpls0',
      'nothing in bvrf-0 by 0.0.0.0/0',
      'nothing in bvrf-0 by ::/0',
      'nothing in bvrf-1 by 0.0.0.0/0',
      'nothing in bvrf-1 by ::/0',
      'tap1 in bvrf-1',
    ])
    expect(a.isInStep).toBe(true)
    await detach(a, '192.168.10.1')
    expect(snapshot(a)).toEqual(before)
  })

  test('has its LOCAL_PREF and its place in the hash order', async () => {
    await a.attach(request('192.168.10.1/24', { localPref: 0, hashOrder: 3 }))
    expect(advertised(a)[0]).toMatch(/consistentHashSortOrder:3 .* 0$/)
  })

  test('with IPv6 is a VPNv6 route, with the gateway of its own subnet', async () => {
    await a.attach(request('192.168.10.1/24'))
    await a.attach(request('2001:db8::1/64'))
    expect(advertised(a)).toHaveLength(2)
    expect(advertised(a)[1]).toMatch(/^2001:db8::1\/128 label 16 rd 10.77.0.11:1 /)
    expect(wanted(a)).toEqual(
      expect.arrayContaining([
        '2001:db8::1/128 in bvrf-1 by tap1',
        'address 192.168.10.254/24 on tap1',
        'address 2001:db8::ffff/64 on tap1',
        'label 16 by tap1 via 192.168.10.1',
      ]),
    )
    await detach(a, '192.168.10.1')
    expect(wanted(a)).toContain('label 16 by tap1 via 2001:db8::1')
    expect(wanted(a)).not.toContain('address 192.168.10.254/24 on tap1')
    expect(a.isInStep).toBe(true)
  })

  test('whose gateway is not in its subnet has it as an address alone', async () => {
    await a.attach(request('192.168.10.1/24', { gatewayIp: ip('169.254.1.1') }))
    expect(wanted(a)).toContain('address 169.254.1.1/32 on tap1')
  })

  test('that only receives is reached, and may not send', async () => {
    await a.attach(request('192.168.10.1/24', { direction: 'to-port' }))
    expect(advertised(a)).toHaveLength(1)
    expect(wanted(a)).toContain('tap1 in bvrf-0')
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
    expect(wanted(a)).toContain('label 16 by tap1 via 192.168.10.1')
    expect(wanted(a)).not.toContain('address 192.168.10.254/24 on tap1')
    expect(a.isInStep).toBe(true)
  })

  test('may be allowed to send, or forbidden to, as long as it is alone on its port', async () => {
    await a.attach(request('192.168.10.1/24'))
    await a.attach(request('192.168.10.1/24', { direction: 'to-port' }))
    expect(wanted(a)).toContain('tap1 in bvrf-0')
    await a.attach(request('192.168.10.1/24', { direction: 'from-port' }))
    expect(wanted(a)).toContain('tap1 in bvrf-1')
    const before = snapshot(a)
    await expect(a.attach(request('192.168.10.2/24', { direction: 'to-port' }))).rejects.toThrow(
      'direction: interface tap1 may send already, since 02:00:00:00:01:01 (192.168.10.1) on it is from-port',
    )
    expect(snapshot(a)).toEqual(before)
    await a.attach(request('192.168.10.2/24'))
    expect(a.isInStep).toBe(true)
  })

  test('that only sends is neither advertised nor reached', async () => {
    await a.attach(request('192.168.10.1/24', { direction: 'from-port' }))
    expect(advertised(a)).toEqual([])
    expect(wanted(a)).toContain('tap1 in bvrf-1')
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by bvrf-0'])
    expect(wanted(a)).not.toContain('label 16 by tap1 via 192.168.10.1')
    await a.attach(request('2001:db8::1/64', { direction: 'from-port' }))
    expect(routes(a)).toHaveLength(1)
    const withdraw = hear('192.168.10.1/32', B, 31)
    expect(routes(a)).toEqual([`192.168.10.1/32 in bvrf-1 by mpls0 via ${B} label 31`])
    withdraw()
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by bvrf-0'])
  })

  test('on a port that is down is attached, and reached when the port is up', async () => {
    a.driver.kernel.addLink('tap4')
    await a.attach(request('192.168.10.1/24', { port: 'tap4' }))
    expect(advertised(a)).toHaveLength(1)
  })
})

describe('a subnet behind several ports', () => {
  test('is advertised for each with an RD of its own, and shared among them here', async () => {
    await a.attach(request('192.168.10.1/24', { advertiseSubnet: true }))
    await a.attach(request('192.168.10.2/24', { ...second, advertiseSubnet: true }))
    expect(advertised(a).map((text) => text.split(' [')[0])).toEqual([
      '192.168.10.0/24 label 16 rd 10.77.0.11:2',
      '192.168.10.0/24 label 17 rd 10.77.0.11:3',
    ])
    expect(routes(a)).toEqual([
      '192.168.10.0/24 in bvrf-1 by tap1 via 192.168.10.1, tap2 via 192.168.10.2',
      '192.168.10.1/32 in bvrf-1 by tap1',
      '192.168.10.2/32 in bvrf-1 by tap2',
    ])
  })

  test('takes the address in its place when it is not advertised any more, and gives its RD back', async () => {
    await a.attach(request('192.168.10.1/24', { advertiseSubnet: true }))
    await a.attach(request('192.168.10.1/24'))
    expect(advertised(a).map((text) => text.split(' [')[0])).toEqual([
      '192.168.10.1/32 label 16 rd 10.77.0.11:1',
    ])
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
  })

  test('may have the same address on each of them', async () => {
    await a.attach(request('192.168.10.1/24', { advertiseSubnet: true }))
    await a.attach(request('192.168.10.1/24', { ...second, advertiseSubnet: true }))
    expect(routes(a)).toContain('192.168.10.1/32 in bvrf-1 by tap1, tap2')
    await detach(a, '192.168.10.1')
    expect(routes(a)).toContain('192.168.10.1/32 in bvrf-1 by tap2')
  })
})

describe('two nodes', () => {
  test('reach each other by labels over the reflector', async () => {
    const b = node(B)
    await a.attach(request('192.168.10.1/24'))
    await b.attach(request('192.168.10.2/24'))
    await b.attach(request('2001:db8::2/64'))
    await clock.run(5000)
    expect(routes(a)).toEqual([
      '192.168.10.1/32 in bvrf-1 by tap1',
      '192.168.10.2/32 in bvrf-1 by mpls0 via 10.77.0.12 label 16',
      '2001:db8::2/128 in bvrf-1 by mpls0 via ::ffff:a4d:c label 16',
    ])
    expect(routes(b)).toContain('192.168.10.1/32 in bvrf-1 by mpls0 via 10.77.0.11 label 16')
    expect(a.isInStep && b.isInStep).toBe(true)
    await detach(b, '192.168.10.2')
    await clock.run(5000)
    expect(routes(a)).toEqual([
      '192.168.10.1/32 in bvrf-1 by tap1',
      '2001:db8::2/128 in bvrf-1 by mpls0 via ::ffff:a4d:c label 16',
    ])
  })

  test('have an address both: each goes to its own', async () => {
    const b = node(B)
    for (const one of [a, b]) await one.attach(request('192.168.10.1/24'))
    await clock.run(5000)
    for (const one of [a, b]) expect(routes(one)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
    await a.attach(request('192.168.10.9/24', second))
    await detach(a, '192.168.10.1')
    await clock.run(5000)
    expect(routes(a)).toContain('192.168.10.1/32 in bvrf-1 by mpls0 via 10.77.0.12 label 16')
  })

  test('with IPv6 answer for each other on the ports whose link the address is on', async () => {
    await a.attach(request('2001:db8::1/64'))
    await a.attach(request('192.168.10.2/24', second))
    hear('2001:db8::2/128', B, 30)
    hear('2001:db8:9::3/128', B, 31)
    const proxies = () => wanted(a).filter((text) => text.startsWith('proxy'))
    expect(proxies()).toEqual(['proxy-neighbour 2001:db8::2 on tap1'])
    await a.attach(request('2001:db8::4/64', { port: 'tap3', mac: mac('02:00:00:00:01:03') }))
    expect(proxies()).toEqual([
      'proxy-neighbour 2001:db8::1 on tap3',
      'proxy-neighbour 2001:db8::2 on tap1',
      'proxy-neighbour 2001:db8::2 on tap3',
      'proxy-neighbour 2001:db8::4 on tap1',
    ])
    await detach(a, '2001:db8::4', { mac: mac('02:00:00:00:01:03') })
    expect(proxies()).toEqual(['proxy-neighbour 2001:db8::2 on tap1'])
  })
})

describe('routes for one prefix', () => {
  const to = () =>
    routes(a)
      .find((text) => text.startsWith('10.9.0.0/16'))
      ?.split(' by ')[1] ?? null

  beforeEach(() => a.attach(request('192.168.10.1/24')))

  test('share the traffic, in hash order, then in that of next hops', () => {
    hear('10.9.0.0/16', C, 30)
    hear('10.9.0.0/16', B, 31, { order: 1 })
    hear('10.9.0.0/16', '10.77.0.9', 32, { order: 1 })
    expect(to()).toBe(
      'mpls0 via 10.77.0.13 label 30, mpls0 via 10.77.0.9 label 32, mpls0 via 10.77.0.12 label 31',
    )
  })

  test('of the highest LOCAL_PREF only', () => {
    hear('10.9.0.0/16', C, 30, { localPref: 200 })
    hear('10.9.0.0/16', B, 31)
    expect(to()).toBe('mpls0 via 10.77.0.13 label 30')
  })

  test('and the same next hop are one path', () => {
    hear('10.9.0.0/16', B, 31)
    hear('10.9.0.0/16', B, 31, { rd: 2 })
    expect(to()).toBe('mpls0 via 10.77.0.12 label 31')
  })

  test.each([
    ['that wants VXLAN', { communities: [encapsulation(TunnelType.Vxlan)] }, 31],
    ['that wants GRE where there are no tunnels', { communities: [encapsulation(TunnelType.Gre)] }, 31],
    ['with a reserved label', {}, 3],
  ])('one %s is not used', (_, changes, label) => {
    hear('10.9.0.0/16', B, label, changes)
    expect(to()).toBeNull()
  })

  test('one without encapsulation is used', () => {
    hear('10.9.0.0/16', B, 31, { communities: [] })
    expect(to()).toBe('mpls0 via 10.77.0.12 label 31')
  })

  test('one to the address that we play the gateway at is not used', () => {
    hear('192.168.10.254/32', B, 31)
    expect(routes(a)).toEqual(['192.168.10.1/32 in bvrf-1 by tap1'])
  })

  test.each([A, '0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255'])(
    'one whose next hop is %s is not used',
    (nextHop) => {
      hear('10.9.0.0/16', nextHop, 16)
      expect(to()).toBeNull()
    },
  )

  test('one whose next hop becomes an address of this node is not used until it is none any more', () => {
    hear('10.9.0.0/16', B, 31)
    hear('10.9.0.0/16', C, 30, { localPref: 50 })
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
    hear('10.9.0.0/16', C, 30)
    hear('2001:db8:9::/64', C, 31)
    expect(to('10.9.0.0/16')).toBe('mpls0 via 10.77.0.254 label 17 label 30')
    expect(to('2001:db8:9::/64')).toBe('mpls0 via ::ffff:a4d:fe label 17 label 31')
    expect(a.isInStep).toBe(true)
  })

  test('is reached otherwise soon after the main table has become another', () => {
    hear('10.9.0.0/16', C, 30)
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
    hear('10.9.0.0/16', C, 30)
    expect(to('10.9.0.0/16')).toBe('mpls0 via 10.77.0.13 label 30')
  })
})

describe('VRFs of one host', () => {
  const green = { instanceId: 'green', ...second, importTargets: [RED], exportTargets: [BLUE] }
  const red = { importTargets: [BLUE], exportTargets: [RED] }

  test('that import each other send to the ports themselves', async () => {
    await a.attach(request('192.168.10.1/24', { ...red, advertiseSubnet: true }))
    await a.attach(request('192.168.20.2/24', green))
    clock.advance(100)
    expect(routes(a)).toEqual([
      '192.168.10.0/24 in bvrf-1 by tap1 via 192.168.10.1',
      '192.168.10.0/24 in bvrf-2 by tap1 via 192.168.10.1',
      '192.168.10.1/32 in bvrf-1 by tap1',
      '192.168.20.2/32 in bvrf-1 by tap2',
      '192.168.20.2/32 in bvrf-2 by tap2',
    ])
    expect(a.isInStep).toBe(true)
    await detach(a, '192.168.20.2', { instanceId: 'green', mac: second.mac })
    clock.advance(100)
    expect(routes(a)).toEqual([
      '192.168.10.0/24 in bvrf-1 by tap1 via 192.168.10.1',
      '192.168.10.1/32 in bvrf-1 by tap1',
    ])
    expect(wanted(a)).toContain('mpls-interface mpls0')
  })

  test('share a port that is attached to both: it sends into the first, and receives from both', async () => {
    await a.attach(request('192.168.10.1/24'))
    const also = request('192.168.20.2/24', { ...green, port: 'tap1' })
    await a.attach(also)
    const directions = () =>
      [...a.vpns.instances.values()].map(({ attachments }) => [...attachments].map((one) => one.direction))
    expect(directions()).toEqual([['both'], ['to-port']])
    expect(wanted(a)).toContain('tap1 in bvrf-1')
    const before = snapshot(a)
    await a.attach(also)
    expect(snapshot(a)).toEqual(before)
    expect(a.isInStep).toBe(true)
    await detach(a, '192.168.20.2', { instanceId: 'green', mac: second.mac })
    expect(wanted(a)).toContain('tap1 in bvrf-1')
  })

  test('do not share a port, unless one of them only sends to it', async () => {
    await a.attach(request('192.168.10.1/24'))
    await expect(
      a.attach(request('192.168.20.2/24', { ...green, port: 'tap1', direction: 'from-port' })),
    ).rejects.toThrow('local_port: interface tap1 is attached to VPN instance net1')
    await detach(a, '192.168.10.1')
    await a.attach(request('192.168.10.1/24', { direction: 'to-port' }))
    await a.attach(request('192.168.20.2/24', { ...green, port: 'tap1', direction: 'from-port' }))
    expect(wanted(a)).toContain('tap1 in bvrf-4')
    await detach(a, '192.168.10.1')
    await a.attach(request('192.168.10.1/24', { direction: 'to-port' }))
    expect(wanted(a)).toContain('tap1 in bvrf-4')
    const later = node('10.77.0.16', {
      identifier: ip(A),
      ipvpn: { address: ip(A), transport: { interface: 'mpls0' }, underlay: null, fromAnyone: false },
    })
    await later.vpns.restore(a.vpns.snapshot())
    expect(wanted(later)).toContain('tap1 in bvrf-4')
    await detach(a, '192.168.20.2', { instanceId: 'green', mac: second.mac })
    expect(wanted(a)).toContain('tap1 in bvrf-0')
    clock.advance(100)
    expect(a.isInStep).toBe(true)
    await a.attach(request('192.168.20.2/24', { ...green, port: 'tap1', direction: 'to-port' }))
    await detach(a, '192.168.10.1')
    expect(wanted(a)).toContain('tap1 in bvrf-0')
  })
})

describe('an IPv6 underlay', () => {
  const OURS = '2001:db8:77::11'
  const OTHERS = '2001:db8:77::12'

  test('carries both families by bare MPLS', async () => {
    a = node(B, {
      ipvpn: { address: ip(OURS), transport: { interface: 'mpls0' }, underlay: null, fromAnyone: false },
    })
    await a.attach(request('192.168.10.1/24'))
    expect([...a.speaker.rib.ownRoutes(VPNV4)].map(({ set }) => set.nextHop)).toEqual([ip(OURS)])
    hear('10.9.0.0/16', OTHERS, 31)
    hear('2001:db8:9::/64', OTHERS, 32)
    expect(routes(a)).toEqual([
      '10.9.0.0/16 in bvrf-1 by mpls0 via 2001:db8:77::12 label 31',
      '192.168.10.1/32 in bvrf-1 by tap1',
      '2001:db8:9::/64 in bvrf-1 by mpls0 via 2001:db8:77::12 label 32',
    ])
  })

  test('has tunnels of its own family', async () => {
    a = node(B, {
      ipvpn: { address: ip(OURS), transport: { tunnels: 'gre' }, underlay: null, fromAnyone: false },
    })
    await a.attach(request('192.168.10.1/24'))
    hear('10.9.0.0/16', OTHERS, 31, { communities: [] })
    hear('10.8.0.0/16', C, 32, { communities: [] })
    const [tunnel, ...others] = wanted(a).filter(
      (text) => text.startsWith('mpls---') && text.includes(' to '),
    )
    expect(others).toEqual([])
    expect(tunnel).toMatch(/^mpls---\w{8} in gre from 2001:db8:77::11 to 2001:db8:77::12$/)
    expect(routes(a)).toHaveLength(2)
  })
})

describe('MPLS in GRE', () => {
  beforeEach(async () => {
    network = new VirtualNetwork(clock)
    reflector = speakerAt(RR, [peerConfig(A, { families })], clock, network, { clusterId: ip(RR) })
    a = node(A, {
      ipvpn: { address: ip(A), transport: { tunnels: 'gre' }, underlay: null, fromAnyone: false },
    })
    await a.attach(request('192.168.10.1/24'))
  })

  test('is advertised, and has a tunnel to each provider edge as long as there are routes to it', () => {
    expect(advertised(a)[0]).toContain('encap:GRE')
    const forget = hear('10.9.0.0/16', B, 31, { communities: [encapsulation(TunnelType.Gre)] })
    const forgetLast = hear('10.8.0.0/16', B, 32, { communities: [], rd: 2 })
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
    hear('10.9.0.0/16', B, 31)
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
    network = new VirtualNetwork(clock)
    reflector = speakerAt(RR, [peerConfig(A, { families })], clock, network, { clusterId: ip(RR) })
    a = node(A, { ipvpn: { address: ip(A), transport: { tunnels: own }, underlay: null, fromAnyone: false } })
    await a.attach(request('192.168.10.1/24'))
  }

  test('is advertised, and accepted from every node at one UDP port', async () => {
    await start('udp')
    expect(advertised(a)[0]).toContain('encap:MPLS-in-UDP')
    expect(wanted(a)).toContain('udp-port 6635 of 10.77.0.11')
    const forget = hear('10.9.0.0/16', B, 31, { communities: UDP })
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
      const forget = hear('10.9.0.0/16', B, 31, { communities })
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
    hear('10.9.0.0/16', B, 31, { communities: [...GRE, ...UDP] })
    hear('10.8.0.0/16', B, 32, { communities: [], rd: 2 })
    expect(tunnels(a)).toEqual([tunnel])
  })
})

describe('an attach that fails leaves everything as it was', () => {
  test.each([
    ['a refused port', 'vrf-port'],
    ['a refused label', 'mpls'],
    ['a refused route', 'route'],
  ] as const)('%s, of the first endpoint', async (_, kind) => {
    const before = snapshot(a)
    a.driver.fail((op, entry) => op === 'set' && entry.kind === kind, refusal('EPERM', 'no'), 3)
    await expect(a.attach(request('192.168.10.1/24', { advertiseSubnet: true }))).rejects.toThrow('EPERM: no')
    expect(snapshot(a)).toEqual(before)
  })

  test('a missing feature of the kernel refuses the attach that needs it', async () => {
    a.driver.fail(
      (op, entry) => op === 'set' && entry.kind === 'vrf',
      refusal('EOPNOTSUPP', 'Unknown device type: modprobe vrf'),
    )
    await expect(a.attach(request('192.168.10.1/24'))).rejects.toMatchObject({
      code: 'KERNEL_UNSUPPORTED',
      message: 'cannot set up tap1: EOPNOTSUPP: Unknown device type: modprobe vrf',
    })
    const other = node('10.77.0.15', { lacks: () => 'the kernel has no MPLS: modprobe mpls_router' })
    await expect(other.attach(request('192.168.10.1/24'))).rejects.toMatchObject({
      code: 'VPN_TYPE_UNAVAILABLE',
      message: 'vpn_type: ipvpn cannot be served: the kernel has no MPLS: modprobe mpls_router',
    })
  })

  test('of another endpoint on the same port', async () => {
    await a.attach(request('192.168.10.1/24'))
    const before = snapshot(a)
    a.driver.fail((op, entry) => op === 'set' && entry.kind === 'fixed-neighbour', refusal('EPERM', 'no'))
    await expect(a.attach(request('192.168.10.7/24', { gatewayIp: ip('192.168.10.253') }))).rejects.toThrow(
      'EPERM',
    )
    expect(snapshot(a)).toEqual(before)
    expect(a.isInStep).toBe(true)
  })

  test('when it is of the other type', async () => {
    await a.attach(request('192.168.10.1/24'))
    const before = snapshot(a)
    await expect(a.attach({ ip: parseInterfaceAddress('192.168.10.2/24')! })).rejects.toThrow(
      'vpn_type: VPN instance net1 is of type ipvpn, not evpn',
    )
    expect(snapshot(a)).toEqual(before)
  })
})

describe('a re-attach', () => {
  beforeEach(() => a.attach(request('192.168.10.1/24')))

  test('that changes nothing sends nothing', async () => {
    const [before] = a.speaker.rib.ownRoutes(VPNV4)
    await a.attach(request('192.168.10.1/24'))
    expect([...a.speaker.rib.ownRoutes(VPNV4)][0]).toBe(before)
  })

  test('changes targets and LOCAL_PREF under the same label and RD', async () => {
    await a.attach(request('192.168.10.1/24', { exportTargets: [BLUE], localPref: 50 }))
    expect(advertised(a)).toEqual([
      '192.168.10.1/32 label 16 rd 10.77.0.11:1 [ encap:MPLS consistentHashSortOrder:0 target:64512:20 ] 50',
    ])
  })

  test('moves the gateway', async () => {
    await a.attach(request('192.168.10.1/25', { gatewayIp: ip('192.168.10.126') }))
    expect(wanted(a).filter((text) => text.startsWith('address'))).toEqual([
      'address 192.168.10.126/25 on tap1',
    ])
  })
})

describe('settings of the whole machine', () => {
  const ranges: Ranges = { labels: [5000, 5002], tables: [300, 303], vrfPrefix: 'vpn' }

  test('is taken from the ranges of the configuration, and passed over where others have it', async () => {
    a = node(B, { ranges })
    const { kernel } = a.driver
    kernel.addLink('vpn1', { kind: 'dummy' })
    kernel.addLink('mgmt', { kind: 'vrf', table: 300, up: true })
    kernel.ip.set({ kind: 'mpls', device: 'lo', label: 5000, hops: [] }, false)
    await a.attach(request('192.168.10.1/24'))
    expect(wanted(a)).toContain('vpn2 with table 301 for chanter:net1')
    expect(advertised(a)[0]).toContain('label 5001 ')
    expect(a.isInStep).toBe(true)
  })

  test('goes on with the device and table that a daemon left of which no state is kept', async () => {
    a = node(B, { ranges })
    for (const [name, id, table] of [
      ['vpn7', 'net1', 303],
      ['vpn8', 'dead end', 301],
    ] as const)
      a.driver.kernel.addLink(name, { kind: 'vrf', alias: `chanter:${id}`, table, up: true })
    await a.attach(request('192.168.10.1/24'))
    expect(wanted(a)).toContain('vpn7 with table 303 for chanter:net1')
    expect(wanted(a)).toContain('vpn8 with table 301 for chanter:dead end')
    await a.attach(request('192.168.20.2/24', { ...second, instanceId: 'net2' }))
    expect(wanted(a)).toContain('vpn2 with table 300 for chanter:net2')
  })

  test('a range that is used up is named, and nothing is left of the attach', async () => {
    a = node(B, { ranges: { ...ranges, tables: [300, 301] } })
    await a.attach(request('192.168.10.1/24'))
    const before = snapshot(a)
    const other = request('192.168.20.2/24', { ...second, instanceId: 'net2' })
    await expect(a.attach(other)).rejects.toThrow('all routing tables of table_range are taken')
    expect(snapshot(a)).toEqual(before)
    await detach(a, '192.168.10.1')
    await a.attach(other)
    expect(wanted(a)).toContain('vpn2 with table 300 for chanter:net2')
  })

  test('a state file without table and device is of a daemon that counted them', async () => {
    await a.attach(request('192.168.10.1/24'))
    const { instances, footprint } = a.vpns.snapshot()
    const former = instances.map((one) => ({ ...one, table: undefined, device: undefined }))
    const later = node('10.77.0.16', { ranges })
    await later.vpns.restore({ instances: former as typeof instances, footprint })
    expect(wanted(later)).toContain('bvrf-1 with table 1001 for chanter:net1')
  })
})

test('a daemon that comes after another has the same labels, RDs, table and device', async () => {
  await a.attach(request('192.168.10.9/24', { instanceId: 'gone', port: 'tap3' }))
  await a.attach(request('192.168.10.1/24', { advertiseSubnet: true, hashOrder: 2 }))
  await detach(a, '192.168.10.9', { instanceId: 'gone' })
  const before = snapshot(a)
  const later = node('10.77.0.16', {
    identifier: ip(A),
    ipvpn: { address: ip(A), transport: { interface: 'mpls0' }, underlay: null, fromAnyone: false },
  })
  await later.vpns.restore(a.vpns.snapshot())
  expect(snapshot(later)).toEqual(before)
  expect(wanted(later)).toContain('bvrf-2 with table 1002 for chanter:net1')
})

test('a daemon whose driver for IP VPNs is a dummy now clears away what its predecessor had in the kernel', async () => {
  await a.attach(request('192.168.10.1/24'))
  const later = node('10.77.0.16', { drivers: { evpn: 'linux', ipvpn: 'dummy' } })
  later.driver.kernel.addLink('bvrf-1', { kind: 'vrf', alias: 'chanter:net1', up: true, table: 1001 })
  await later.vpns.restore(a.vpns.snapshot())
  await clock.run(1000)
  expect(wanted(later)).toEqual([])
  expect([...later.driver.kernel.links.keys()]).not.toContain('bvrf-1')
  expect(later.vpns.snapshot()).toMatchObject({ instances: [{ id: 'net1' }], footprint: [] })
})
