import {
  attribute,
  MP_REACH,
  MP_UNREACH,
  octet,
  TYPE3,
  update,
  WELL_KNOWN,
} from '../../support/update-bytes.ts'
import type { Case } from './cases.ts'

import { GOOD, RD, reach, reset, unreach } from './update-parts.ts'

export const framingErrors: readonly Case[] = [
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
