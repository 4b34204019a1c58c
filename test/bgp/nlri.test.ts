import { describe, expect, test } from 'vitest'
import { Malformed } from '../../src/bgp/errors.ts'
import {
  EVPN,
  FLOWSPEC_VPNV4,
  FLOWSPEC_VPNV6,
  familyName,
  IPV4_UNICAST,
  IPV6_UNICAST,
  ROUTE_TARGET,
  VPNV4,
  VPNV6,
} from '../../src/bgp/family.ts'
import { keyOf, REACHABLE, WITHDRAWN } from '../../src/bgp/nlri/codec.ts'
import { type Nlri, nlriCodec } from '../../src/bgp/nlri/index.ts'
import { Reader } from '../../src/bgp/wire/reader.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'

const RD = '00010a0000010007'
const ESI = '00'.repeat(10)

const octet = (value: number): string => value.toString(16).padStart(2, '0')
/** An EVPN route: type, length, body. */
const evpn = (type: number, body: string): string => octet(type) + octet(body.length / 2) + body
/** A FlowSpec rule behind its length in one octet. */
const flow = (body: string): string => octet(body.length / 2) + body
const MAC = '30dead0000beef'
const V6 = '20010db8000000000000000000000001'

/** Routes by family: their octets and how they read. Those of exabgp 4.2.21 and tshark agree with them. */
const vectors: readonly (readonly [family: number, octets: string, text: string])[] = [
  [IPV4_UNICAST, '00', '0.0.0.0/0'],
  [IPV4_UNICAST, '180b0000', '11.0.0.0/24'],
  [IPV6_UNICAST, '2020010db8', '2001:db8::/32'],
  [VPNV4, '780004d100010a00000100070b000001', '11.0.0.1/32 label 77 rd 10.0.0.1:7'],
  [VPNV4, '580004d100010a0000010007', '0.0.0.0/0 label 77 rd 10.0.0.1:7'],
  [VPNV6, '980004d100010a000001000720010db800000001', '2001:db8:0:1::/64 label 77 rd 10.0.0.1:7'],
  [EVPN, evpn(1, `${RD}${ESI}ffffffff000000`), 'evpn:ethernetad::10.0.0.1:7:-:4294967295: label 0 (0)'],
  [
    EVPN,
    evpn(2, `${RD}${ESI}00000000${MAC}0000004d`),
    'evpn:macadv::10.0.0.1:7:-:0:DE:AD:00:00:BE:EF/48:-: label 4 (77)',
  ],
  [
    EVPN,
    '022500010a0000010007000000000000000000000000000030dead0000beef200b00000100004d',
    'evpn:macadv::10.0.0.1:7:-:0:DE:AD:00:00:BE:EF/48:11.0.0.1: label 4 (77)',
  ],
  [
    EVPN,
    evpn(2, `${RD}${ESI}00000000${MAC}80${V6}00004d`),
    'evpn:macadv::10.0.0.1:7:-:0:DE:AD:00:00:BE:EF/48:2001:db8::1: label 4 (77)',
  ],
  [
    EVPN,
    evpn(2, `${RD}${ESI}00000000${MAC}200b00000100004d000058`),
    'evpn:macadv::10.0.0.1:7:-:0:DE:AD:00:00:BE:EF/48:11.0.0.1: label 4 (77) label 5 (88)',
  ],
  [EVPN, '031100010a000001000700000000200a000001', 'evpn:multicast::10.0.0.1:7:0:10.0.0.1'],
  [
    EVPN,
    evpn(4, `${RD}00112233445566778899200a000001`),
    'evpn:ethernetsegment::10.0.0.1:7:00:11:22:33:44:55:66:77:88:99:10.0.0.1',
  ],
  [
    EVPN,
    evpn(5, `${RD}${ESI}00000000180b0000000000000000004d`),
    'evpn:prefix::10.0.0.1:7:-:0:11.0.0.0/24:-: label 4 (77)',
  ],
  [
    EVPN,
    evpn(5, `${RD}${ESI}000000002020010db8${'00'.repeat(12)}${V6}00004d`),
    'evpn:prefix::10.0.0.1:7:-:0:2001:db8::/32:2001:db8::1: label 4 (77)',
  ],
  [EVPN, '0602abcd', 'evpn:type-6::abcd'],
  [EVPN, 'ff00', 'evpn:type-255::'],
  [ROUTE_TARGET, '00', 'rtc wildcard'],
  [ROUTE_TARGET, '600000fc000002fc000000004d', 'rtc 64512:target:64512:77'],
  [ROUTE_TARGET, '200000fc00', 'rtc 64512:0x0000000000000000/32'],
  [ROUTE_TARGET, '400000fc000002fc00', 'rtc 64512:target:64512:0/64'],
  [
    FLOWSPEC_VPNV4,
    '1300010a000001000701180b0000038106058150',
    'flow rd 10.0.0.1:7 destination 11.0.0.0/24 protocol =6 destination-port =80',
  ],
  [
    FLOWSPEC_VPNV4,
    flow(`${RD}0210 0a01 0613044dd507d0 0982020c8104`.replaceAll(' ', '')),
    'flow rd 10.0.0.1:7 source 10.1.0.0/16 source-port >=1101&<=2000 tcp-flags !0x2 fragment =0x4',
  ],
  [
    FLOWSPEC_VPNV6,
    flow(`${RD}01400020010db8000000010381060d8105`),
    'flow rd 10.0.0.1:7 destination 2001:db8:0:1::/64 protocol =6 flow-label =5',
  ],
]

function decode(family: number, octets: string, context = REACHABLE): Nlri {
  const codec = nlriCodec(family)!
  const r = new Reader(Buffer.from(octets, 'hex'))
  const length = codec.measure(r)
  r.pos = 0
  r.enter(length)
  const nlri = codec.decode(r, context)
  r.expectEnd()
  return nlri
}

describe.each(vectors)('%i %s', (family, octets, text) => {
  const codec = nlriCodec(family)!

  test(`is ${familyName(family)} ${text}`, () =>
    expect(codec.format(decode(family, octets) as never)).toBe(text))

  test('encodes to the same octets', () => {
    const w = new Writer()
    codec.encode(w, decode(family, octets) as never)
    expect(w.copy().toString('hex')).toBe(octets)
  })

  test('cut anywhere it is malformed or another route, never more than that', () => {
    for (let length = 0; length < octets.length; length += 2) {
      try {
        decode(family, octets.slice(0, length))
      } catch (error) {
        expect(error).toBeInstanceOf(Malformed)
      }
    }
  })
})

test.each([
  ['016840123456789a', '::1234:5678:9a00:0/104 offset 64'],
  ['014441e0', '::7000:0:0:0/68 offset 65'],
  [`01800001${'00'.repeat(14)}01`, '100::1/128'],
])('an IPv6 prefix of FlowSpec stands behind its offset: %s (RFC 8956 §3.1)', (rule, shown) => {
  expect(nlriCodec(FLOWSPEC_VPNV6)!.fields(decode(FLOWSPEC_VPNV6, flow(RD + rule)))).toMatchObject({
    destination: shown,
  })
})

describe('a route is refused alone', () => {
  test.each([
    [
      'EVPN type 2 with an address of 24 bits',
      EVPN,
      evpn(2, `${RD}${ESI}00000000${MAC}180b000000004d`),
      'address of 24 bits',
    ],
    [
      'EVPN type 2 with a MAC of 40 bits',
      EVPN,
      evpn(2, `${RD}${ESI}0000000028dead0000beef0000004d`),
      'MAC address of 40 bits',
    ],
    ['EVPN type 2 without a label', EVPN, evpn(2, `${RD}${ESI}00000000${MAC}00`), 'label cut off'],
    [
      'EVPN type 2 that is too long',
      EVPN,
      evpn(2, `${RD}${ESI}00000000${MAC}0000004d00004e00`),
      '1 bytes too many',
    ],
    ['EVPN type 3 without an address', EVPN, evpn(3, `${RD}0000000000`), 'address of 0 bits'],
    [
      'EVPN type 5 with an IPv4 prefix of 33 bits',
      EVPN,
      evpn(5, `${RD}${ESI}00000000210b0000000000000000004d`),
      'prefix length 33',
    ],
    [
      'EVPN type 5 with both an ESI and a gateway',
      EVPN,
      evpn(5, `${RD}00112233445566778899${'00000000'}180b00000001010101${'00004d'}`),
      'both an ESI and a gateway',
    ],
    ['two labels', VPNV4, '900004d00005d100010a00000100070b000001', 'more than one label'],
    ['two labels of a short prefix', VPNV4, '790004d00005d100010a00000100070b80', 'more than one label'],
    ['a membership of 31 bits', ROUTE_TARGET, '1f0000fc00', 'route-target prefix of 31 bits'],
    [
      'FlowSpec components out of order',
      FLOWSPEC_VPNV4,
      flow(`${RD}03810601180b0000`),
      'component 1 after 3',
    ],
    ['a FlowSpec component twice', FLOWSPEC_VPNV4, flow(`${RD}038106038111`), 'component 3 after 3'],
    ['an unknown FlowSpec component', FLOWSPEC_VPNV4, flow(`${RD}0d8105`), 'unknown component 13'],
    ['a FlowSpec list that never ends', FLOWSPEC_VPNV4, flow(`${RD}030106`), 'bytes expected'],
    ['a FlowSpec rule without components', FLOWSPEC_VPNV4, flow(RD), 'rule without components'],
  ])('%s', (_, family, octets, reason) => {
    expect(() => decode(family, octets)).toThrow(Malformed)
    expect(() => decode(family, octets)).toThrow(reason)
  })
})

test.each([
  [
    EVPN,
    evpn(1, `${RD}00112233445566778899ffffffff00004d`),
    {
      route_type: 1,
      route: 'Ethernet auto-discovery',
      rd: '10.0.0.1:7',
      esi: '00:11:22:33:44:55:66:77:88:99',
      ethernet_tag: 0xffff_ffff,
      label: 4,
      vni: 77,
    },
  ],
  [
    EVPN,
    evpn(2, `${RD}${ESI}00000005${MAC}200b00000100004d000058`),
    {
      route_type: 2,
      route: 'MAC/IP advertisement',
      rd: '10.0.0.1:7',
      esi: null,
      ethernet_tag: 5,
      mac: 'de:ad:00:00:be:ef',
      ip: '11.0.0.1',
      label: 4,
      vni: 77,
      label2: 5,
      vni2: 88,
    },
  ],
  [
    EVPN,
    evpn(3, `${RD}00000005200a000001`),
    {
      route_type: 3,
      route: 'inclusive multicast',
      rd: '10.0.0.1:7',
      ethernet_tag: 5,
      originator: '10.0.0.1',
    },
  ],
  [
    EVPN,
    evpn(4, `${RD}${ESI}200a000001`),
    { route_type: 4, route: 'Ethernet segment', rd: '10.0.0.1:7', esi: null, originator: '10.0.0.1' },
  ],
  [
    EVPN,
    evpn(5, `${RD}${ESI}00000005180b0000000a00000100004d`),
    {
      route_type: 5,
      route: 'IP prefix',
      rd: '10.0.0.1:7',
      esi: null,
      ethernet_tag: 5,
      prefix: '11.0.0.0/24',
      gateway: '10.0.0.1',
      label: 4,
      vni: 77,
    },
  ],
  [EVPN, '0c02abcd', { route_type: 12, route: 'unknown route type', body: 'abcd' }],
  [IPV4_UNICAST, '180b0000', { prefix: '11.0.0.0/24' }],
  [VPNV4, '700004d100010a00000100070b0000', { rd: '10.0.0.1:7', prefix: '11.0.0.0/24', label: 77 }],
  [VPNV4, '7080000000010a00000100070b0000', { rd: '10.0.0.1:7', prefix: '11.0.0.0/24', label: null }],
  [ROUTE_TARGET, '00', { origin_as: null, route_target: null, prefix_length: 0 }],
  [ROUTE_TARGET, '200000fc00', { origin_as: 64512, route_target: null, prefix_length: 32 }],
  [ROUTE_TARGET, '310000fc00000280', { origin_as: 64512, route_target: 'target:32768:0', prefix_length: 49 }],
  [
    ROUTE_TARGET,
    '600000fc000002fc000000004d',
    { origin_as: 64512, route_target: 'target:64512:77', prefix_length: 96 },
  ],
])('the looking glass names the parts of %i %s', (family, octets, fields) => {
  const context = octets.startsWith('7080') ? WITHDRAWN : REACHABLE
  expect(nlriCodec(family)!.fields(decode(family, octets, context) as never)).toEqual(fields)
})

test('EVPN routes that are carried unread have the names of their types (IANA)', () => {
  const titles = [6, 7, 8, 9, 10, 11, 12].map(
    (type) => nlriCodec(EVPN)!.fields(decode(EVPN, `${octet(type)}00`) as never)['route'],
  )
  expect(titles).toEqual([
    'selective multicast Ethernet tag',
    'multicast membership report synch',
    'multicast leave synch',
    'per-region I-PMSI A-D',
    'S-PMSI A-D',
    'leaf A-D',
    'unknown route type',
  ])
})

describe('framing is lost', () => {
  test.each([
    ['an IPv4 prefix of 33 bits', IPV4_UNICAST, '210b00000000'],
    ['a VPN prefix without room for an RD', VPNV4, '200004d100'],
    ['a membership of more than 96 bits', ROUTE_TARGET, `61${'00'.repeat(13)}`],
  ])('with %s', (_, family, octets) => {
    expect(() => nlriCodec(family)!.measure(new Reader(Buffer.from(octets, 'hex')))).toThrow(Malformed)
  })
})

test('a withdrawn VPN route may carry any label (RFC 8277 §2.4)', () => {
  const codec = nlriCodec(VPNV4)!
  const labels = ['800000', '000000', '0004d0']
  const keys = labels.map((label) =>
    keyOf(codec, decode(VPNV4, `78${label}00010a00000100070b000001`, WITHDRAWN) as never),
  )
  expect(new Set(keys).size).toBe(1)
})

describe('keys leave out what may change without a withdraw', () => {
  test.each([
    [
      'the ESI and label of type 2 (RFC 7432 §7.2)',
      evpn(2, `${RD}${ESI}00000000${MAC}0000004d`),
      evpn(2, `${RD}0011223344556677889900000000${MAC}0000004e`),
    ],
    ['the label of type 1', evpn(1, `${RD}${ESI}00000000000000`), evpn(1, `${RD}${ESI}00000000000010`)],
    [
      'ESI, gateway and label of type 5',
      evpn(5, `${RD}${ESI}00000000180b0000000000000000004d`),
      evpn(5, `${RD}${ESI}00000000180b0000000101010100004e`),
    ],
  ])('%s', (_, one, other) => {
    const codec = nlriCodec(EVPN)!
    expect(keyOf(codec, decode(EVPN, one) as never)).toBe(keyOf(codec, decode(EVPN, other) as never))
  })
})
