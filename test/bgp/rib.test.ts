import { describe, expect, test } from 'vitest'
import { noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { EVPN, VPNV4 } from '../../src/bgp/family.ts'
import type { Nlri } from '../../src/bgp/nlri/index.ts'
import { beginGeneration, markStale, type Route, type Source } from '../../src/bgp/rib/route.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { ip } from '../support/speakers.ts'
import { ATTRIBUTES, advertise, clock, mac, peer, RD, rib, setOf } from './rib-setup.ts'

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
    for (const nlri of routes) rib.advertise(source, EVPN, nlri, 0, set)
    if (churned.round < ROUNDS) clock.soon(turn)
  }
  clock.soon(turn)
  return churned
}

describe('a peer whose routes change without end', () => {
  test('holds up no walk and no sweep', () => {
    const other = peer(1)
    for (let i = 0; i < 500; i++) advertise(other, mac(1_000_000 + i))
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
    clock.soon(() => advertise(peer(1), prefix(1), {}, VPNV4))
    clock.settle()
    expect(seen).toBeLessThan(10)
  })

  test('does not make walks longer by what it adds to the table', () => {
    const source = peer(9)
    for (let i = 0; i < 100; i++) advertise(source, mac(i))
    clock.settle()
    let visited = 0
    rib.walk(rib.best(EVPN), () => {
      const { nlri } = [...rib.best(EVPN)][0]!
      rib.withdraw(source, EVPN, nlri, 0)
      advertise(source, mac(1000 + visited))
      return ++visited < 1000
    })
    clock.settle()
    expect(visited).toBeLessThanOrEqual(100)
  })
})

test('the loss of many peers costs what they had, not the whole table each', () => {
  const peers = Array.from({ length: 50 }, (_, i) => peer(i + 1))
  for (const [i, source] of peers.entries()) for (let j = 0; j < 100; j++) advertise(source, mac(i * 100 + j))
  clock.settle()
  const before = clock.slices
  for (const source of peers) rib.sweep(source, EVPN, beginGeneration(source))
  clock.settle()
  expect([...rib.best(EVPN)]).toEqual([])
  expect(clock.slices - before).toBeLessThan(20)
})

test('a walk and a sweep of many routes let other work have its turn', () => {
  const source = peer(1)
  for (let i = 0; i < 5000; i++) advertise(source, mac(i))
  clock.settle()
  const slices = (work: () => void): number => {
    const before = clock.slices
    work()
    clock.settle()
    return clock.slices - before
  }
  expect(slices(() => rib.walk(rib.best(EVPN), () => true))).toBeGreaterThanOrEqual(5)
  expect(slices(() => rib.sweep(source, EVPN, beginGeneration(source)))).toBeGreaterThanOrEqual(5)
})

test('all is settled when listeners have all changes of every family', () => {
  for (let i = 0; i < 3000; i++) advertise(peer(1), mac(i))
  advertise(peer(1), prefix(1), {}, VPNV4)
  let notified = 0
  rib.listen({ bestChanged: () => notified++ })
  let notifiedThen = 0
  rib.settled(() => {
    notifiedThen = notified
  })
  clock.settle()
  expect(notifiedThen).toBe(3001)
})

test('all is settled when the walks that are under way have ended', () => {
  for (let i = 0; i < 3000; i++) advertise(peer(1), mac(i))
  clock.settle()
  const order: string[] = []
  rib.walk(
    rib.best(EVPN),
    () => true,
    () => order.push('walk'),
  )
  rib.settled(() => order.push('settled'))
  clock.settle()
  expect(order).toEqual(['walk', 'settled'])
})

test('a walk that is broken off comes to its end', () => {
  for (let i = 0; i < 3; i++) advertise(peer(1), mac(i))
  let visited = 0
  let ended = 0
  rib.walk(
    rib.best(EVPN),
    () => ++visited < 2,
    () => ended++,
  )
  clock.settle()
  expect([visited, ended]).toEqual([2, 1])
})

describe('attributes that routes share', () => {
  const octets = (source: Source): number => source.octets

  test('count once, for the source that brought them, until the last of the routes is gone', () => {
    const [one, other] = [peer(1), peer(2)]
    const big = { communities: Array.from({ length: 50 }, (_, i) => i) }
    for (const i of [1, 2]) advertise(one, mac(i), big)
    advertise(other, mac(3), big)
    const [first, second] = [octets(one), octets(other)]
    expect(second).toBe(64 + [...rib.best(EVPN)][2]!.key.length)
    expect(first - 2 * second).toBeGreaterThan(200)
    const [{ nlri }] = [...rib.best(EVPN)] as [Route]
    rib.withdraw(one, EVPN, nlri, 0)
    expect(octets(one)).toBe(first - second)
    for (const route of [...rib.best(EVPN)]) rib.withdraw(route.source, EVPN, route.nlri, 0)
    expect([octets(one), octets(other), rib.pool.size]).toEqual([0, 0, 0])
  })

  test('stay the same for those that are left, so that advertising them again changes nothing', () => {
    const source = peer(1)
    for (const i of [1, 2]) advertise(source, mac(i))
    const [first, second] = [...rib.best(EVPN)] as [Route, Route]
    rib.withdraw(source, EVPN, first.nlri, 0)
    clock.settle()
    let changes = 0
    rib.listen({ bestChanged: () => changes++ })
    advertise(source, mac(2))
    clock.settle()
    expect([changes, [...rib.best(EVPN)]]).toEqual([0, [second]])
  })

  test('are those of one next hop', () => {
    const attributes = { ...noAttributes(), ...ATTRIBUTES }
    const sets = [ip('10.0.0.1'), ip('10.0.0.2'), ip('2001:db8::1'), null].map((nextHop) => {
      const set = rib.pool.originated(attributes, nextHop)
      rib.pool.retain(set, peer(1))
      return rib.pool.originated(attributes, nextHop)
    })
    expect(sets.map(({ nextHop }) => nextHop)).toEqual([
      ip('10.0.0.1'),
      ip('10.0.0.2'),
      ip('2001:db8::1'),
      null,
    ])
  })
})

test('a route that is re-advertised with another label changes, with the same one it does not', () => {
  const source = peer(1)
  const withLabel = (label: number): Nlri => ({ ...prefix(1), label }) as Nlri
  advertise(source, withLabel(16), {}, VPNV4)
  clock.settle()
  const labels: unknown[] = []
  rib.listen({
    bestChanged: (_, current) =>
      labels.push(current !== null && 'label' in current.nlri && current.nlri.label),
  })
  for (const label of [16, 32, 32]) {
    advertise(source, withLabel(label), {}, VPNV4)
    clock.settle()
  }
  expect(labels).toEqual([32])
})

test.each([
  [null, 64],
  [64, null],
])('a route that is re-advertised with the second label %s and then %s changes', (first, second) => {
  const source = peer(1)
  const labels: unknown[] = []
  rib.listen({
    bestChanged: (_, current) =>
      labels.push(current !== null && 'label2' in current.nlri && current.nlri.label2),
  })
  for (const label2 of [first, second]) {
    advertise(source, { ...mac(1), label2 } as Nlri)
    clock.advance(1)
  }
  expect(labels).toEqual([first, second])
})

test('a route that arrives when the best one has just become stale is not preferred to better ones', () => {
  const [lost, good, late] = [peer(1), peer(2), peer(3)]
  advertise(lost, mac(1), { localPref: 300 })
  advertise(good, mac(1), { localPref: 200 })
  clock.settle()
  markStale(lost, EVPN)
  rib.reselect(lost, EVPN)
  advertise(late, mac(1), { localPref: 100 })
  rib.withdraw(lost, EVPN, mac(1), 0)
  clock.settle()
  expect([...rib.best(EVPN)].map(({ source }) => source.name)).toEqual([good.name])
})
