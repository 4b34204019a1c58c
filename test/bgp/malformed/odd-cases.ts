import { expect } from 'vitest'
import {
  AS_PATH,
  attribute,
  LOCAL_PREF,
  MP_REACH,
  MP_UNREACH,
  ORIGIN,
  TARGET,
  TYPE3,
  update,
  WELL_KNOWN,
} from '../../support/update-bytes.ts'
import { type Case, scene, survived } from './cases.ts'

import {
  advertiseGood,
  besides,
  countersOf,
  evpnReach,
  external,
  GOOD,
  kept,
  route,
  unreach,
  withdrawn,
} from './update-parts.ts'

/** UPDATEs that the RFCs allow, however odd, and loops. */
export const oddUpdates: readonly Case[] = [
  // What the RFCs allow, however odd.
  survived(
    '7606 §5.1',
    'MP_REACH_NLRI behind the other attributes',
    'taken',
    update(WELL_KNOWN + TARGET + MP_REACH),
    (field) => expect(field.routesFrom()).toHaveLength(1),
  ),
  survived(
    '7606 §5.1',
    'advertised, withdrawn and IPv4 routes in one UPDATE',
    'taken',
    update(
      MP_REACH + unreach(25, 70, route(99, 'ab')) + WELL_KNOWN + TARGET + attribute(0x40, 3, '0a000001'),
      { withdrawn: '180b0000', nlri: '180c0000' },
    ),
    (field) => expect(field.routesFrom()).toHaveLength(1),
  ),
  survived(
    '4271 §4.3',
    'one route advertised and withdrawn in one UPDATE',
    'advertised',
    update(MP_REACH + MP_UNREACH + WELL_KNOWN + TARGET),
    (field) => expect(field.routesFrom()).toHaveLength(1),
  ),
  survived(
    '4271 §4.3',
    'one route three times in one UPDATE',
    'taken once',
    update(evpnReach(TYPE3.repeat(3)) + WELL_KNOWN + TARGET),
    (field) => expect(field.routesFrom()).toHaveLength(1),
  ),
  survived(
    '4271 §4.3',
    'the same UPDATE twice',
    'taken once',
    Buffer.concat([update(GOOD), update(GOOD)]),
    (field) => expect(field.routesFrom()).toHaveLength(1),
  ),
  survived('4271 §3.1', 'a route withdrawn that never was', 'nothing', update(MP_UNREACH)),
  survived('4760 §3', 'MP_REACH_NLRI without routes', 'nothing', update(evpnReach('') + WELL_KNOWN + TARGET)),
  kept(
    '4271 §4.3',
    'the unused bits of the flags set',
    MP_REACH.replace(/^80/, '8f') + attribute(0x4f, 1, '00') + AS_PATH + LOCAL_PREF + TARGET,
    {},
    0,
  ),
  kept(
    '4271 §4.3',
    'the extended length for one octet',
    MP_REACH + attribute(0x50, 1, '00') + AS_PATH + LOCAL_PREF + TARGET,
    {},
    0,
  ),
  kept(
    '4271 §5',
    'an unknown optional attribute, transitive',
    besides(attribute(0xc0, 99, 'abcd')),
    {
      unknown: [{ code: 99, flags: 0xe0, value: '\xab\xcd' }],
    },
    0,
  ),
  kept(
    '4271 §5',
    'an unknown optional attribute, not transitive',
    besides(attribute(0x80, 99, 'abcd')),
    { unknown: null },
    0,
  ),
  kept(
    '6938 §2',
    'attributes that are deprecated',
    besides([11, 12, 13, 19, 20, 21, 28].map((code) => attribute(0xc0, code, '00')).join('')),
    {},
    0,
  ),

  // Loops.
  scene('4456 §8: our own ORIGINATOR_ID → the route is gone', async (field) => {
    const { peer } = await advertiseGood(field, {})
    const { looped } = countersOf(field)
    peer.send(update(besides(attribute(0x80, 9, '0a000064'))))
    await field.taken(peer)
    expect([field.routesFrom(), countersOf(field).looped]).toEqual([[], looped + 1])
  }),
  kept(
    '4456 §8',
    "another's ORIGINATOR_ID and CLUSTER_LIST",
    besides(attribute(0x80, 9, '0a000007') + attribute(0x80, 10, '0a000008')),
    { originatorId: 0x0a000007, clusterList: [0x0a000008] },
    0,
  ),
  scene('4271 §9.1.2: our AS in the path from outside → the route is gone', async (field) => {
    const { peer, host } = await advertiseGood(field, external)
    peer.send(update(MP_REACH + ORIGIN + attribute(0x40, 2, '02020000fde90000fc00') + TARGET))
    await field.taken(peer, host)
    expect(field.routesFrom(host)).toEqual([])
  }),
  scene('4271 §9.1.2: our AS in the path from inside → the route is gone', async (field) => {
    const { peer, host } = await advertiseGood(field, {})
    peer.send(update(MP_REACH + ORIGIN + attribute(0x40, 2, '02020000fde90000fc00') + LOCAL_PREF + TARGET))
    await field.taken(peer, host)
    expect(field.routesFrom(host)).toEqual([])
  }),
  withdrawn(
    '9774 §3',
    'a set of AS numbers in AS_PATH',
    MP_REACH + ORIGIN + attribute(0x40, 2, '02010000fde901020000fc010000fc02') + TARGET,
    external,
  ),
  withdrawn('9774 §3', 'a set of AS numbers in AS4_PATH', besides(attribute(0xc0, 17, '01010000fc01'))),
]
