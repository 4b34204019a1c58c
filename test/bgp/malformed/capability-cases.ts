import { expect } from 'vitest'
import { EVPN, ROUTE_TARGET, VPNV4 } from '../../../src/bgp/family.ts'
import { AddPathMode } from '../../../src/bgp/message/capability.ts'
import {
  AS_PATH,
  attribute,
  LOCAL_PREF,
  TARGET,
  TYPE3,
  update,
  WELL_KNOWN,
} from '../../support/update-bytes.ts'
import { HOST } from '../../support/victim.ts'
import { type Case, scene, survived } from './cases.ts'

import {
  EXTERNAL_PATH2,
  evpnReach,
  external,
  fromOutside,
  GOOD,
  kept,
  reset,
  twoOctets,
  unreach,
  withFamilies,
} from './update-parts.ts'

/** UPDATEs whose format depends on capabilities: AS numbers of four octets, add-path. */
export const capabilityCases: readonly Case[] = [
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
    const { routesIn } = field.bgpPeer()
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
    expect(field.bgpPeer().sessions.lastError).toContain('a fault made for the test')
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
      expect(field.bgpPeer().source.routeCount).toBe(left + 1)
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
