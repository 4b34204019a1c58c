import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attributeCodecs } from '../../src/bgp/attribute/index.ts'
import { MAX_EXTENDED_MESSAGE_LENGTH } from '../../src/bgp/constants.ts'
import { DEFAULT_CONTEXT, type SessionContext } from '../../src/bgp/context.ts'
import { attributeName } from '../../src/bgp/describe/attribute-names.ts'
import { Conversation } from '../../src/bgp/describe/conversation.ts'
import type { MessageDescription } from '../../src/bgp/describe/description.ts'
import { FAMILIES } from '../../src/bgp/describe/families.ts'
import { describeMessage } from '../../src/bgp/describe/index.ts'
import { split } from '../../src/bgp/describe/split.ts'
import { EVPN, VPNV4 } from '../../src/bgp/family.ts'
import { AddPathMode, capabilityCodecs, noCapabilities } from '../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../src/bgp/message/index.ts'
import { encodeOpen } from '../../src/bgp/message/open.ts'
import { openOf } from '../support/raw-peer.ts'
import {
  AS_PATH,
  attribute,
  LOCAL_PREF,
  MP_REACH,
  message,
  ORIGIN,
  octet,
  TYPE3,
  update,
  WELL_KNOWN,
} from '../support/update-bytes.ts'

const RECORDED = new URL('../../fixtures/bgp/recorded/', import.meta.url)
const recorded = readdirSync(RECORDED)
  .filter((name) => name.endsWith('.hex'))
  .map((name) => Buffer.from(readFileSync(new URL(name, RECORDED), 'ascii').trim(), 'hex'))

const read = (bytes: Buffer, session: SessionContext = DEFAULT_CONTEXT): MessageDescription =>
  describeMessage(bytes, session)

/** The description of an UPDATE with these attributes. */
function readUpdate(attributes: string) {
  const described = read(update(attributes))
  if (described.type !== 'UPDATE') throw new Error(described.type)
  return described
}

describe('an UPDATE', () => {
  test('shows every attribute as it stands on the wire', () => {
    const unknown = attribute(0x80, 98, 'abcd') + attribute(0xe0, 99, '')
    const as4Path = attribute(0xc0, 17, '020100010000')
    const { attributes, verdict } = readUpdate(MP_REACH + WELL_KNOWN + as4Path + unknown)
    expect(verdict).toBeNull()
    expect(attributes).toEqual([
      { code: 14, name: 'MP_REACH_NLRI', flags: ['optional'], length: 28, value: 'l2vpn/evpn' },
      { code: 1, name: 'ORIGIN', flags: ['transitive'], length: 1, value: 'igp' },
      { code: 2, name: 'AS_PATH', flags: ['transitive'], length: 0, value: [] },
      { code: 5, name: 'LOCAL_PREF', flags: ['transitive'], length: 4, value: 100 },
      { code: 17, name: 'AS4_PATH', flags: ['optional', 'transitive'], length: 6, value: ['65536'] },
      { code: 98, name: 'unknown attribute', flags: ['optional'], length: 2, value: null, bytes: 'abcd' },
      {
        code: 99,
        name: 'unknown attribute',
        flags: ['optional', 'transitive', 'partial'],
        length: 0,
        value: null,
        bytes: '',
      },
    ])
  })

  test('shows the fault, its severity and its bytes', () => {
    const path = attribute(0x40, 2, '05010000fc00')
    const { verdict, errors, reach } = readUpdate(MP_REACH + ORIGIN + path + LOCAL_PREF)
    expect(verdict).toBe('treat-as-withdraw')
    expect(errors).toContainEqual({
      severity: 'treat-as-withdraw',
      reason: 'AS_PATH (2): unknown segment type 5',
      notification: { code: 3, subcode: 11, name: 'UPDATE Message Error/MalformedAsPath (3/11)' },
      bytes: path,
    })
    expect(reach).toHaveLength(1)
  })

  test('shows quarantined NLRI', () => {
    const bad = '020400000000'
    const { verdict, errors, reach } = readUpdate(
      attribute(0x80, 14, `001946040a00000100${bad}${TYPE3}`) + WELL_KNOWN,
    )
    expect(verdict).toBe('quarantine')
    expect(errors).toEqual([
      {
        severity: 'quarantine',
        reason: expect.stringMatching(/^l2vpn\/evpn route: .*bytes expected/),
        notification: null,
        bytes: bad,
      },
    ])
    expect(reach[0]!.nlri).toHaveLength(1)
  })

  test('of a family that is not read keeps its bytes and is no End-of-RIB', () => {
    const { end_of_rib, attributes, verdict } = readUpdate(attribute(0x80, 15, '000102180b0000'))
    expect([end_of_rib, verdict]).toEqual([null, null])
    expect(attributes[0]!.value).toEqual({ family: 'ipv4/multicast', unread: '180b0000' })
    expect(readUpdate(attribute(0x80, 15, '000102')).end_of_rib).toBe('ipv4/multicast')
  })
})

describe('a ROUTE-REFRESH', () => {
  test.each([
    ['with filters (RFC 5291 §4)', '001900460140000180', 'l2vpn/evpn', 'request'],
    ['of an unknown subtype (RFC 7313 §5)', '00194d46', 'l2vpn/evpn', 'unknown subtype'],
    ['of an unknown subtype and length', '00194d4600', 'l2vpn/evpn', 'unknown subtype'],
  ])('%s names its family', (_, body, family, name) => {
    expect(describeMessage(message(5, body), DEFAULT_CONTEXT)).toMatchObject({ family, name, verdict: null })
  })
})

describe('an OPEN', () => {
  const open = (capabilities: string): Buffer =>
    message(
      1,
      `04fc00005a0a000001${octet(capabilities.length / 2 + 2)}02${octet(capabilities.length / 2)}${capabilities}`,
    )

  test('shows capabilities one by one, the malformed ones too', () => {
    expect(read(open('020001040019004641030000fcef0101'))).toMatchObject({
      as: 64512,
      capabilities: [
        { code: 2, name: 'route refresh', value: {} },
        { code: 1, name: 'multiprotocol', value: { family: 'l2vpn/evpn' } },
        { code: 65, name: '4-octet AS number', value: null, bytes: '0000fc' },
        { code: 239, name: 'unknown capability', value: null, bytes: '01' },
      ],
      verdict: 'discard',
      errors: [{ reason: expect.stringContaining('counts as not advertised'), bytes: '41030000fc' }],
    })
  })

  test.each([
    ['version 3', '03fc00005a0a00000100', 1],
    ['hold time 2', '04fc0000020a00000100', 6],
    ['identifier 0', '04fc00005a0000000000', 3],
    ['an unknown parameter', '04fc00005a0a000001020100', 4],
    ['a parameter that overruns', '04fc00005a0a000001020205', 0],
  ])('with %s would be refused', (_, body, subcode) => {
    expect(read(message(1, body))).toMatchObject({
      type: 'OPEN',
      verdict: 'reset',
      errors: [{ severity: 'reset', notification: { code: 2, subcode } }],
    })
  })
})

describe('a header', () => {
  test.each([
    ['of an unknown type', message(9, 'abcd'), 3, 9],
    ['that states a length too short', message(2, '00000000', 18), 2, 2],
    ['of a KEEPALIVE with a body', message(4, '00'), 2, 4],
    ['that states more than is there', message(2, '00000000', 30), 2, 2],
  ])('%s', (_, bytes, subcode, type) => {
    expect(read(bytes)).toMatchObject({
      type: 'UNREAD',
      message_type: type,
      verdict: 'reset',
      errors: [{ notification: { code: 1, subcode } }],
      bytes: bytes.toString('hex'),
    })
  })
})

describe('nothing is without a name', () => {
  test('attributes', () => {
    for (const { code } of attributeCodecs) expect(attributeName(code)).toMatch(/^[A-Z]/)
  })

  test('capabilities', () => {
    for (const { code } of capabilityCodecs) {
      const value = code === 2 || code === 128 ? '' : '00'
      const bytes = message(
        1,
        `04fc00005a0a000001${octet(4 + value.length / 2)}02${octet(2 + value.length / 2)}${octet(code)}${octet(value.length / 2)}${value}`,
      )
      expect(read(bytes)).toMatchObject({ capabilities: [{ name: expect.not.stringContaining('unknown') }] })
    }
  })

  test('families', () => {
    expect([...FAMILIES.keys()]).toContain('l2vpn/evpn')
    expect([...FAMILIES.keys()].join()).not.toMatch(/[as]fi-/)
  })
})

describe('a stream is split', () => {
  const kinds = (stream: Buffer): string[] =>
    [...split(stream)].map(({ kind, offset, bytes }) => `${kind} ${offset}+${bytes.length}`)
  const route = update(MP_REACH + ORIGIN + AS_PATH + LOCAL_PREF)
  const ONES = Buffer.alloc(3, 0xff)

  test.each([
    [
      'into messages',
      [KEEPALIVE, route, KEEPALIVE],
      ['message 0+19', `message 19+${route.length}`, `message ${19 + route.length}+19`],
    ],
    ['with what stands in front', [Buffer.from('abc'), KEEPALIVE], ['stray 0+3', 'message 3+19']],
    [
      'with what stands between',
      [KEEPALIVE, Buffer.from('abc'), KEEPALIVE],
      ['message 0+19', 'stray 19+3', 'message 22+19'],
    ],
    ['with what stands behind', [KEEPALIVE, Buffer.from('abc')], ['message 0+19', 'stray 19+3']],
    ['without the rest of the last', [KEEPALIVE, route.subarray(0, 30)], ['message 0+19', 'cut 19+30']],
    ['without the rest of a header', [KEEPALIVE, ONES], ['message 0+19', 'cut 19+3']],
    ['where one stops short of the next', [route.subarray(0, 30), KEEPALIVE], ['cut 0+30', 'message 30+19']],
    ['where a length is too short', [message(2, 'aabb', 5), KEEPALIVE], ['message 0+21', 'message 21+19']],
    [
      'where a length is shorter than the message',
      [message(2, '00000000aabb', 23), KEEPALIVE],
      ['message 0+23', 'stray 23+2', 'message 25+19'],
    ],
    ['where ones stand in front', [Buffer.from('ab'), ONES, KEEPALIVE], ['stray 0+5', 'message 5+19']],
    [
      'where a message holds a marker',
      [update(MP_REACH + WELL_KNOWN + attribute(0xc0, 99, `${'ff'.repeat(16)}00`)), KEEPALIVE],
      ['message 0+88', 'message 88+19'],
    ],
    ['where there is nothing', [], []],
    ['where there is no message', [Buffer.alloc(50)], ['stray 0+50']],
  ])('%s', (_, parts, expected) => expect(kinds(Buffer.concat(parts))).toEqual(expected))
})

describe('a conversation', () => {
  const open = (as: number, changes: object): Buffer =>
    encodeOpen(
      openOf({
        as,
        capabilities: { ...noCapabilities(), families: [EVPN, VPNV4], fourOctetAs: as, ...changes },
      }),
    )

  test('knows what both OPENs agree on', () => {
    const conversation = new Conversation({})
    const mode = { family: EVPN, mode: AddPathMode.Send }
    expect(conversation.describe(0, open(64512, { addPath: [mode] }))).not.toHaveProperty('agreed')
    const answer = open(64513, { addPath: [{ ...mode, mode: AddPathMode.Receive }], families: [EVPN] })
    expect(conversation.describe(1, answer)).toMatchObject({
      agreed: {
        internal: false,
        four_octet_as: true,
        extended_messages: false,
        hold_time_seconds: 90,
        families: ['l2vpn/evpn'],
        add_path_from_source: [],
        add_path_from_destination: ['l2vpn/evpn'],
      },
    })
    const path = attribute(0x40, 2, '02010000fc01')
    const route = attribute(0x80, 14, `001946040a0000010000000005${TYPE3}`)
    expect(conversation.describe(0, update(route + ORIGIN + path))).toMatchObject({
      verdict: null,
      reach: [{ nlri: [{ path_id: 5 }] }],
    })
    expect(conversation.describe(1, update(MP_REACH + ORIGIN + path))).toMatchObject({ verdict: null })
  })

  test('of which one OPEN is known has short AS numbers by that OPEN', () => {
    const path = update(MP_REACH + ORIGIN + attribute(0x40, 2, '0201fc01') + LOCAL_PREF)
    const conversation = new Conversation({})
    conversation.describe(0, open(64512, { fourOctetAs: null }))
    expect(conversation.describe(1, path)).toMatchObject({ verdict: null })
    expect(new Conversation({}).describe(1, path)).toMatchObject({ verdict: 'treat-as-withdraw' })
    const reported = new Conversation({ fourOctetAs: true })
    reported.describe(0, open(64512, { fourOctetAs: null }))
    expect(reported.describe(1, path)).toMatchObject({ verdict: 'treat-as-withdraw' })
  })
})

describe('whatever the bytes', () => {
  const session = fc.record({
    fourOctetAs: fc.boolean(),
    internal: fc.boolean(),
    enhancedRouteRefresh: fc.boolean(),
    families: fc.constant(null),
    addPathReceive: fc.constantFrom(new Set<number>(), new Set(FAMILIES.values())),
    maxMessageLength: fc.constantFrom(DEFAULT_CONTEXT.maxMessageLength, MAX_EXTENDED_MESSAGE_LENGTH),
  })
  const framed = fc
    .tuple(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 300 }))
    .map(([type, body]) => message(type, Buffer.from(body).toString('hex')))
  const mutated = fc
    .tuple(
      fc.constantFrom(...recorded),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
    )
    .map(([bytes, changes]) => {
      const copy = Buffer.from(bytes)
      for (const [at, value] of changes) copy[16 + (at % (copy.length - 16))] = value
      return copy
    })
  const any = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes))

  test('they are described', () => {
    fc.assert(
      fc.property(fc.oneof(framed, mutated, any), session, (bytes, facts) => {
        const described = describeMessage(bytes, facts)
        expect(JSON.parse(JSON.stringify(described))).toEqual(described)
        expect(described.verdict === null).toBe(described.errors.length === 0)
      }),
      { numRuns: 2000 },
    )
  })

  test('each is in exactly one piece', () => {
    const ones = fc.constantFrom(
      Buffer.alloc(1, 0xff),
      Buffer.alloc(16, 0xff),
      KEEPALIVE,
      Buffer.alloc(40, 0xff),
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(framed, mutated, any, ones)), (parts) => {
        const stream = Buffer.concat(parts)
        const pieces = [...split(stream)]
        expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(stream)).toBe(true)
        let end = 0
        for (const { offset, bytes } of pieces) {
          expect([offset, bytes.length > 0]).toEqual([end, true])
          end += bytes.length
        }
      }),
    )
  })

  test('a hundred thousand nested hard resets are one', () => {
    const bytes = message(3, '0609'.repeat(16_000))
    expect(read(bytes, { ...DEFAULT_CONTEXT, maxMessageLength: MAX_EXTENDED_MESSAGE_LENGTH })).toMatchObject({
      details: { code: 6, subcode: 9 },
    })
  })
})
