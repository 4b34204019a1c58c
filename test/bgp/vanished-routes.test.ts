import { beforeEach, describe, expect, test } from 'vitest'
import { noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { EVPN, type Family, VPNV4, VPNV6 } from '../../src/bgp/family.ts'
import { Imports } from '../../src/bgp/imports.ts'
import {
  isStale,
  localSource,
  markStale,
  newSource,
  type Route,
  type Source,
} from '../../src/bgp/rib/route.ts'
import type { Speaker } from '../../src/bgp/speaker.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { formatMac } from '../../src/values/mac.ts'
import { ip, macRoute, rt, speakerAt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'
import { VirtualNetwork } from '../support/virtual-network.ts'

const RED = rt('64512:10')
const A = '10.77.0.11'
const B = '10.77.0.12'
const FAMILIES: readonly Family[] = [EVPN, VPNV4, VPNV6]
const [MAC1, MAC2, MAC3] = ['02:00:00:00:01:01', '02:00:00:00:01:02', '02:00:00:00:01:03'] as const

let clock: VirtualClock
let speaker: Speaker
let imports: Imports<Route>
let reflector: Source
let changes: number
let unlearned: number

beforeEach(() => begin(20))

function begin(vanishedSeconds: number): void {
  clock = new VirtualClock()
  speaker = speakerAt('10.77.0.13', [], clock, new VirtualNetwork(clock), { vanishedSeconds })
  const facts = { address: ip('10.77.0.1'), as: 64512, internal: true, isClient: false, identifier: 1 }
  reflector = newSource('BGP-10.77.0.1', facts)
  changes = 0
  unlearned = 0
  imports = new Imports(speaker, localSource('EVI-1'), {
    accepts: (route): route is Route => FAMILIES.includes(route.family),
    learn: () => changes++,
    unlearn: () => {
      changes++
      unlearned++
    },
  })
  imports.set(new Set([RED]))
}

function advertise(node: string, ...macs: string[]): void {
  const attributes = { ...noAttributes(), origin: 0, asPath: [], extendedCommunities: [RED] }
  for (const mac of macs) {
    const set = speaker.rib.pool.originated(attributes, ip(node))
    speaker.rib.advertise(reflector, EVPN, macRoute(node, mac, null), 0, set)
  }
  clock.advance(0)
}

const prefixOf = (family: Family, node: string) => ({
  rd: ipv4Rd(ip(node), 1),
  label: 16 << 4,
  ip: ip(family === VPNV4 ? '10.0.0.1' : '2001:db8::1'),
  length: family === VPNV4 ? 32 : 128,
})

/** Advertises or withdraws the prefix of a node in a family. */
function prefix(family: Family, node: string, isWithdrawn = false): void {
  const nlri = prefixOf(family, node)
  const attributes = { ...noAttributes(), origin: 0, asPath: [], extendedCommunities: [RED] }
  if (isWithdrawn) speaker.rib.withdraw(reflector, family, nlri, 0)
  else speaker.rib.advertise(reflector, family, nlri, 0, speaker.rib.pool.originated(attributes, ip(node)))
  clock.advance(0)
}

function withdraw(node: string, ...macs: string[]): void {
  for (const mac of macs) speaker.rib.withdraw(reflector, EVPN, macRoute(node, mac, null), 0)
  clock.advance(0)
}

const here = (): Route[] => [...imports.routes()]
const stale = (): boolean[] => here().map(isStale)

describe('a remote node whose routes', () => {
  test('go all at once is kept as stale for the time that is configured', () => {
    advertise(A, MAC1, MAC2)
    withdraw(A, MAC1, MAC2)
    expect(stale()).toEqual([true, true])
    expect([...imports.vanishedNodes()]).toEqual([[ip(A), { routes: 2, leftMs: 20_000 }]])
    clock.advance(19_000)
    expect(here()).toHaveLength(2)
    clock.advance(1_000)
    expect(here()).toEqual([])
    expect(imports.vanishedNodes().size).toBe(0)
  })

  test('go while others of it stay loses them a second later; until then they are stale', () => {
    advertise(A, MAC1, MAC2, MAC3)
    advertise(B, MAC1)
    withdraw(A, MAC1, MAC2)
    expect(stale().sort()).toEqual([false, false, true, true])
    expect(imports.vanishedNodes().size).toBe(0)
    clock.advance(1_000)
    expect(stale()).toEqual([false, false])
  })

  test('go while another node is vanishing are lost a second later as well', () => {
    advertise(A, MAC1)
    advertise(B, MAC2, MAC3)
    withdraw(A, MAC1)
    withdraw(B, MAC2)
    clock.advance(1_000)
    expect(stale().sort()).toEqual([false, true])
  })

  test('go in several messages are in forwarding all the time', () => {
    advertise(A, MAC1, MAC2, MAC3)
    for (const mac of [MAC1, MAC2, MAC3]) {
      withdraw(A, mac)
      clock.advance(400)
    }
    clock.advance(10_000)
    expect(stale()).toEqual([true, true, true])
    expect(unlearned).toBe(0)
  })

  test.each([
    ['IPv4', VPNV4, VPNV6],
    ['IPv6', VPNV6, VPNV4],
  ])('go one family after the other, %s first, are in forwarding all the time', (_, first, second) => {
    prefix(first, A)
    prefix(second, A)
    prefix(first, B)
    prefix(first, A, true)
    clock.advance(50)
    prefix(second, A, true)
    clock.advance(1_000)
    expect(stale().sort()).toEqual([false, true, true])
    expect(unlearned).toBe(0)
    expect(imports.vanishedNodes().get(ip(A))?.routes).toBe(2)
  })

  test('went one after the other, over a while, keeps the last alone', () => {
    advertise(A, MAC1, MAC2)
    withdraw(A, MAC1)
    clock.advance(1_100)
    withdraw(A, MAC2)
    clock.advance(1_000)
    expect(here()).toHaveLength(1)
  })

  test('go all at once, except for those that are stale since the session was lost, are kept as stale', () => {
    advertise(A, MAC1, MAC2)
    markStale(reflector, EVPN)
    // the node detached MAC1 while there was no session
    advertise(A, MAC2, MAC3)
    withdraw(A, MAC2, MAC3)
    expect(stale()).toEqual([true, true, true])
  })

  test('go while others of it that are not stale stay loses them a second later', () => {
    advertise(A, MAC1, MAC2)
    markStale(reflector, EVPN)
    advertise(A, MAC2, MAC3)
    withdraw(A, MAC2)
    clock.advance(1_000)
    expect(here()).toHaveLength(2)
  })

  test('come back loses what does not come back with them, when the time is over', () => {
    advertise(A, MAC1, MAC2)
    withdraw(A, MAC1, MAC2)
    clock.advance(2_000)
    advertise(A, MAC2)
    expect(stale().filter(Boolean)).toHaveLength(1)
    withdraw(B, MAC1)
    clock.advance(18_000)
    expect(here()).toHaveLength(1)
    expect(stale()).toEqual([false])
    // and vanishes again
    withdraw(A, MAC2)
    expect(stale()).toEqual([true])
  })

  test('come back at another node belong to that one at once', () => {
    advertise(A, MAC1, MAC2)
    withdraw(A, MAC1)
    advertise(B, MAC1)
    expect(stale()).toEqual([true, false, false])
    clock.advance(1_000)
    expect(stale()).toEqual([false, false])
  })

  test('go by the thousand leave other work its turn', () => {
    const macs = Array.from({ length: 2500 }, (_, i) => formatMac(0x020000010000 + i))
    advertise(A, ...macs, MAC1)
    withdraw(A, ...macs)
    clock.advance(999)
    expect(unlearned).toBe(0)
    let most = 0
    const watch = (before: number, turns: number): void => {
      most = Math.max(most, unlearned - before)
      if (turns > 0) clock.soon(() => watch(unlearned, turns - 1))
    }
    clock.after(1, () => watch(0, 10))
    clock.advance(1)
    expect([unlearned, most <= 1000]).toEqual([2500, true])
  })

  test('go without this being configured is gone at once', () => {
    begin(0)
    advertise(A, MAC1)
    withdraw(A, MAC1)
    expect(here()).toEqual([])
  })
})

test('a route that loses its route target leaves the VPN at once', () => {
  advertise(A, MAC1)
  const attributes = { ...noAttributes(), origin: 0, asPath: [], extendedCommunities: [rt('64512:20')] }
  const set = speaker.rib.pool.originated(attributes, ip(A))
  speaker.rib.advertise(reflector, EVPN, macRoute(A, MAC1, null), 0, set)
  clock.advance(0)
  expect(here()).toEqual([])
})

test('a VPN instance that ends keeps nothing', () => {
  advertise(A, MAC1, MAC2)
  withdraw(A, MAC1, MAC2)
  imports.set(new Set())
  expect(here()).toEqual([])
  const before = changes
  clock.advance(60_000)
  expect(changes).toBe(before)
})
