import { describe, expect, test } from 'vitest'
import type { Attributes } from '../../src/bgp/attribute/attributes.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { whyBetter } from '../../src/bgp/rib/best-path.ts'
import { localSource, type Route, type Source } from '../../src/bgp/rib/route.ts'
import { macMobility } from '../../src/bgp/values/extended-community.ts'
import { advertise, clock, mac, peer, rib, setOf, startRib } from './rib-setup.ts'

describe('between routes that', () => {
  /** Which of two sources has the best route, whichever of them is first. */
  const winner = (
    one: readonly [Source, Partial<Attributes>],
    other: readonly [Source, Partial<Attributes>],
  ): string[] =>
    [
      [one, other],
      [other, one],
    ].map((order) => {
      startRib()
      for (const [source, changes] of order) advertise({ ...source, routes: new Map() }, mac(1), changes)
      return [...rib.best(EVPN)][0]!.source.name
    })
  const path = (...asns: number[]) => ({ asPath: [{ type: 2, asns }] })
  const moved = (sequence: number, sticky = false) => ({
    extendedCommunities: [macMobility({ sticky, sequence })],
  })
  const external = (number: number): Source => peer(number, { internal: false, as: 1 })

  test.each<[string, readonly [Source, Partial<Attributes>], readonly [Source, Partial<Attributes>]]>([
    ['differ in LOCAL_PREF the higher counts', [peer(2), { localPref: 101 }], [peer(1), {}]],
    ['have no LOCAL_PREF 100 counts: over 99', [peer(2), { localPref: null }], [peer(1), { localPref: 99 }]],
    [
      'have no LOCAL_PREF 100 counts: below 101',
      [peer(2), { localPref: 101 }],
      [peer(1), { localPref: null }],
    ],
    ['have moved the highest sequence counts', [peer(2), moved(2)], [peer(1), moved(1)]],
    ['have moved it counts, with a longer AS_PATH', [peer(2), { ...moved(1), ...path(7) }], [peer(1), {}]],
    ['are sticky they count', [peer(2), moved(0, true)], [peer(1), moved(5)]],
    ['differ in LOCAL_PREF a move counts less', [peer(2), { localPref: 101 }], [peer(1), moved(5)]],
    ['differ in AS_PATH the shorter counts', [peer(2), {}], [peer(1), path(7)]],
    ['differ in ORIGIN the lower counts', [peer(2), { origin: 1 }], [peer(1), { origin: 2 }]],
    ['differ in MED the lower counts', [peer(2), { multiExitDisc: 5 }], [peer(1), { multiExitDisc: 6 }]],
    ['have no MED zero counts', [peer(2), {}], [peer(1), { multiExitDisc: 1 }]],
    ['have a MED of zero or none, it is the same', [peer(1), { multiExitDisc: 0 }], [peer(2), {}]],
    [
      'are of several neighbouring ASes MED does not count',
      [external(1), { ...path(1), multiExitDisc: 6 }],
      [external(2), { ...path(2), multiExitDisc: 5 }],
    ],
    ['come from outside and inside, the former counts', [external(2), path(1)], [peer(1), path(1)]],
    ['differ in the identifier of the peer the lower counts', [peer(1), {}], [peer(2), {}]],
    [
      'differ in ORIGINATOR_ID that counts instead',
      [peer(2), { originatorId: 1 }],
      [peer(1), { originatorId: 2 }],
    ],
    [
      'differ in CLUSTER_LIST the shorter counts',
      [peer(2), { originatorId: 1, clusterList: [1] }],
      [peer(1), { originatorId: 1, clusterList: [1, 2] }],
    ],
    [
      'differ in having a CLUSTER_LIST that without counts',
      [peer(2), { originatorId: 1 }],
      [peer(1), { originatorId: 1, clusterList: [1] }],
    ],
    [
      'differ in the address of the peer alone the lower counts',
      [peer(1), { originatorId: 1 }],
      [peer(2), { originatorId: 1 }],
    ],
    ['are ours and of a peer, ours counts', [localSource('EVI-1'), {}], [peer(1), { localPref: 200 }]],
  ])('%s', (_, better, worse) => {
    expect(winner(better, worse)).toEqual([better[0].name, better[0].name])
  })

  test('differ in their path identifiers alone the lower counts', () => {
    const source = peer(1)
    for (const pathId of [3, 2, 4]) rib.advertise(source, EVPN, mac(1), pathId, setOf({}))
    expect([...rib.best(EVPN)].map(({ pathId }) => pathId)).toEqual([2])
    rib.withdraw(source, EVPN, [...rib.best(EVPN)][0]!.nlri, 2)
    expect([...rib.best(EVPN)].map(({ pathId }) => pathId)).toEqual([3])
  })

  test('are equal the one that was received first stays the best', () => {
    const sources = [localSource('EVI-1'), localSource('EVI-2')]
    for (const source of sources) advertise(source, mac(1))
    const best = (): string => [...rib.best(EVPN)][0]!.source.name
    expect(best()).toBe('EVI-1')
    rib.reselect(sources[0]!, EVPN)
    clock.settle()
    expect(best()).toBe('EVI-1')
    const [first] = [...rib.best(EVPN)] as [Route]
    expect(whyBetter(first, first.next!)).toBe('received first')
  })
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
    advertise(source, mac(1), { asPath: path(as), multiExitDisc: med })
  const best = (): Route => [...rib.best(EVPN)][0]!

  test.each([[[0, 1, 2]], [[0, 2, 1]], [[1, 0, 2]], [[1, 2, 0]], [[2, 0, 1]], [[2, 1, 0]]])(
    'chooses the same of routes that come in any order: %j',
    (order) => {
      for (const i of order) add(ROUTES[i]!)
      expect(best().source.name).toBe('BGP-2')
      const { source } = ROUTES[2]!
      rib.withdraw(source, EVPN, best().nlri, 0)
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
