import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/dataplane/model.ts'
import { eventually } from '../../src/lab/eventually.ts'
import { formatMac } from '../../src/values/mac.ts'
import { mac } from '../dataplane/entries.ts'
import * as e from '../dataplane/ip-entries.ts'
import { addNamespaces, addVeth, ip, removeNamespaces, runIn, setSysctl } from './network.ts'
import { ProviderEdge } from './provider-edge.ts'

/** Customers `ce1`..`ce3` of the red VPN, `ce4` of the blue one; the first and last ones are at `pe1`. */
const HOMES = { ce1: 'pe1', ce2: 'pe2', ce3: 'pe3', ce4: 'pe1' } as const
type Customer = keyof typeof HOMES

/** What a router has set that takes packets with labels from `gre` for customer `ce2`. */
const ROUTER = {
  'net/ipv4/ip_forward': 1,
  'net/ipv6/conf/all/forwarding': 1,
  'net/ipv6/conf/ce2/accept_dad': 0,
  'net/ipv6/conf/ce2/proxy_ndp': 1,
  'net/mpls/platform_labels': 1000,
  'net/mpls/conf/gre/input': 1,
}

let edges: Record<'pe1' | 'pe2' | 'pe3', ProviderEdge>

beforeEach(() => {
  addNamespaces('core', 'pe1', 'pe2', 'pe3', 'ce1', 'ce2', 'ce3', 'ce4')
  ip('core', 'link add lan up type bridge')
  for (const n of [1, 2, 3]) {
    addVeth([`pe${n}`, 'core0'], ['core', `to${n}`])
    ip('core', `link set to${n} master lan`)
    ip(`pe${n}`, `address add 192.0.2.${n}/24 dev core0`, `address add 2001:db8:c::${n}/64 dev core0 nodad`)
  }
  for (const [customer, home] of Object.entries(HOMES)) {
    addVeth([home, customer], [customer, 'eth0'])
    const n = numberOf(customer)
    ip(
      customer,
      `link set eth0 address ${formatMac(mac(n))}`,
      `address add 10.0.0.${10 + n}/24 dev eth0`,
      `address add 2001:db8::${10 + n}/64 dev eth0 nodad`,
      'route add default via 10.0.0.1',
      'route add default via 2001:db8::1',
    )
  }
  edges = { pe1: new ProviderEdge('pe1'), pe2: new ProviderEdge('pe2'), pe3: new ProviderEdge('pe3') }
})

afterEach(() => {
  for (const edge of Object.values(edges)) edge.close()
  removeNamespaces()
})

function numberOf(customer: string): number {
  return Number(customer.slice(2))
}

/** All that a customer's own edge needs for it; its label is 100 and its number. */
function attachment(customer: Customer, vrf = e.red): Entry[] {
  const n = numberOf(customer)
  return [
    vrf,
    e.unreachable('0.0.0.0/0', vrf),
    e.unreachable('::/0', vrf),
    e.port(customer, vrf),
    e.address('10.0.0.1/24', customer),
    e.address('2001:db8::1/64', customer),
    e.fixed(`10.0.0.${10 + n}`, n, customer),
    e.fixed(`2001:db8::${10 + n}`, n, customer),
    ...reach(customer, [customer], vrf),
    e.label(100 + n, `${customer} via 10.0.0.${10 + n}`),
  ]
}

/** Routes of a VRF to a customer. */
function reach(customer: Customer, hops: readonly string[], vrf = e.red, hops6 = hops): Entry[] {
  const n = numberOf(customer)
  return [e.route(`10.0.0.${10 + n}/32`, hops, vrf), e.route(`2001:db8::${10 + n}/128`, hops6, vrf)]
}

function ping(from: Customer, address: string): string {
  return runIn(from, `ping -c 3 -i 0.2 -W 2 ${address}`)
}

function expectPing(from: Customer, to: Customer): void {
  expect(ping(from, `10.0.0.${10 + numberOf(to)}`)).toContain(' 0% packet loss')
  expect(ping(from, `2001:db8::${10 + numberOf(to)}`)).toContain(' 0% packet loss')
}

/** What of a customer elsewhere has to be answered for at a port. */
function proxies(port: Customer, ...customers: readonly Customer[]): Entry[] {
  return customers.map((customer) => e.proxy(`2001:db8::${10 + numberOf(customer)}`, port))
}

describe('customers of one subnet reach each other', () => {
  test('over labels on a common link', async () => {
    for (const [edge, here, there, label] of [
      ['pe1', 'ce1', 'ce2', 102],
      ['pe2', 'ce2', 'ce1', 101],
    ] as const) {
      const n = numberOf(there)
      await edges[edge].wantInPlace(
        ...attachment(here),
        ...proxies(here, there),
        e.core,
        ...reach(there, [`core0 via 192.0.2.${n} push ${label}`], e.red, [
          `core0 via 2001:db8:c::${n} push ${label}`,
        ]),
      )
    }
    expectPing('ce1', 'ce2')
    expect(() => ping('ce1', '198.51.100.1')).toThrow()
  })

  test.each(['192.0.2.', '2001:db8:c::'])('over labels in GRE between %s0/24', async (network) => {
    for (const [edge, here, there] of [
      ['pe1', 'ce1', 'ce2'],
      ['pe2', 'ce2', 'ce1'],
    ] as const) {
      const [local, remote] = [numberOf(here), numberOf(there)].map((n) => e.hop(`x via ${network}${n}`).via)
      if (!local || !remote) throw new Error('no addresses')
      await edges[edge].wantInPlace(
        ...attachment(here),
        ...proxies(here, there),
        { ...e.gre, local, remote },
        ...reach(there, [`gre-2 push ${100 + numberOf(there)}`]),
      )
    }
    expectPing('ce1', 'ce2')
  })

  test('over labels in GRE, of which one edge is a plain Linux router', async () => {
    await edges.pe1.wantInPlace(
      ...attachment('ce1'),
      ...proxies('ce1', 'ce2'),
      e.gre,
      ...reach('ce2', ['gre-2 push 102']),
    )
    ip(
      'pe2',
      'link add gre up type gre local 192.0.2.2 remote 192.0.2.1',
      'link add blue up type vrf table 10',
    )
    for (const [name, value] of Object.entries(ROUTER)) setSysctl('pe2', name, value)
    ip(
      'pe2',
      'link set ce2 master blue',
      'address add 10.0.0.1/24 dev ce2',
      'address add 2001:db8::1/64 dev ce2 nodad',
      'route add 10.0.0.11/32 encap mpls 101 dev gre table 10',
      'route add 2001:db8::11/128 encap mpls 101 dev gre table 10',
      'neigh add proxy 10.0.0.11 dev ce2',
      'neigh add proxy 2001:db8::11 dev ce2',
    )
    runIn('pe2', 'ip -f mpls route add 102 dev blue')
    expectPing('ce1', 'ce2')
    expectPing('ce2', 'ce1')
  })

  test('at two ports of one VRF, and by a label that the VRF itself has', async () => {
    await edges.pe1.wantInPlace(
      ...attachment('ce1'),
      ...attachment('ce4'),
      ...proxies('ce1', 'ce4', 'ce2'),
      ...proxies('ce4', 'ce1', 'ce2'),
      e.core,
      e.label(200, 'bvrf-1'),
      ...reach('ce2', ['core0 via 192.0.2.2 push 102'], e.red, ['core0 via 2001:db8:c::2 push 102']),
    )
    const toPe1 = [['core0 via 192.0.2.1 push 200'], ['core0 via 2001:db8:c::1 push 200']] as const
    await edges.pe2.wantInPlace(
      ...attachment('ce2'),
      ...proxies('ce2', 'ce1', 'ce4'),
      e.core,
      ...reach('ce1', toPe1[0], e.red, toPe1[1]),
      ...reach('ce4', toPe1[0], e.red, toPe1[1]),
    )
    expectPing('ce1', 'ce4')
    expectPing('ce1', 'ce2')
    expectPing('ce2', 'ce4')
  })

  test('in two VRFs that let each other in, on one host', async () => {
    await edges.pe1.wantInPlace(
      ...attachment('ce1', e.red),
      ...attachment('ce4', e.blue),
      ...proxies('ce1', 'ce4'),
      ...proxies('ce4', 'ce1'),
    )
    expect(() => ping('ce1', '10.0.0.14')).toThrow()
    await edges.pe1.wantInPlace(...reach('ce4', ['ce4'], e.red), ...reach('ce1', ['ce1'], e.blue))
    // the customer has given up asking, for a while
    await eventually('the customer asks again', async () => ({ value: ping('ce1', '10.0.0.14') }))
    expectPing('ce1', 'ce4')
  })
})

test('flows to one prefix go by two edges', async () => {
  const anycast = '10.0.9.0/24'
  await edges.pe1.wantInPlace(
    ...attachment('ce1'),
    e.core,
    e.route(anycast, ['core0 via 192.0.2.2 push 102', 'core0 via 192.0.2.3 push 103']),
  )
  for (const [edge, here] of [
    ['pe2', 'ce2'],
    ['pe3', 'ce3'],
  ] as const) {
    const back = ['core0 via 192.0.2.1 push 101']
    await edges[edge].wantInPlace(...attachment(here), e.core, ...reach('ce1', back).slice(0, 1))
    ip(here, ...Array.from({ length: 16 }, (_, i) => `address add 10.0.9.${i + 1}/32 dev eth0`))
  }
  const replies = Array.from({ length: 16 }, (_, i) => runIn('ce1', `ping -c 1 -W 2 10.0.9.${i + 1}`))
  for (const reply of replies) expect(reply).toContain(' 0% packet loss')
  for (const edge of ['pe2', 'pe3'] as const) expect(edges[edge].labelledPackets('core0')).toBeGreaterThan(1)
})
