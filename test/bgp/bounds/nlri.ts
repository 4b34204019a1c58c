import {
  attribute,
  type Bound,
  bytesOf,
  EVPN,
  type FamilyHead,
  FLOW4,
  FLOW6,
  inEstablished,
  nlriBound,
  octet,
  RD,
  REST,
  RTC,
  TARGET,
  u16,
  update,
  type Verdict,
  VPNV4,
  VPNV6,
} from './bound.ts'

const hop = (
  rfc: string,
  { name, family }: FamilyHead,
  nlri: string,
  good: readonly number[],
  all: readonly number[],
): Bound[] =>
  all.map((length) =>
    inEstablished(
      rfc,
      `a next hop of ${length} octets in ${name}`,
      update(attribute(0x80, 14, `${family}${octet(length)}${bytesOf(length, 10)}00${nlri}`) + REST + TARGET),
      good.includes(length) ? 'accepted' : 'reset 3/9',
    ),
  )

const vpn = (bits: number, label = '000641', rd = RD): string =>
  octet(bits) + label + rd + bytesOf(Math.max(0, (bits + 7 - 88) >> 3), 10)

const body = (type: number, length: number, declared = length): string =>
  octet(type) + octet(declared) + bytesOf(length)
const route = (type: number, text: string): string => octet(type) + octet(text.length / 2) + text
const ESI = bytesOf(10)
const TAG = bytesOf(4)
const VNI = '0003e9'
const MAC = '30020000000001'

const TYPE1 = route(1, `${RD}${ESI}${TAG}${VNI}`)
const TYPE2 = route(2, `${RD}${ESI}${TAG}${MAC}00${VNI}`)
const TYPE3 = route(3, `${RD}${TAG}20c0000203`)
const TYPE4 = route(4, `${RD}${ESI}20c0000203`)
const type5 = (bits: number, { esi = ESI, gateway = TAG, label = VNI, address = '0a630000' } = {}): string =>
  route(5, `${RD}${esi}${TAG}${octet(bits)}${address}${gateway}${label}`)
const TYPE5 = type5(24)
const V6 = { address: `20010db8${bytesOf(12)}`, gateway: bytesOf(16) }

const evpn = (rfc: string, name: string, nlri: string, verdict: Verdict, good: string | null = null): Bound =>
  nlriBound(rfc, `EVPN ${name}`, EVPN, nlri, verdict, good)
const longer = (nlri: string): string => `${nlri.slice(0, 2)}${octet(nlri.length / 2 - 1)}${nlri.slice(4)}00`
const shorter = (nlri: string): string => nlri.slice(0, 2) + octet(nlri.length / 2 - 3) + nlri.slice(4, -2)

const rule = (components: string, length = 8 + components.length / 2): string =>
  octet(length) + RD + components
const longRule = (components: string, length = 8 + components.length / 2): string =>
  u16(0xf000 | length) + RD + components
const flow = (rfc: string, name: string, nlri: string, verdict: Verdict, family = FLOW4): Bound =>
  nlriBound(rfc, `${family.name} ${name}`, family, nlri, verdict)
/** Comparisons of a component that are so many octets together with its type: odd. */
const comparisons = (octets: number): string => `03${'0106'.repeat((octets - 3) / 2)}8106`

/** RFC 4760, 7606 §5, and of each family its own: next hops and NLRI. */
export const nlri: readonly Bound[] = [
  ...hop('7432 §9.2.1, 7606 §7.11', EVPN, TYPE3, [4, 16], [0, 3, 4, 5, 12, 15, 16, 17, 24, 32]),
  ...hop(
    '4364 §4.3.2, 8950 §3',
    VPNV4,
    vpn(120),
    [12, 24, 48],
    [0, 4, 11, 12, 13, 16, 23, 24, 25, 47, 48, 49],
  ),
  ...hop('4659 §3.2.1', VPNV6, vpn(120), [24, 48], [0, 12, 16, 23, 24, 25, 47, 48, 49]),
  ...hop('4684 §4', RTC, '00', [4, 16], [0, 3, 4, 5, 15, 16, 17, 32]),
  ...hop('8955 §4', FLOW4, rule('038106'), [0, 1, 4, 12, 16, 24, 255], [0, 1, 4, 12, 16, 24, 255]),
  inEstablished(
    '7606 §5.3',
    'MP_REACH_NLRI of 3 octets',
    update(attribute(0x80, 14, '001946') + REST),
    'reset 3/9',
  ),
  inEstablished(
    '7606 §5.3',
    'MP_REACH_NLRI without its reserved octet',
    update(attribute(0x80, 14, '00194604c0000202') + REST),
    'reset 3/9',
  ),
  inEstablished('7606 §5.3', 'MP_UNREACH_NLRI of 2 octets', update(attribute(0x80, 15, '0019')), 'reset 3/9'),
  inEstablished('4724 §2', 'MP_UNREACH_NLRI of 3 octets', update(attribute(0x80, 15, '001946')), 'ignored'),
  ...[14, 15].flatMap((code) =>
    [0x00, 0x40, 0xc0].map((flags) =>
      inEstablished(
        '7606 §5.3',
        `attribute ${code} with flags 0x${octet(flags)}`,
        update(attribute(flags, code, code === 14 ? `${EVPN.reach}${TYPE3}` : `001946${TYPE3}`) + REST),
        'reset 3/4',
      ),
    ),
  ),
  inEstablished(
    '7606 §3 (g)',
    'MP_REACH_NLRI twice',
    update(attribute(0x80, 14, EVPN.reach + TYPE3).repeat(2) + REST),
    'reset 3/1',
  ),
  inEstablished(
    '7606 §3 (g)',
    'MP_UNREACH_NLRI twice',
    update(attribute(0x80, 15, `001946${TYPE3}`).repeat(2)),
    'reset 3/1',
  ),

  // VPN-IPv4 and VPN-IPv6.
  ...([VPNV4, VPNV6] as const).flatMap((family) => {
    const most = family === VPNV4 ? 120 : 216
    const bound = (name: string, one: string, verdict: Verdict, good: string | null = null): Bound =>
      nlriBound(
        family === VPNV4 ? '4364 §4.3.4' : '4659 §3.2',
        `${family.name} ${name}`,
        family,
        one,
        verdict,
        good,
      )
    return [
      bound('of 87 bits', vpn(87), 'reset 3/9'),
      bound('of 88 bits', vpn(88), 'accepted'),
      bound('of 89 bits', vpn(89), 'accepted'),
      bound(`of ${most - 1} bits`, vpn(most - 1), 'accepted'),
      bound(`of ${most} bits`, vpn(most), 'accepted'),
      bound(`of ${most + 1} bits`, vpn(most + 1), 'quarantined'),
      bound('that overruns', vpn(most).slice(0, -2), 'reset 3/9'),
      bound('with the bottom bit clear', vpn(112, '000640'), 'accepted', vpn(112)),
      bound('with label 0', vpn(112, '000001'), 'accepted', vpn(112)),
      bound('with label 1048575', vpn(112, 'fffff1'), 'accepted', vpn(112)),
      bound('with label 0x800000', vpn(112, '800000'), 'accepted', vpn(112)),
      bound(
        'with two labels',
        `${octet(most + 24)}000640000641${RD}${bytesOf((most - 88) / 8, 10)}`,
        'withdrawn',
        vpn(most),
      ),
    ]
  }),

  // EVPN.
  ...([TYPE1, TYPE2, TYPE3, TYPE4, TYPE5] as const).flatMap((good, i) => [
    evpn(i === 4 ? '9136 §3.1' : `7432 §7.${i + 1}`, `type ${i + 1}`, good, 'accepted'),
    evpn(
      i === 4 ? '9136 §3.1' : `7432 §7.${i + 1}`,
      `type ${i + 1} of one octet more`,
      longer(good),
      i === 4 ? 'quarantined' : 'withdrawn',
      good,
    ),
    evpn(
      i === 4 ? '9136 §3.1' : `7432 §7.${i + 1}`,
      `type ${i + 1} of one octet less`,
      shorter(good),
      i < 2 ? 'withdrawn' : 'quarantined',
      good,
    ),
    evpn('7606 §5.4', `type ${i + 1} of no octet`, body(i + 1, 0), 'quarantined'),
    evpn('7606 §5.4', `type ${i + 1} of 255 octets`, body(i + 1, 255), 'quarantined'),
    evpn('7606 §5.3', `type ${i + 1} that overruns`, good.slice(0, -2), 'reset 3/9'),
  ]),
  ...[0, 31, 32, 33, 127, 128, 129, 255].flatMap((bits) => {
    const address = bytesOf((bits + 7) >> 3, 10)
    return [
      evpn(
        '7432 §7.2',
        `type 2 with an IP address of ${bits} bits`,
        route(2, `${RD}${ESI}${TAG}${MAC}${octet(bits)}${address}${VNI}`),
        [0, 32, 128].includes(bits) ? 'accepted' : 'quarantined',
      ),
      evpn(
        '7432 §7.3',
        `type 3 with an originator of ${bits} bits`,
        route(3, `${RD}${TAG}${octet(bits)}${address}`),
        [32, 128].includes(bits) ? 'accepted' : 'quarantined',
      ),
      evpn(
        '7432 §7.4',
        `type 4 with an originator of ${bits} bits`,
        route(4, `${RD}${ESI}${octet(bits)}${address}`),
        [32, 128].includes(bits) ? 'accepted' : 'quarantined',
      ),
    ]
  }),
  ...[0, 47, 49, 255].map((bits) =>
    evpn(
      '7432 §7.2',
      `type 2 with a MAC address of ${bits} bits`,
      route(2, `${RD}${ESI}${TAG}${octet(bits)}020000000001${'00'}${VNI}`),
      'quarantined',
    ),
  ),
  evpn(
    '7432 §7.2',
    'type 2 with two labels',
    route(2, `${RD}${ESI}${TAG}${MAC}00${VNI}${VNI}`),
    'accepted',
    TYPE2,
  ),
  evpn(
    '7432 §7.2',
    'type 2 with three labels',
    route(2, `${RD}${ESI}${TAG}${MAC}00${VNI}${VNI}${VNI}`),
    'withdrawn',
    TYPE2,
  ),
  ...[0, 1, 31, 32, 33, 255].map((bits) =>
    evpn(
      '9136 §3.1',
      `type 5 with an IPv4 prefix of ${bits} bits`,
      type5(bits),
      bits > 32 ? 'quarantined' : 'accepted',
    ),
  ),
  ...[0, 127, 128, 129, 255].map((bits) =>
    evpn(
      '9136 §3.1',
      `type 5 with an IPv6 prefix of ${bits} bits`,
      type5(bits, V6),
      bits > 128 ? 'quarantined' : 'accepted',
    ),
  ),
  evpn('9136 §3.2', 'type 5 with an ESI', type5(24, { esi: bytesOf(10, 1) }), 'accepted', TYPE5),
  evpn('9136 §3.2', 'type 5 with a gateway', type5(24, { gateway: '0a0000fe' }), 'accepted', TYPE5),
  evpn(
    '9136 §3.2',
    'type 5 with both',
    type5(24, { esi: bytesOf(10, 1), gateway: '0a0000fe' }),
    'withdrawn',
    TYPE5,
  ),
  evpn('9136 §3.1', 'type 5 with neither, nor a label', type5(24, { label: '000000' }), 'withdrawn', TYPE5),
  evpn('9136 §3.1', 'type 5 with neither, and label 1', type5(24, { label: '000001' }), 'accepted', TYPE5),
  evpn(
    '9136 §3.1',
    'type 5 with an ESI and no label',
    type5(24, { esi: bytesOf(10, 1), label: '000000' }),
    'accepted',
    TYPE5,
  ),
  ...[0, 6, 11, 255].map((type) => evpn('7606 §5.4', `an unknown type ${type}`, body(type, 5), 'accepted')),
  evpn('7606 §5.3', 'one octet', '02', 'reset 3/9'),

  // Route-target membership.
  ...[0, 1, 31, 32, 33, 47, 48, 95, 96, 97, 255].map((bits) =>
    nlriBound(
      '4684 §4',
      `${RTC.name} of ${bits} bits`,
      RTC,
      octet(bits) + bytesOf((bits + 7) >> 3),
      bits > 96 ? 'reset 3/9' : bits > 0 && bits < 32 ? 'quarantined' : 'accepted',
    ),
  ),
  nlriBound('4684 §4', `${RTC.name} that overruns`, RTC, `60${bytesOf(11)}`, 'reset 3/9'),

  // FlowSpec.
  ...([FLOW4, FLOW6] as const).flatMap((family) => {
    const bound = (name: string, components: string, verdict: Verdict, rfc = '8955 §4.2'): Bound =>
      flow(rfc, name, rule(components), verdict, family)
    const last = family === FLOW4 ? 12 : 13
    return [
      ...Array.from({ length: last - 2 }, (_, i) =>
        bound(`with component ${i + 3}`, `${octet(i + 3)}8106`, 'accepted'),
      ),
      bound('with component 0', '008106', 'quarantined'),
      bound(`with component ${last + 1}`, `${octet(last + 1)}8106`, 'quarantined'),
      bound('with component 255', 'ff8106', 'quarantined'),
      bound('of no component', '', 'quarantined'),
      bound('with a component twice', '038106038106', 'quarantined'),
      bound('with components out of order', '048106038106', 'quarantined'),
      bound('with components in order', '038106048106', 'accepted'),
      bound('with a comparison without its value', '0381', 'quarantined', '8955 §4.2.1'),
      bound('with a comparison that is not the last', '030106', 'quarantined', '8955 §4.2.1'),
      bound('with the AND bit in the first comparison', '03c106', 'accepted', '8955 §4.2.1.1'),
      ...[0, 1, 2, 3].flatMap((size) => [
        bound(
          `with a value of ${1 << size} octets`,
          `0a${octet(0x81 | (size << 4))}${bytesOf(1 << size)}`,
          'accepted',
          '8955 §4.2.1',
        ),
        bound(
          `with a value of ${1 << size} octets, one short`,
          `0a${octet(0x81 | (size << 4))}${bytesOf((1 << size) - 1)}`,
          'quarantined',
          '8955 §4.2.1',
        ),
      ]),
    ]
  }),
  ...[0, 31, 32, 33, 255].map((bits) =>
    flow(
      '8955 §4.2.2.1',
      `with a prefix of ${bits} bits`,
      rule(`01${octet(bits)}${bytesOf((bits + 7) >> 3)}`),
      bits > 32 ? 'quarantined' : 'accepted',
    ),
  ),
  ...(
    [
      [0, 0, true],
      [128, 0, true],
      [129, 0, false],
      [128, 127, true],
      [128, 128, false],
      [64, 63, true],
      [64, 64, false],
      [64, 65, false],
      [0, 1, false],
    ] as const
  ).map(([bits, offset, good]) =>
    flow(
      '8956 §3.1',
      `with a prefix of ${bits} bits and offset ${offset}`,
      rule(`01${octet(bits)}${octet(offset)}${bytesOf((Math.max(0, bits - offset) + 7) >> 3)}`),
      good ? 'accepted' : 'quarantined',
      FLOW6,
    ),
  ),
  flow('8955 §4.1', 'of 239 octets', rule(comparisons(231)), 'accepted'),
  flow('8955 §4.1', 'of 241 octets in two', longRule(comparisons(233)), 'accepted'),
  flow('8955 §4.1', 'of 11 octets in two', longRule('038106'), 'accepted'),
  flow('8955 §4.1', 'of 4095 octets', longRule(comparisons(4087)), 'accepted'),
  flow('8955 §4.1', 'one octet past its attribute', rule('038106', 12), 'reset 3/9'),
  flow('8955 §4.1', 'in two octets one past its attribute', longRule('038106', 12), 'reset 3/9'),
  flow('8955 §4.1', 'with one octet of two of length', 'f0', 'reset 3/9'),
  ...[0, 7].map((length) =>
    flow('8955 §8', `of ${length} octets, less than an RD`, octet(length) + bytesOf(length), 'quarantined'),
  ),
]
