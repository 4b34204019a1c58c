import { expect } from 'vitest'
import {
  AS_PATH,
  attribute,
  LOCAL_PREF,
  MP_REACH,
  MP_UNREACH,
  ORIGIN,
  TARGET,
  update,
  WELL_KNOWN,
} from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { type Case, survived } from './cases.ts'

import {
  besides,
  external,
  fromOutside,
  GOOD,
  instead,
  kept,
  reset,
  twoOctets,
  unreach,
  withdrawn,
} from './update-parts.ts'

/** RFC 7606 §3 (c): each attribute with its Optional or its Transitive bit wrong. */
const FLAGGED: readonly (readonly [name: string, without: string, wrong: readonly string[]])[] = [
  ['ORIGIN', ORIGIN, [attribute(0xc0, 1, '00'), attribute(0x00, 1, '00'), attribute(0x80, 1, '00')]],
  ['AS_PATH', AS_PATH, [attribute(0xc0, 2, ''), attribute(0x00, 2, '')]],
  ['NEXT_HOP', '', [attribute(0xc0, 3, '0a000001'), attribute(0x00, 3, '0a000001')]],
  ['MULTI_EXIT_DISC', '', [attribute(0xc0, 4, '00000001'), attribute(0x40, 4, '00000001')]],
  ['LOCAL_PREF', LOCAL_PREF, [attribute(0xc0, 5, '00000064'), attribute(0x00, 5, '00000064')]],
  ['ATOMIC_AGGREGATE', '', [attribute(0xc0, 6, ''), attribute(0x80, 6, '')]],
  ['AGGREGATOR', '', [attribute(0x40, 7, '0000fc000a000001'), attribute(0x80, 7, '0000fc000a000001')]],
  ['COMMUNITIES', '', [attribute(0x80, 8, '00000001'), attribute(0x40, 8, '00000001')]],
  ['ORIGINATOR_ID', '', [attribute(0xc0, 9, '0a000001'), attribute(0x40, 9, '0a000001')]],
  ['CLUSTER_LIST', '', [attribute(0xc0, 10, '0a000001'), attribute(0x40, 10, '0a000001')]],
  ['EXTENDED COMMUNITIES', TARGET, [TARGET.replace(/^c0/, '80'), TARGET.replace(/^c0/, '40')]],
  ['PMSI_TUNNEL', '', [attribute(0x80, 22, '000600004d0a000001'), attribute(0x40, 22, '000600004d0a000001')]],
  ['LARGE_COMMUNITY', '', [attribute(0x80, 32, '00'.repeat(12)), attribute(0x40, 32, '00'.repeat(12))]],
]

export const attributeErrors: readonly Case[] = [
  // RFC 7606 §7, in its order.
  withdrawn('7606 §7.1', 'ORIGIN of no octet', instead(ORIGIN, attribute(0x40, 1, ''))),
  withdrawn('7606 §7.1', 'ORIGIN of two octets', instead(ORIGIN, attribute(0x40, 1, '0000'))),
  withdrawn('7606 §7.1', 'ORIGIN 3', instead(ORIGIN, attribute(0x40, 1, '03'))),
  withdrawn('7606 §7.1', 'ORIGIN 255', instead(ORIGIN, attribute(0x40, 1, 'ff'))),
  withdrawn('7606 §7.2', 'AS_PATH with segment type 0', instead(AS_PATH, attribute(0x40, 2, '00010000fc00'))),
  withdrawn('7606 §7.2', 'AS_PATH with segment type 5', instead(AS_PATH, attribute(0x40, 2, '05010000fc00'))),
  withdrawn('7606 §7.2', 'AS_PATH that overruns', instead(AS_PATH, attribute(0x40, 2, '02020000fc00'))),
  withdrawn(
    '7606 §7.2',
    'AS_PATH with 255 AS numbers advertised',
    instead(AS_PATH, attribute(0x40, 2, '02ff')),
  ),
  withdrawn('7606 §7.2', 'AS_PATH with an empty segment', instead(AS_PATH, attribute(0x40, 2, '0200'))),
  withdrawn(
    '7606 §7.2',
    'AS_PATH with an octet left',
    instead(AS_PATH, attribute(0x40, 2, '02010000fc0002')),
  ),
  withdrawn('7607 §2', 'AS_PATH with AS 0', instead(AS_PATH, attribute(0x40, 2, '02020000fc0000000000'))),
  withdrawn(
    '7607 §2',
    'AS_PATH with AS 0 in a set',
    instead(AS_PATH, attribute(0x40, 2, '010200000000000000fc')),
  ),
  withdrawn(
    '6793 §4.1',
    'AS_PATH of two octets each where four were agreed',
    instead(AS_PATH, attribute(0x40, 2, '0203fc00fc01fc02')),
  ),
  withdrawn(
    '6793 §4.2',
    'AS_PATH of four octets each where two were agreed',
    instead(AS_PATH, attribute(0x40, 2, '02020000fc000000fc01')),
    twoOctets(HOST.internal),
  ),
  withdrawn('7606 §7.3', 'NEXT_HOP of three octets', besides(attribute(0x40, 3, '0a0000'))),
  withdrawn('7606 §7.3', 'NEXT_HOP of sixteen octets', besides(attribute(0x40, 3, '00'.repeat(16)))),
  ...[0, 3, 5].map((length) =>
    withdrawn(
      '7606 §7.4',
      `MULTI_EXIT_DISC of ${length} octets`,
      besides(attribute(0x80, 4, '00'.repeat(length))),
    ),
  ),
  ...[0, 3, 5].map((length) =>
    withdrawn(
      '7606 §7.5',
      `LOCAL_PREF of ${length} octets`,
      instead(LOCAL_PREF, attribute(0x40, 5, '00'.repeat(length))),
    ),
  ),
  kept('7606 §7.5', 'LOCAL_PREF from outside', fromOutside(LOCAL_PREF), { localPref: null }, 1, external),
  kept(
    '7606 §7.5',
    'LOCAL_PREF of three octets from outside',
    fromOutside(attribute(0x40, 5, '000064')),
    { localPref: null },
    1,
    external,
  ),
  kept('7606 §7.6', 'ATOMIC_AGGREGATE with a value', besides(attribute(0x40, 6, '00')), {
    atomicAggregate: null,
  }),
  kept(
    '7606 §7.7',
    'AGGREGATOR of six octets where AS numbers have four',
    besides(attribute(0xc0, 7, 'fc000a000001')),
    { aggregator: null },
  ),
  kept(
    '7606 §7.7',
    'AGGREGATOR of eight octets where AS numbers have two',
    besides(attribute(0xc0, 7, '0000fc000a000001')),
    { aggregator: null },
    1,
    twoOctets(HOST.internal),
  ),
  kept('7606 §4', 'AGGREGATOR of no octet', besides(attribute(0xc0, 7, '')), { aggregator: null }),
  kept('7607 §2', 'AGGREGATOR with AS 0', besides(attribute(0xc0, 7, '000000000a000001')), {
    aggregator: null,
  }),
  ...[0, 3, 6].map((length) =>
    withdrawn(
      '7606 §7.8',
      `COMMUNITIES of ${length} octets`,
      besides(attribute(0xc0, 8, '00'.repeat(length))),
    ),
  ),
  withdrawn('7606 §7.9', 'ORIGINATOR_ID of five octets', besides(attribute(0x80, 9, '0a00000100'))),
  withdrawn('7606 §7.9', 'ORIGINATOR_ID of no octet', besides(attribute(0x80, 9, ''))),
  kept(
    '7606 §7.9',
    'ORIGINATOR_ID from outside',
    fromOutside(attribute(0x80, 9, '0a000001')),
    { originatorId: null },
    1,
    external,
  ),
  withdrawn('7606 §7.10', 'CLUSTER_LIST of six octets', besides(attribute(0x80, 10, '0a0000010a00'))),
  withdrawn('7606 §7.10', 'CLUSTER_LIST of no octet', besides(attribute(0x80, 10, ''))),
  kept(
    '7606 §7.10',
    'CLUSTER_LIST from outside',
    fromOutside(attribute(0x80, 10, '0a000001')),
    { clusterList: null },
    1,
    external,
  ),
  ...[0, 7, 9].map((length) =>
    withdrawn(
      '7606 §7.14',
      `EXTENDED COMMUNITIES of ${length} octets`,
      instead(TARGET, attribute(0xc0, 16, '00'.repeat(length))),
    ),
  ),
  kept(
    '7606 §7.14',
    'an extended community of an unknown type',
    instead(TARGET, attribute(0xc0, 16, `0002fc000000000aff${'ee'.repeat(7)}`)),
    {},
    0,
  ),
  ...[0, 19].map((length) =>
    withdrawn(
      '7606 §7.15',
      `IPv6 EXTENDED COMMUNITIES of ${length} octets`,
      besides(attribute(0xc0, 25, '00'.repeat(length))),
    ),
  ),
  ...[0, 11].map((length) =>
    withdrawn(
      '8092 §6',
      `LARGE_COMMUNITY of ${length} octets`,
      besides(attribute(0xc0, 32, '00'.repeat(length))),
    ),
  ),
  withdrawn('6514 §5', 'PMSI_TUNNEL of four octets', besides(attribute(0xc0, 22, '00060000'))),
  withdrawn(
    '6514 §5',
    'PMSI_TUNNEL with an endpoint of five octets',
    besides(attribute(0xc0, 22, '000600004d0a00000100')),
  ),
  kept('6514 §5', 'PMSI_TUNNEL of an unknown type', besides(attribute(0xc0, 22, '00ff00004dab')), {}, 0),
  withdrawn('9012 §13', 'TUNNEL_ENCAPSULATION that overruns', besides(attribute(0xc0, 23, '00080005000000'))),
  withdrawn(
    '9012 §13',
    'a sub-TLV of TUNNEL_ENCAPSULATION that overruns its tunnel',
    besides(attribute(0xc0, 23, '0008000402040180')),
  ),
  withdrawn('9012 §13', 'TUNNEL_ENCAPSULATION of no octet', besides(attribute(0xc0, 23, ''))),
  kept('8669 §6', 'PREFIX_SID that overruns', besides(attribute(0xc0, 40, '01000700')), { prefixSid: null }),
  kept('7606 §4', 'PREFIX_SID of no octet', besides(attribute(0xc0, 40, '')), { prefixSid: null }),
  withdrawn(
    '5065 §5',
    'a confederation segment from outside',
    MP_REACH + ORIGIN + attribute(0x40, 2, '03010000fde9') + TARGET,
    external,
  ),

  // RFC 7606 §3.
  ...FLAGGED.flatMap(([name, without, wrong]) =>
    wrong.map((broken) =>
      withdrawn('7606 §3 (c)', `${name} with flags 0x${broken.slice(0, 2)}`, instead(without, broken)),
    ),
  ),
  withdrawn('7606 §3 (d)', 'no ORIGIN', instead(ORIGIN, '')),
  withdrawn('7606 §3 (d)', 'no AS_PATH', instead(AS_PATH, '')),
  withdrawn('4271 §5.1.5', 'no LOCAL_PREF from inside', instead(LOCAL_PREF, '')),
  withdrawn('7606 §3 (d)', 'nothing but MP_REACH_NLRI', MP_REACH),
  reset(
    '7606 §3 (j), 4271 §6.3',
    'an unknown well-known attribute',
    update(besides(attribute(0x40, 99, 'abcd'))),
    `3/2 ${attribute(0x40, 99, 'abcd')}`,
  ),
  reset(
    '4271 §6.3',
    'an unknown attribute neither optional nor transitive',
    update(besides(attribute(0x00, 99, ''))),
    `3/2 ${attribute(0x00, 99, '')}`,
  ),
  reset('7606 §3 (g)', 'MP_REACH_NLRI twice', update(MP_REACH + GOOD), `3/1 ${MP_REACH}`),
  reset('7606 §3 (g)', 'MP_UNREACH_NLRI twice', update(MP_UNREACH + MP_UNREACH), `3/1 ${MP_UNREACH}`),
  kept('7606 §3 (g)', 'ORIGIN twice', besides(attribute(0x40, 1, '02')), { origin: 0 }),
  kept(
    '7606 §3 (g)',
    'LOCAL_PREF three times',
    besides(attribute(0x40, 5, '000000c8').repeat(2)),
    { localPref: 100 },
    2,
  ),
  kept(
    '7606 §3 (g)',
    'COMMUNITIES twice, the second malformed',
    besides(attribute(0xc0, 8, '00000001') + attribute(0xc0, 8, '00')),
    { communities: [1] },
  ),
  kept(
    '7606 §3 (g)',
    'an unknown attribute twice',
    besides(attribute(0xc0, 99, 'ab') + attribute(0xc0, 99, 'cd')),
    {
      unknown: [{ code: 99, flags: 0xe0, value: '\xab' }],
    },
  ),

  // RFC 7606 §4.
  withdrawn('7606 §4', 'an attribute that runs past the others', besides('c0080800000001')),
  withdrawn('7606 §4', 'an attribute of 65535 octets advertised', besides('d008ffff00000001')),
  withdrawn('7606 §4', 'one octet behind the attributes', besides('c0')),
  withdrawn('7606 §4', 'two octets behind the attributes', besides('c008')),
  withdrawn('7606 §4', 'an extended length cut in half', besides('d00800')),

  // Several errors: the strongest reaction (RFC 7606 §3 (h)).
  withdrawn(
    '7606 §3 (h)',
    'an attribute to discard and one to withdraw for',
    besides(attribute(0x40, 6, '00') + attribute(0xc0, 8, '00')),
  ),
  kept(
    '7606 §3 (h)',
    'three attributes to discard',
    besides(attribute(0x40, 6, '00') + attribute(0xc0, 7, '00') + attribute(0xc0, 40, '01000700')),
    { atomicAggregate: null, aggregator: null, prefixSid: null },
    3,
  ),
  reset(
    '7606 §3 (h)',
    'attributes to discard and to withdraw for, and MP_REACH_NLRI twice',
    update(attribute(0x40, 6, '00') + attribute(0xc0, 8, '00') + MP_REACH + GOOD),
    `3/1 ${MP_REACH}`,
  ),
  withdrawn(
    '7606 §3 (h)',
    'every attribute malformed',
    MP_REACH +
      [1, 2, 3, 4, 5].map((code) => attribute(code === 4 ? 0x80 : 0x40, code, '00000000000000')).join('') +
      [7, 8, 16, 22, 25, 32].map((code) => attribute(0xc0, code, '00')).join(''),
  ),

  // RFC 7606 §5.2: without reachable NLRI nothing can be treated as withdrawn.
  reset(
    '7606 §5.2',
    'ORIGIN 3 and no route',
    update(attribute(0x40, 1, '03')),
    `3/6 ${attribute(0x40, 1, '03')}`,
  ),
  reset(
    '7606 §5.2',
    'ORIGIN 3 and a withdrawn route',
    update(MP_UNREACH + attribute(0x40, 1, '03')),
    `3/6 ${attribute(0x40, 1, '03')}`,
  ),
  reset(
    '7606 §5.2',
    'an attribute that hides what follows',
    update(`${ORIGIN}4002ff${MP_REACH}`),
    `3/1 4002ff${MP_REACH}`,
  ),
  reset(
    '7606 §5.2',
    'COMMUNITIES of three octets in an End-of-RIB',
    update(unreach(25, 70, '') + attribute(0xc0, 8, '000000')),
    `3/9 ${attribute(0xc0, 8, '000000')}`,
  ),
  survived(
    '7606 §5.2',
    'an attribute to discard and no route',
    'nothing',
    update(attribute(0x40, 6, '00')),
    (field) => expect(field.routesFrom()).toEqual([]),
  ),
  survived('7606 §5.2', 'attributes and no route', 'nothing', update(WELL_KNOWN + TARGET), (field) =>
    expect(field.routesFrom()).toEqual([]),
  ),
]
