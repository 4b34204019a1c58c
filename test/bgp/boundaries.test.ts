import { expect, test } from 'vitest'
import { aggregator } from '../../src/bgp/attribute/aggregator.ts'
import { prependAs } from '../../src/bgp/attribute/as-path.ts'
import { noAttributes } from '../../src/bgp/attribute/attributes.ts'
import { communities } from '../../src/bgp/attribute/communities.ts'
import { attributeCodec, formatAttributes, writeAttribute } from '../../src/bgp/attribute/index.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { FLOWSPEC_VPNV4 } from '../../src/bgp/family.ts'
import { noCapabilities } from '../../src/bgp/message/capability.ts'
import { encodeNotification, formatNotification } from '../../src/bgp/message/notification.ts'
import { decodeOpen, encodeOpen } from '../../src/bgp/message/open.ts'
import { keyOf } from '../../src/bgp/nlri/codec.ts'
import { evpn } from '../../src/bgp/nlri/evpn/index.ts'
import { nlriCodec } from '../../src/bgp/nlri/index.ts'
import { OPEN_WAIT_SECONDS } from '../../src/bgp/session/fsm/connect.ts'
import { ZERO_ESI } from '../../src/bgp/values/esi.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { Reader } from '../../src/bgp/wire/reader.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { ip } from '../support/speakers.ts'

/** Values at which the one side of a rule begins. */

test.each([
  [65_535, 'ffff'],
  [65_536, '5ba0'],
])(
  'the AGGREGATOR of AS %i is advertised to a peer with 2-octet AS numbers as %s (RFC 6793 §4.2.2)',
  (as, hex) => {
    const writer = new Writer()
    aggregator.encode(writer, { as, address: ip('10.0.0.1') }, { ...DEFAULT_CONTEXT, fourOctetAs: false })
    expect(writer.copy().toString('hex')).toBe(`${hex}0a000001`)
  },
)

const sequence = (length: number) => ({ type: 2, asns: Array.from({ length }, (_, i) => i + 1) }) as const

test('an AS goes in front of a sequence as long as it has room for 255 (RFC 4271 §5.1.2)', () => {
  expect(prependAs([sequence(254)], 7).map(({ asns }) => asns.length)).toEqual([255])
  expect(prependAs([sequence(255)], 7).map(({ asns }) => asns.length)).toEqual([1, 255])
  expect(prependAs([{ type: 1, asns: [3] }], 7)).toEqual([
    { type: 2, asns: [7] },
    { type: 1, asns: [3] },
  ])
  expect(prependAs([], 7)).toEqual([{ type: 2, asns: [7] }])
})

test('an OPEN is waited for four minutes (RFC 4271 §8.2.2)', () => {
  expect(OPEN_WAIT_SECONDS).toBe(240)
})

test.each([
  [1, 0xff],
  [2, 0xffff],
] as const)('a length of %i octets tells of up to %i', (size, most) => {
  const written = (length: number): number => {
    const writer = new Writer(1)
    const at = writer.reserve(size)
    for (let i = 0; i < length; i++) writer.u8(7)
    writer.patch(at, size)
    return writer.view().readUIntBE(at, size)
  }
  expect([written(0), written(most)]).toEqual([0, most])
  expect(() => written(most + 1)).toThrow(RangeError)
})

test.each([
  [65_535, 'ffff'],
  [65_536, '5ba0'],
])('AS %i is in an OPEN as %s (RFC 6793 §4.1)', (as, hex) => {
  const capabilities = { ...noCapabilities(), fourOctetAs: as }
  const open = encodeOpen({ version: 4, as, holdTimeSeconds: 90, identifier: 1, capabilities })
  expect(open.subarray(20, 22).toString('hex')).toBe(hex)
  expect(decodeOpen(open).as).toBe(as)
})

test.each([
  [253, 'ff02fd', 255],
  [254, 'ffff0101', 254],
])('capabilities of %i octets are in an OPEN behind %s (RFC 9072 §2)', (length, head) => {
  const capabilities = noCapabilities()
  capabilities.unknown.push({ code: 99, value: '\x07'.repeat(length - 2) })
  const open = encodeOpen({ version: 4, as: 1, holdTimeSeconds: 90, identifier: 1, capabilities })
  expect(open.subarray(28, 28 + head.length / 2).toString('hex')).toBe(head)
  expect(decodeOpen(open).capabilities).toEqual(capabilities)
})

test('an OPEN without capabilities has no parameters', () => {
  const capabilities = noCapabilities()
  const open = encodeOpen({ version: 4, as: 1, holdTimeSeconds: 90, identifier: 1, capabilities })
  expect([open.length, open[28]]).toEqual([29, 0])
})

test.each([
  ['6/2, text', [6, 2, 3, 0x62, 0x79, 0x65], 'Cease/AdministrativeShutdown (6/2): "bye"'],
  ['6/4, text', [6, 4, 3, 0x62, 0x79, 0x65, 0xff], 'Cease/AdministrativeReset (6/4): "bye"'],
  ['6/2, text of one octet', [6, 2, 1, 0x62], 'Cease/AdministrativeShutdown (6/2): "b"'],
  ['6/2, text that is cut off', [6, 2, 4, 0x62, 0x79, 0x65], 'Cease/AdministrativeShutdown (6/2)'],
  ['6/2, text of no octets', [6, 2, 0, 0x62], 'Cease/AdministrativeShutdown (6/2)'],
  ['6/2, text that is no UTF-8', [6, 2, 1, 0xff], 'Cease/AdministrativeShutdown (6/2)'],
  ['6/2 without text', [6, 2], 'Cease/AdministrativeShutdown (6/2)'],
  ['6/3, which has no text', [6, 3, 1, 0x62], 'Cease/PeerDeconfigured (6/3)'],
  ['5/2, which has no text', [5, 2, 1, 0x62], 'Finite State Machine Error/OpenConfirm (5/2)'],
  [
    '6/9, a hard reset',
    [6, 9, 6, 2, 3, 0x62, 0x79, 0x65],
    'Cease/HardReset (6/9) for Cease/AdministrativeShutdown (6/2): "bye"',
  ],
  ['6/9 without a cause', [6, 9, 6], 'Cease/HardReset (6/9)'],
  ['3/9, which has no cause', [3, 9, 6, 2], 'UPDATE Message Error/OptionalAttribute (3/9)'],
])('a NOTIFICATION in words: %s (RFC 9003 §2, RFC 8538 §3.1)', (_, octets, words) => {
  const [code, subcode, ...data] = octets as [number, number, ...number[]]
  expect(formatNotification({ code, subcode, data: Uint8Array.from(data) })).toBe(words)
})

test('a NOTIFICATION is as long as messages may be (RFC 8654 §4)', () => {
  const data = new Uint8Array(70_000)
  const encoded = [4096, 65_535].map((maxMessageLength) =>
    encodeNotification({ code: 3, subcode: 1, data }, { ...DEFAULT_CONTEXT, maxMessageLength }),
  )
  expect(encoded.map(({ length }) => length)).toEqual([4096, 65_535])
})

test.each([
  [239, 'ef'],
  [240, 'f0f0'],
  [4095, 'ffff'],
])('a FlowSpec route of %i octets begins with %s (RFC 8955 §4.1)', (length, hex) => {
  const codec = nlriCodec(FLOWSPEC_VPNV4)!
  const nlri = { rd: ipv4Rd(ip('10.0.0.1'), 1), rule: '\x07'.repeat(length - 8) }
  const writer = new Writer()
  codec.encode(writer, nlri)
  const written = writer.copy()
  expect(written.subarray(0, hex.length / 2).toString('hex')).toBe(hex)
  expect(codec.measure(new Reader(written))).toBe(written.length)
  expect(() => codec.encode(writer, { ...nlri, rule: '\x07'.repeat(4088) })).toThrow(RangeError)
})

test.each([
  [
    'PMSI_TUNNEL of ingress replication',
    { code: 22, value: '000600004d0a000001' },
    'pmsi:ingressreplication:0:4(77):10.0.0.1',
    { tunnel_type: 'ingress replication', flags: 0, label: 4, vni: 77, endpoint: '10.0.0.1' },
  ],
  [
    'PMSI_TUNNEL of another kind',
    { code: 22, value: '010300004dabcd' },
    'pmsi:type-3:1:4(77):abcd',
    { tunnel_type: 'PIM-SSM', flags: 1, label: 4, vni: 77, tunnel_id: 'abcd' },
  ],
  [
    'PMSI_TUNNEL of an unknown kind',
    { code: 22, value: '000900004d' },
    'pmsi:type-9:0:4(77):',
    { tunnel_type: '9', flags: 0, label: 4, vni: 77, tunnel_id: '' },
  ],
  [
    'AS_PATH',
    { code: 2, value: '03010000fc00' + '0202000000070000fc01' },
    ['( 64512 )', '7', '64513'],
    undefined,
  ],
  ['ORIGIN', { code: 1, value: '02' }, 'incomplete', undefined],
  ['LARGE_COMMUNITY', { code: 32, value: '0000fc000000000100000002' }, ['64512:1:2'], undefined],
  ['COMMUNITIES', { code: 8, value: 'fc000007' }, ['64512:7'], ['64512:7']],
  ['CLUSTER_LIST', { code: 10, value: '0a0000010a000002' }, ['10.0.0.1', '10.0.0.2'], undefined],
  [
    'PREFIX_SID',
    { code: 40, value: '01000700000000000005' + '05000100' + '06000100' + '07000100' },
    ['1:0x00000000000005', '5:0x00', '6:0x00', '7:0x00'],
    [
      { tlv: 'label index', type: 1, value: '00000000000005' },
      { tlv: 'SRv6 L3 service', type: 5, value: '00' },
      { tlv: 'SRv6 L2 service', type: 6, value: '00' },
      { tlv: '7', type: 7, value: '00' },
    ],
  ],
])('%s in words', (_, { code, value }, text, description) => {
  const codec = attributeCodec(code)!
  const read = codec.decode(new Reader(Buffer.from(value, 'hex')), DEFAULT_CONTEXT)
  expect(codec.format(read)).toEqual(text)
  expect(codec.describe?.(read)).toEqual(description)
})

test('default attributes are not shown: ORIGIN IGP and an empty AS_PATH', () => {
  const asPath = [{ type: 2, asns: [7] }]
  expect(formatAttributes({ ...noAttributes(), origin: 0, asPath: [], localPref: 0 })).toEqual({
    'local-preference': '0',
  })
  expect(
    formatAttributes({
      ...noAttributes(),
      origin: 1,
      asPath,
      unknown: [{ code: 99, flags: 0xc0, value: '\xab' }],
    }),
  ).toEqual({ origin: 'egp', 'as-path': '[ 7 ]', 'attribute-99': 'ab' })
})

test.each([
  [255, '4001ff'],
  [256, '50010100'],
])('an attribute of %i octets begins with %s (RFC 4271 §4.3)', (length, hex) => {
  const writer = new Writer()
  writeAttribute(writer, 0x40, 1, () => {
    for (let i = 0; i < length; i++) writer.u8(7)
  })
  const head = hex.length / 2
  expect(writer.copy().toString('hex', 0, head)).toBe(hex)
  expect(writer.length).toBe(head + length)
})

test('well-known communities have their names (IANA)', () => {
  const values = [
    0xffff0000, 0xffff0006, 0xffff0007, 0xffff029a, 0xffffff01, 0xffffff02, 0xffffff03, 0xffffff04,
  ]
  expect(communities.describe?.(values)).toEqual([
    'graceful-shutdown (65535:0)',
    'llgr-stale (65535:6)',
    'no-llgr (65535:7)',
    'blackhole (65535:666)',
    'no-export (65535:65281)',
    'no-advertise (65535:65282)',
    'no-export-subconfed (65535:65283)',
    'no-peer (65535:65284)',
  ])
})

test('EVPN routes of two types are two routes, though their octets are the same', () => {
  const shared = { rd: ipv4Rd(ip('10.0.0.1'), 1), esi: ZERO_ESI }
  const keys = [
    keyOf(evpn, { ...shared, type: 1, ethernetTag: 0x0a000001, label: 0 }),
    keyOf(evpn, { ...shared, type: 4, originator: ip('10.0.0.1') }),
  ]
  expect(new Set(keys).size).toBe(2)
})
