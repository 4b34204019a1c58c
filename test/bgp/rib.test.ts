import { beforeEach, describe, expect, test } from 'vitest'
import { type Attributes, noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { EVPN, VPNV4 } from '../../src/bgp/family.ts'
import type { Nlri } from '../../src/bgp/nlri/index.ts'
import type { AttributeSet } from '../../src/bgp/rib/attribute-pool.ts'
import { whyBetter } from '../../src/bgp/rib/best-path.ts'
import { Rib } from '../../src/bgp/rib/rib.ts'
import { beginGeneration, newSource, type Route, type Source } from '../../src/bgp/rib/route.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { formatMac } from '../../src/values/mac.ts'
import { ip, macRoute, rt } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const RD = '10.0.0.1'
const RED = rt('64512:10')
const ATTRIBUTES = { origin: 0, asPath: [], localPref: 100, extendedCommunities: [RED] }

/** Counts the slices of the RIB. */
class CountingClock extends VirtualClock {
  slices = 0

  override soon(run: () => void): void {
    this.slices++
    super.soon(run)
  }
}

let clock: CountingClock
let rib: Rib

beforeEach(() => {
  clock = new CountingClock()
  rib = new Rib(clock)
})

const peer = (number: number, changes: { internal?: boolean; as?: number } = {}): Source =>
  newSource(`BGP-${number}`, {
    address: ip(`10.77.${number >> 8}.${number & 0xff}`),
    as: 64512,
    internal: true,
    isClient: true,
    identifier: number,
    ...changes,
  })

const mac = (number: number): Nlri => macRoute(RD, formatMac(0x020000000000 + number), null)

const setOf = (changes: Partial<Attributes>): AttributeSet =>
  rib.pool.originated({ ...noAttributes(), ...ATTRIBUTES, ...changes }, ip(RD))

function announce(source: Source, nlri: Nlri, changes: Partial<Attributes> = {}, family = EVPN): void {
  rib.announce(source, family, nlri, 0, setOf(changes))
}

const prefix = (number: number): Nlri => ({
  ip: ip(`10.0.${number >> 8}.${number & 0xff}`),
  length: 32,
  rd: ipv4Rd(ip(RD), 1),
  label: 16,
})

const ROUNDS = 60

/** Changes 2,000 routes in each turn of the event loop; `round` says in which. */
function churn(): { round: number } {
  const source = peer(9)
  const routes = Array.from({ length: 2000 }, (_, i) => mac(i))
  const churned = { round: 0 }
  const turn = (): void => {
    churned.round++
    const set = setOf({ multiExitDisc: churned.round })
    for (const nlri of routes) rib.announce(source, EVPN, nlri, 0, set)
    if (churned.round < ROUNDS) clock.soon(turn)
  }
  clock.soon(turn)
  return churned
}

describe('a peer whose routes change without end', () => {
  test('holds up no walk and no sweep', () => {
    const other = peer(1)
    for (let i = 0; i < 500; i++) announce(other, mac(1_000_000 + i))
    clock.settle()
    const churned = churn()
    const ends: number[] = []
    clock.soon(() => {
      const done = (): void => {
        ends.push(churned.round)
      }
      rib.walk(rib.best(EVPN), () => true, done)
      rib.walk(rib.best(EVPN), () => true, done)
      rib.settled(done)
      rib.sweep(other, EVPN, beginGeneration(other))
    })
    let swept = ROUNDS
    rib.listen({
      bestChanged: (_, current) => {
        if (current === null) swept = churned.round
      },
    })
    clock.settle()
    expect(ends).toHaveLength(3)
    expect(Math.max(...ends, swept)).toBeLessThan(30)
  })

  test('holds up no change of another family', () => {
    const churned = churn()
    let seen = ROUNDS
    rib.listen({
      bestChanged: (_, current) => {
        if (current?.family === VPNV4) seen = churned.round
      },
    })
    clock.soon(() => announce(peer(1), prefix(1), {}, VPNV4))
    clock.settle()
    expect(seen).toBeLessThan(10)
  })

  test('does not make walks longer by what it adds to the table', () => {
    const source = peer(9)
    for (let i = 0; i < 100; i++) announce(source, mac(i))
    clock.settle()
    let visited = 0
    rib.walk(rib.best(EVPN), () => {
      const key = [...rib.best(EVPN)][0]!.key
      rib.withdraw(source, EVPN, key, 0)
      announce(source, mac(1000 + visited))
      return ++visited < 1000
    })
    clock.settle()
    expect(visited).toBeLessThanOrEqual(100)
  })
})

test('the loss of many peers costs what they had, not the whole table each', () => {
  const peers = Array.from({ length: 50 }, (_, i) => peer(i + 1))
  for (const [i, source] of peers.entries()) for (let j = 0; j < 100; j++) announce(source, mac(i * 100 + j))
  clock.settle()
  const before = clock.slices
  for (const source of peers) rib.sweep(source, EVPN, beginGeneration(source))
  clock.settle()
  expect([...rib.best(EVPN)]).toEqual([])
  expect(clock.slices - before).toBeLessThan(20)
})

describe('MED (RFC 4271 §9.1.2.2 c)', () => {
  const path = (as: number) => [{ type: 2, asns: [as] }]
  /** AS, MED and identifier: the third beats the first, and both lose by their identifiers to others. */
  const ROUTES = [
    { as: 1, med: 10, source: peer(1, { internal: false, as: 1 }) },
    { as: 2, med: 0, source: peer(2, { internal: false, as: 2 }) },
    { as: 1, med: 5, source: peer(3, { internal: false, as: 1 }) },
  ]
  const add = ({ as, med, source }: (typeof ROUTES)[number]): void =>
    announce(source, mac(1), { asPath: path(as), multiExitDisc: med })
  const best = (): Route => [...rib.best(EVPN)][0]!

  test.each([[[0, 1, 2]], [[0, 2, 1]], [[1, 0, 2]], [[1, 2, 0]], [[2, 0, 1]], [[2, 1, 0]]])(
    'chooses the same of routes that come in any order: %j',
    (order) => {
      for (const i of order) add(ROUTES[i]!)
      expect(best().source.name).toBe('BGP-2')
      const { source } = ROUTES[2]!
      rib.withdraw(source, EVPN, best().key, 0)
      expect(best().source.name).toBe('BGP-1')
      add(ROUTES[2]!)
      expect(best().source.name).toBe('BGP-2')
    },
  )

  test('is the reason why a route loses to one that it would beat', () => {
    for (const route of ROUTES) add(route)
    const losers: Route[] = []
    for (let route = best().next; route !== null; route = route.next) losers.push(route)
    const reasons = losers.map((loser) => [loser.source.name, whyBetter(best(), loser)])
    expect(Object.fromEntries(reasons)).toEqual({
      'BGP-1': 'another one of its AS has a lower MED',
      'BGP-3': 'lower BGP identifier',
    })
  })
})
