import { expect } from 'vitest'
import type { Attributes } from '../../../src/bgp/attribute/attributes.ts'
import { EVPN, ROUTE_TARGET, VPNV4 } from '../../../src/bgp/family.ts'
import { AddPathMode } from '../../../src/bgp/message/capability.ts'
import type { Open } from '../../../src/bgp/message/open.ts'
import { type EvpnRoute, evpn } from '../../../src/bgp/nlri/evpn/index.ts'
import type { AdjRibIn } from '../../../src/bgp/rib/adj-rib-in.ts'
import { until } from '../../support/until.ts'
import {
  AS_PATH,
  attribute,
  LOCAL_PREF,
  MP_REACH,
  MP_UNREACH,
  ORIGIN,
  octet,
  TARGET,
  TYPE3,
  u16,
  update,
  WELL_KNOWN,
} from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { type Case, refused, type Setting, scene, survived } from './cases.ts'
import { type Field, openFrom } from './field.ts'

/** Says that the UPDATE which brought a route was the case's own. */
const MARK = attribute(0x80, 4, '00000007')
const EXTERNAL_PATH = attribute(0x40, 2, '02010000fde9')
const EXTERNAL_PATH2 = attribute(0x40, 2, '0201fde9')
const GOOD = MP_REACH + ORIGIN + AS_PATH + LOCAL_PREF + TARGET

const external: Setting = { host: HOST.external }
const twoOctets = (host: number): Setting => ({
  host,
  open: { capabilities: { ...openFrom(host).capabilities, fourOctetAs: null } },
})
const withFamilies = (families: number[], changes: Partial<Open['capabilities']> = {}): Setting => ({
  open: { capabilities: { ...openFrom(HOST.internal).capabilities, families, ...changes } },
})

/** Everything that a route needs, with one attribute taken out and another put in. */
const instead = (without: string, broken: string, all = GOOD): string => all.replace(without, '') + broken
const besides = (broken: string): string => GOOD + broken
/** The same from AS 65001. */
const fromOutside = (broken: string, path = EXTERNAL_PATH): string =>
  MP_REACH + ORIGIN + path + TARGET + broken

const reach = (afi: number, safi: number, nextHop: string, nlri: string): string =>
  attribute(0x80, 14, `${u16(afi)}${octet(safi)}${octet(nextHop.length / 2)}${nextHop}00${nlri}`)
const unreach = (afi: number, safi: number, nlri: string): string =>
  attribute(0x80, 15, `${u16(afi)}${octet(safi)}${nlri}`)
const evpnReach = (nlri: string): string => reach(25, 70, '0a000001', nlri)
const route = (type: number, body: string): string => octet(type) + octet(body.length / 2) + body

const countersOf = (field: Field, host?: number): AdjRibIn['counters'] => ({
  ...field.neighbour(host).routesIn.counters,
})

/** A good route, so that there is something to lose. */
async function advertiseGood(field: Field, { host = HOST.internal, open = {} }: Setting) {
  const peer = await field.at('Established', host, open)
  const { context } = field.neighbour(host).negotiated!
  const path = context.internal ? AS_PATH : context.fourOctetAs ? EXTERNAL_PATH : EXTERNAL_PATH2
  const good = update(MP_REACH + ORIGIN + path + (context.internal ? LOCAL_PREF : '') + TARGET)
  peer.send(good)
  await field.taken(peer, host)
  expect(field.routesFrom(host)).toHaveLength(1)
  return { peer, good, host }
}

/** The routes of the UPDATE are withdrawn, and nothing else happens. */
function withdrawn(rfc: string, sent: string, attributes: string, setting: Setting = {}): Case {
  return scene(`${rfc}: ${sent} → treated as withdraw`, async (field) => {
    const { peer, good, host } = await advertiseGood(field, setting)
    const { treatedAsWithdraw } = countersOf(field, host)
    peer.send(update(attributes))
    await field.taken(peer, host)
    expect(field.routesFrom(host)).toEqual([])
    expect(countersOf(field, host).treatedAsWithdraw).toBe(treatedAsWithdraw + 1)
    peer.send(good)
    await field.taken(peer, host)
    expect(field.routesFrom(host)).toHaveLength(1)
  })
}

/** The route is kept, without what was wrong with it. */
function kept(
  rfc: string,
  sent: string,
  attributes: string,
  expected: Partial<Attributes>,
  discarded = 1,
  setting: Setting = {},
): Case {
  return scene(`${rfc}: ${sent} → ${discarded === 0 ? 'taken' : 'attribute discarded'}`, async (field) => {
    const { peer, host } = await advertiseGood(field, setting)
    const { attributesDiscarded } = countersOf(field, host)
    peer.send(update(attributes + MARK))
    await field.taken(peer, host)
    const [taken, ...others] = field.routesFrom(host)
    expect(others).toEqual([])
    expect(taken!.set.attributes).toMatchObject({ multiExitDisc: 7, ...expected })
    expect(countersOf(field, host).attributesDiscarded).toBe(attributesDiscarded + discarded)
  })
}

const reset = (rfc: string, sent: string, bytes: Buffer, expected: string, setting: Setting = {}): Case =>
  refused(rfc, sent, 'Established', bytes, expected, setting)

/** Some NLRI are quarantined, the others are accepted. */
function quarantined(rfc: string, sent: string, bad: readonly string[], setting: Setting = {}): Case {
  return scene(`${rfc}: ${sent} → quarantined, the route beside it lives`, async (field) => {
    const peer = await field.at('Established', setting.host, setting.open)
    const { quarantined: before } = countersOf(field)
    for (const one of bad) {
      peer.send(update(evpnReach(one + TYPE3 + one) + WELL_KNOWN + TARGET))
      await field.taken(peer)
      expect(field.routesFrom(), one).toHaveLength(1)
      const shown = JSON.parse((await field.victim.get(`${peerPath(field)}/quarantine`)).body)
      expect(shown.at(-1), one).toEqual({ family: 'l2vpn/evpn', reason: expect.any(String), bytes: one })
      peer.send(update(unreach(25, 70, TYPE3)))
      await field.taken(peer)
      expect(field.routesFrom(), one).toEqual([])
    }
    expect(countersOf(field).quarantined).toBe(before + 2 * bad.length)
    const { body } = await field.victim.get(`${peerPath(field)}/routes`)
    expect(JSON.parse(body).quarantined).toBe(before + 2 * bad.length)
  })
}

const peerPath = (field: Field): string => `/looking-glass/bgp/peers/${field.neighbour().sessions.name}`

const RD = '00010a0000010007'
const ESI = '00'.repeat(10)
const TAG = '00000000'
const MAC = 'dead0000beef'

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

const attributeErrors: readonly Case[] = [
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

const framingErrors: readonly Case[] = [
  reset(
    '7606 §3 (b)',
    'attributes that run past the message',
    update(GOOD, { attributesLength: 500 }),
    '3/1',
  ),
  reset(
    '7606 §3 (b)',
    'attributes one octet past the message',
    update(GOOD, { attributesLength: GOOD.length / 2 + 1 }),
    '3/1',
  ),
  reset(
    '7606 §3 (b)',
    'withdrawn routes that run past the message',
    update(GOOD, { withdrawnLength: 500 }),
    '3/1',
  ),
  reset(
    '7606 §3 (b)',
    'withdrawn routes that leave no length for attributes',
    update('', { withdrawnLength: 2 }),
    '3/1',
  ),
  reset(
    '7606 §5.3',
    'an IPv4 route of 33 bits',
    update(WELL_KNOWN + attribute(0x40, 3, '0a000001'), { nlri: '210b00000000' }),
    '3/10',
  ),
  reset('7606 §5.3', 'a withdrawn IPv4 route of 33 bits', update('', { withdrawn: '210b00000000' }), '3/10'),
  reset(
    '7606 §5.3',
    'an IPv4 route that overruns',
    update(WELL_KNOWN + attribute(0x40, 3, '0a000001'), { nlri: '200b00' }),
    '3/10',
  ),
  reset('7606 §5.3', 'a withdrawn IPv4 route that overruns', update('', { withdrawn: '180b' }), '3/10'),
  ...['', '00', '0019', '001946', '00194604', '0019460400000000'].map((value) =>
    reset(
      '7606 §5.3',
      `MP_REACH_NLRI of ${value.length / 2} octets`,
      update(attribute(0x80, 14, value) + WELL_KNOWN),
      `3/9 ${attribute(0x80, 14, value)}`,
    ),
  ),
  ...['', '00', '0019'].map((value) =>
    reset(
      '7606 §5.3',
      `MP_UNREACH_NLRI of ${value.length / 2} octets`,
      update(attribute(0x80, 15, value)),
      `3/9 ${attribute(0x80, 15, value)}`,
    ),
  ),
  ...[0xc0, 0x40, 0x00].map((flags) =>
    reset(
      '7606 §5.3, 4760 §3',
      `MP_REACH_NLRI with flags 0x${octet(flags)}`,
      update(MP_REACH.replace(/^80/, octet(flags)) + WELL_KNOWN),
      `3/4 ${MP_REACH.replace(/^80/, octet(flags))}`,
    ),
  ),
  reset(
    '7606 §5.3, 4760 §4',
    'MP_UNREACH_NLRI that is transitive',
    update(MP_UNREACH.replace(/^80/, 'c0')),
    `3/4 ${MP_UNREACH.replace(/^80/, 'c0')}`,
  ),
  ...[0, 1, 3, 5, 8, 12, 15, 17, 24, 32, 33].map((length) => {
    const broken = reach(25, 70, '0a'.repeat(length), TYPE3)
    return reset(
      '7606 §7.11',
      `an EVPN next hop of ${length} octets`,
      update(broken + WELL_KNOWN),
      `3/9 ${broken}`,
    )
  }),
  reset(
    '7606 §7.11',
    'a next hop that runs past the attribute',
    update(attribute(0x80, 14, '001946ff0a000001') + WELL_KNOWN),
    `3/9 ${attribute(0x80, 14, '001946ff0a000001')}`,
  ),
  ...[4, 8, 11, 13, 16, 23, 25, 47].map((length) => {
    const broken = reach(1, 128, '00'.repeat(length), `780004d1${RD}0b000001`)
    return reset(
      '4364 §4.3.2, 8950 §3',
      `a VPN-IPv4 next hop of ${length} octets`,
      update(broken + WELL_KNOWN),
      `3/9 ${broken}`,
    )
  }),
  ...[3, 5, 12, 24, 32].map((length) => {
    const broken = reach(1, 132, '0a'.repeat(length), '00')
    return reset(
      '4684 §4',
      `a next hop of route targets of ${length} octets`,
      update(broken + WELL_KNOWN),
      `3/9 ${broken}`,
    )
  }),
  ...(
    [
      ['an EVPN route of one octet', 25, 70, `${TYPE3}02`],
      ['an EVPN route that overruns', 25, 70, `${TYPE3}0311${RD}`],
      ['an EVPN route that advertises 255 octets', 25, 70, '02ff'],
      ['a VPN-IPv4 route shorter than its RD', 1, 128, '570004d100010a0000010007'],
      ['a VPN-IPv4 route that overruns', 1, 128, `780004d1${RD}0b00`],
      ['a route target of 97 bits', 1, 132, `61${'00'.repeat(13)}`],
      ['a route target that overruns', 1, 132, '600000fc00'],
      ['a FlowSpec rule that overruns', 1, 134, `13${RD}0118`],
      ['a FlowSpec rule that advertises 4095 octets', 1, 134, 'ffff00'],
    ] as const
  ).flatMap(([what, afi, safi, nlri]) => {
    const nextHop = safi === 128 ? '00'.repeat(12) : safi === 134 ? '' : '0a000001'
    const broken = reach(afi, safi, nextHop, nlri)
    const gone = unreach(afi, safi, nlri)
    return [
      reset('7606 §5.3', what, update(broken + WELL_KNOWN), `3/9 ${broken}`),
      reset('7606 §5.3', `withdrawn: ${what}`, update(gone), `3/9 ${gone}`),
    ]
  }),
]

const routes: readonly Case[] = [
  // RFC 7606 §5.4: unknown types.
  ...[0, 6, 9, 11, 255].map((type) =>
    survived(
      '7606 §5.4',
      `an EVPN route of type ${type}, and one of type 3`,
      'both kept, one unread and counted',
      update(evpnReach(route(type, '00010203') + TYPE3) + WELL_KNOWN + TARGET),
      async (field) => {
        expect(field.routesFrom()).toHaveLength(2)
        const { body } = await field.victim.get(`${peerPath(field)}/routes`)
        expect(JSON.parse(body)).toMatchObject({ in_rib: 3, unread: expect.any(Number) })
        expect(JSON.parse(body).unread).toBeGreaterThan(0)
      },
    ),
  ),
  survived(
    '7606 §5.4',
    'a withdrawn EVPN route of type 99',
    'nothing',
    update(unreach(25, 70, route(99, 'abcd'))),
  ),
  survived(
    '7606 §5.4',
    'an EVPN route of type 99 advertised and withdrawn',
    'gone again',
    Buffer.concat([
      update(evpnReach(route(99, 'abcd')) + WELL_KNOWN + TARGET),
      update(unreach(25, 70, route(99, 'abcd'))),
    ]),
    (field) => expect(field.routesFrom()).toEqual([]),
  ),

  quarantined('7432 §7.1', 'type 1 of a wrong length', [
    route(1, `${RD + ESI + TAG}0004`),
    route(1, `${RD}${ESI}${TAG}00004d00`),
    '0100',
  ]),
  quarantined('7432 §7.2', 'type 2 with a MAC address of another length', [
    route(2, `${RD}${ESI}${TAG}2f${MAC}0000004d`),
    route(2, `${RD}${ESI}${TAG}00${MAC}0000004d`),
    route(2, `${RD}${ESI}${TAG}ff${MAC}0000004d`),
  ]),
  quarantined('7432 §7.2', 'type 2 with an IP address that does not fit', [
    route(2, `${RD}${ESI}${TAG}30${MAC}21${'0b000001'}00004d`),
    route(2, `${RD}${ESI}${TAG}30${MAC}80${'0b000001'}00004d`),
    route(2, `${RD}${ESI}${TAG}30${MAC}2000004d`),
    route(2, `${RD}${ESI}${TAG}30${MAC}01${'0b'}00004d`),
  ]),
  quarantined('7432 §7.2', 'type 2 without its label, or with half of one, or too much', [
    route(2, `${RD}${ESI}${TAG}30${MAC}00`),
    route(2, `${RD}${ESI}${TAG}30${MAC}000000`),
    route(2, `${RD}${ESI}${TAG}30${MAC}0000004d00`),
    route(2, `${RD}${ESI}${TAG}30${MAC}0000004d00004e00`),
  ]),
  quarantined('7432 §7.3', 'type 3 with an address of no length, or another', [
    route(3, `${RD}${TAG}00`),
    route(3, `${RD}${TAG}1f0a000001`),
    route(3, `${RD}${TAG}200a0000`),
    route(3, `${RD}${TAG}200a00000900`),
  ]),
  quarantined('7432 §7.4', 'type 4 of a wrong length', [
    route(4, `${RD}${ESI}00`),
    route(4, `${RD}${ESI}200a00`),
    '0400',
  ]),
  quarantined('9136 §3.1', 'type 5 with a prefix longer than its address', [
    route(5, `${RD}${ESI}${TAG}21${'0b000000'}${'00000000'}00004d`),
    route(5, `${RD}${ESI}${TAG}ff${'0b000000'}${'00000000'}00004d`),
    route(5, `${RD}${ESI}${TAG}81${'00'.repeat(16)}${'00'.repeat(16)}00004d`),
  ]),
  quarantined('9136 §3.1', 'type 5 of another length than 34 and 58', [
    route(5, `${RD}${ESI}${TAG}18${'0b000000'}${'00000000'}00004d00`),
    route(5, `${RD}${ESI}${TAG}18${'0b0000'}00004d`),
    '0500',
  ]),
  quarantined('9136 §3.1', 'type 5 with neither a label nor an overlay index', [
    route(5, `${RD}${ESI}${TAG}18${'0b000000'}${'00000000'}000000`),
  ]),
  quarantined('9136 §3.2', 'type 5 with both an ESI and a gateway', [
    route(5, `${RD}${'01'.repeat(10)}${TAG}18${'0b000000'}${'0a000001'}00004d`),
  ]),
  scene('7606 §5.4: 150 bad NLRI → all counted, the last 100 shown', async (field) => {
    const peer = await field.at('Established')
    const { quarantined: before } = countersOf(field)
    const bad = Array.from({ length: 150 }, (_, i) => route(2, u16(i)))
    peer.send(update(evpnReach(bad.join('')) + WELL_KNOWN + TARGET))
    await field.taken(peer)
    const shown = JSON.parse((await field.victim.get(`${peerPath(field)}/quarantine`)).body)
    expect(shown.map(({ bytes }: { bytes: string }) => bytes)).toEqual(bad.slice(50))
    expect(countersOf(field).quarantined).toBe(before + 150)
  }),
  survived(
    '7606 §5.4',
    'withdrawn NLRI, the middle one bad',
    'the good ones withdrawn',
    Buffer.concat([
      update(evpnReach(TYPE3 + route(99, 'ab')) + WELL_KNOWN + TARGET),
      update(unreach(25, 70, TYPE3 + route(2, '00') + route(99, 'ab'))),
    ]),
    (field) => expect(field.routesFrom()).toEqual([]),
  ),
  survived(
    '7606 §5.4',
    'nothing but bad NLRI',
    'no route',
    update(evpnReach(route(2, '00')) + WELL_KNOWN + TARGET),
    (field) => expect(field.routesFrom()).toEqual([]),
  ),
  survived(
    '4364 §4.3.4',
    'VPN-IPv4 routes with two labels, and of 33 bits',
    'quarantined, the other lives',
    update(
      reach(
        1,
        128,
        `${'00'.repeat(8)}0a000001`,
        `780004d0${RD}0b000001790004d1${RD}0b00000100780004d1${RD}0b000001`,
      ) +
        WELL_KNOWN +
        TARGET,
    ),
    (field) => expect(field.routesFrom()).toHaveLength(1),
  ),
  survived(
    '4684 §4',
    'a route target of 31 bits',
    'quarantined',
    update(reach(1, 132, '0a000001', '1f0000fc00') + WELL_KNOWN),
    (field) => expect(field.neighbour().routesIn.quarantine.at(-1)).toMatchObject({ family: ROUTE_TARGET }),
  ),
  scene('8955 §4.2: FlowSpec rules that are wrong → quarantined, the other lives', async (field) => {
    const peer = await field.at('Established')
    const { quarantined: before } = countersOf(field)
    const rule = (hex: string): string => octet(hex.length / 2) + hex
    const bad = [
      rule('deadbeef'),
      rule(RD),
      rule(`${RD}03810602180b0000`),
      rule(`${RD}0e8106`),
      rule(`${RD}0301`),
      rule(`${RD}01210b00000000`),
    ]
    peer.send(update(reach(1, 134, '', bad.join('') + rule(`${RD}038106`)) + WELL_KNOWN + TARGET))
    await field.taken(peer)
    expect(field.routesFrom()).toHaveLength(1)
    expect(countersOf(field).quarantined).toBe(before + bad.length)
  }),

  // Families.
  survived(
    '4760 §6',
    'IPv4 routes, which were not agreed',
    'ignored and counted',
    update(WELL_KNOWN + attribute(0x40, 3, '0a000001'), { nlri: '180b0000' }),
    (field) => expect(countersOf(field).unwanted).toBeGreaterThan(0),
  ),
  survived('4760 §6', 'withdrawn IPv4 routes', 'nothing', update('', { withdrawn: '180b0000' })),
  survived(
    '4760 §6',
    'IPv6 routes, which were not agreed',
    'ignored',
    update(reach(2, 1, '20'.repeat(16), '4020010db800000000') + WELL_KNOWN),
  ),
  survived(
    '4760 §6',
    'VPN-IPv4 routes, which only we offered',
    'ignored and counted',
    update(reach(1, 128, `${'00'.repeat(8)}0a000001`, `780004d1${RD}0b000001`) + WELL_KNOWN + TARGET),
    (field) => {
      expect(field.routesFrom()).toEqual([])
      expect(countersOf(field).unwanted).toBeGreaterThan(0)
    },
    withFamilies([EVPN]),
  ),
  survived(
    '4760 §6',
    'routes of an unknown family, with a next hop of three octets',
    'ignored',
    update(reach(16397, 241, '0a0000', 'deadbeef') + WELL_KNOWN),
  ),
  survived(
    '4760 §6',
    'withdrawn routes of an unknown family',
    'ignored',
    update(unreach(16397, 241, 'deadbeef')),
  ),
  survived(
    '4760 §6',
    'the reserved octet of MP_REACH_NLRI set',
    'taken',
    update(MP_REACH.replace('0a000001000311', '0a000001ff0311') + WELL_KNOWN + TARGET),
    (field) => expect(field.routesFrom()).toHaveLength(1),
  ),
  survived(
    '4724 §2',
    'End-of-RIB of families that were not agreed',
    'nothing',
    Buffer.concat([update(''), update(unreach(2, 1, '')), update(unreach(16397, 241, ''))]),
  ),

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

  // AS numbers of four octets through a peer that speaks two.
  kept(
    '6793 §4.2.3',
    'AS4_PATH behind the AS_PATH of two octets',
    fromOutside(attribute(0xc0, 17, '020100010000'), attribute(0x40, 2, '0202fde95ba0')),
    {
      asPath: [
        { type: 2, asns: [65001] },
        { type: 2, asns: [65536] },
      ],
    },
    0,
    twoOctets(HOST.external),
  ),
  kept(
    '6793 §4.2.3',
    'AS4_PATH longer than AS_PATH: ignored',
    fromOutside(attribute(0xc0, 17, '02020001000000010001'), attribute(0x40, 2, '0201fde9')),
    { asPath: [{ type: 2, asns: [65001] }] },
    0,
    twoOctets(HOST.external),
  ),
  kept(
    '6793 §4.2.3',
    'AS4_AGGREGATOR beside AS_TRANS: it counts',
    fromOutside(attribute(0xc0, 7, '5ba00a000001') + attribute(0xc0, 18, '000100000a000001'), EXTERNAL_PATH2),
    { aggregator: { as: 65536, address: '\x0a\0\0\x01' as never } },
    0,
    twoOctets(HOST.external),
  ),
  kept(
    '6793 §4.2.3',
    'AS4_AGGREGATOR and AS4_PATH beside another AGGREGATOR: both ignored',
    fromOutside(
      attribute(0xc0, 7, 'fde90a000001') +
        attribute(0xc0, 18, '000100000a000001') +
        attribute(0xc0, 17, '020100010000'),
      attribute(0x40, 2, '0202fde95ba0'),
    ),
    {
      aggregator: { as: 65001, address: '\x0a\0\0\x01' as never },
      asPath: [{ type: 2, asns: [65001, 23456] }],
    },
    0,
    twoOctets(HOST.external),
  ),
  kept(
    '6793 §6',
    'confederation segments in AS4_PATH: left out',
    fromOutside(attribute(0xc0, 17, '03010001000a020100010000'), attribute(0x40, 2, '0202fde95ba0')),
    {
      asPath: [
        { type: 2, asns: [65001] },
        { type: 2, asns: [65536] },
      ],
    },
    0,
    twoOctets(HOST.external),
  ),
  ...(
    [
      ['that overruns', '02020001'],
      ['of an odd length', '0201000100000a'],
      ['with an empty segment', '0200'],
      ['with an unknown segment', '090100010000'],
      ['with AS 0', '020100000000'],
    ] as const
  ).map(([what, value]) =>
    kept(
      '6793 §6',
      `AS4_PATH ${what}`,
      fromOutside(attribute(0xc0, 17, value), attribute(0x40, 2, '0202fde95ba0')),
      { asPath: [{ type: 2, asns: [65001, 23456] }] },
      1,
      twoOctets(HOST.external),
    ),
  ),
  ...(
    [
      ['of seven octets', '00010000000a00'],
      ['with AS 0 (RFC 7607)', '000000000a000001'],
    ] as const
  ).map(([what, value]) =>
    kept(
      '6793 §6',
      `AS4_AGGREGATOR ${what}`,
      fromOutside(attribute(0xc0, 7, '5ba00a000001') + attribute(0xc0, 18, value), EXTERNAL_PATH2),
      { aggregator: { as: 23456, address: '\x0a\0\0\x01' as never } },
      1,
      twoOctets(HOST.external),
    ),
  ),
  kept(
    '6793 §4.1',
    'AS4_PATH and AS4_AGGREGATOR from a peer that speaks four octets: ignored',
    fromOutside(
      attribute(0xc0, 7, '00005ba00a000001') +
        attribute(0xc0, 17, '020100010000') +
        attribute(0xc0, 18, '000100000a000001'),
    ),
    { asPath: [{ type: 2, asns: [65001] }], aggregator: { as: 23456, address: '\x0a\0\0\x01' as never } },
    0,
    external,
  ),

  // Add-path.
  ...addPathCases(),

  // A fault of our own.
  scene('7606 §2: an UPDATE that we trip over → 6/0 for its session, and nothing else', async (field) => {
    const peer = await field.at('Established')
    const { routesIn } = field.neighbour()
    const apply = routesIn.apply
    routesIn.apply = () => {
      throw new TypeError('a fault made for the test')
    }
    try {
      peer.send(update(GOOD))
      await peer.ends()
    } finally {
      routesIn.apply = apply
    }
    expect(peer.notification).toMatchObject({ code: 6, subcode: 0 })
    expect(field.neighbour().sessions.lastError).toContain('a fault made for the test')
  }),
]

function addPathCases(): Case[] {
  const sending = withFamilies([EVPN, VPNV4, ROUTE_TARGET], {
    addPath: [{ family: EVPN, mode: AddPathMode.Send }],
  })
  const path = (id: number, nlri: string): string => id.toString(16).padStart(8, '0') + nlri
  const advertise = (nlri: string): Buffer => update(evpnReach(nlri) + WELL_KNOWN + TARGET)
  const agreed = (rfc: string, sent: string, messages: readonly Buffer[], left: number): Case =>
    scene(`${rfc}: ${sent} → ${left} paths`, async (field) => {
      const peer = await field.at('Established', HOST.internal, sending.open)
      peer.send(...messages)
      await field.taken(peer)
      expect(field.neighbour().source.routeCount).toBe(left + 1)
    })
  return [
    agreed('7911 §3', 'two paths of one route', [advertise(path(1, TYPE3) + path(2, TYPE3))], 2),
    agreed('7911 §3', 'path 0 and path 4294967295', [advertise(path(0, TYPE3) + path(0xffffffff, TYPE3))], 2),
    agreed('7911 §3', 'one path twice', [advertise(path(1, TYPE3)), advertise(path(1, TYPE3))], 1),
    agreed(
      '7911 §5',
      'one of two paths withdrawn',
      [advertise(path(1, TYPE3) + path(2, TYPE3)), update(unreach(25, 70, path(1, TYPE3)))],
      1,
    ),
    agreed(
      '7911 §5',
      'a path withdrawn that never was',
      [advertise(path(1, TYPE3)), update(unreach(25, 70, path(9, TYPE3)))],
      1,
    ),
    agreed(
      '7606 §7.1',
      'ORIGIN 3 with one of two paths',
      [
        advertise(path(1, TYPE3) + path(2, TYPE3)),
        update(evpnReach(path(2, TYPE3)) + AS_PATH + LOCAL_PREF + attribute(0x40, 1, '03')),
      ],
      1,
    ),
    reset(
      '7911 §3',
      'half a path identifier',
      advertise(`${path(1, TYPE3)}0000`),
      `3/9 ${evpnReach(`${path(1, TYPE3)}0000`)}`,
      sending,
    ),
    reset(
      '7911 §3',
      'a path identifier without a route',
      advertise(path(1, '')),
      `3/9 ${evpnReach(path(1, ''))}`,
      sending,
    ),
    reset(
      '7911 §3',
      'no path identifier although they were agreed',
      advertise(TYPE3),
      `3/9 ${evpnReach(TYPE3)}`,
      sending,
    ),
    reset(
      '7911 §5',
      'path identifiers that were not agreed',
      advertise(path(1, TYPE3)),
      `3/9 ${evpnReach(path(1, TYPE3))}`,
    ),
    reset(
      '7911 §5',
      'path identifiers of a peer that can only receive them',
      advertise(path(1, TYPE3)),
      `3/9 ${evpnReach(path(1, TYPE3))}`,
      withFamilies([EVPN], { addPath: [{ family: EVPN, mode: AddPathMode.Receive }] }),
    ),
    survived(
      '7911 §5',
      'add-path agreed for another family only',
      'routes without identifiers taken',
      advertise(TYPE3),
      (field) => expect(field.routesFrom()).toHaveLength(1),
      withFamilies([EVPN, VPNV4], { addPath: [{ family: VPNV4, mode: AddPathMode.Send }] }),
    ),
  ]
}

/** What only a reflector has to do; its cluster is 10.9.9.9. */
export const reflections: readonly Case[] = [
  scene('4456 §8: our own cluster in CLUSTER_LIST → the route is gone', async (field) => {
    const { peer } = await advertiseGood(field, {})
    peer.send(update(besides(attribute(0x80, 10, '0a0000010a090909'))))
    await field.taken(peer)
    expect(field.routesFrom()).toEqual([])
  }),
  scene(
    '7606 §5.4: an EVPN route of type 99, and one of type 3 → only the latter reflected',
    async (field) => {
      const client = await field.at('Established', HOST.client)
      // the victim asks for the same, so that the bystander is sent nothing
      client.send(update(reach(1, 132, '0a000001', `600000fc000002fc000000000a`) + WELL_KNOWN))
      const peer = await field.at('Established')
      peer.send(update(evpnReach(route(99, 'abcd') + TYPE3) + WELL_KNOWN + TARGET))
      await field.taken(peer)
      const received = (): string =>
        client
          .of('update')
          .flatMap(({ update }) => update.reach.filter(({ family }) => family === EVPN))
          .flatMap(({ nlri }) => nlri)
          .map((one) => evpn.format(one as EvpnRoute))
          .join('\n')
      await until('the good route to be reflected', () => received().includes('evpn:multicast::10.0.0.1:7'))
      expect(received()).not.toContain('type-99')
    },
  ),
]

/** RFC 4271 §6.3, 7606 and all RFCs that add attributes and families to them. */
export const updates: readonly Case[] = [...attributeErrors, ...framingErrors, ...routes]
