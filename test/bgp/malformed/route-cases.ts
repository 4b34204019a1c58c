import { expect } from 'vitest'
import { EVPN, ROUTE_TARGET } from '../../../src/bgp/family.ts'
import {
  attribute,
  MP_REACH,
  octet,
  TARGET,
  TYPE3,
  u16,
  update,
  WELL_KNOWN,
} from '../../support/update-bytes.ts'
import { type Case, scene, survived } from './cases.ts'

import {
  countersOf,
  ESI,
  evpnReach,
  MAC,
  peerPath,
  quarantined,
  RD,
  reach,
  route,
  TAG,
  unreach,
  withFamilies,
} from './update-parts.ts'

/** RFC 7606 §5.4 and the sections of each family: routes that are malformed, or of families that were not agreed. */
export const routes: readonly Case[] = [
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
    (field) => expect(field.bgpPeer().routesIn.quarantine.at(-1)).toMatchObject({ family: ROUTE_TARGET }),
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
]
