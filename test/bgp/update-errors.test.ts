import { describe, expect, test } from 'vitest'
import { DEFAULT_CONTEXT, type SessionContext } from '../../src/bgp/context.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { decodeUpdate, quarantinedNlri } from '../../src/bgp/message/update.ts'
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
} from '../support/update-bytes.ts'

const EXTERNAL: SessionContext = { ...DEFAULT_CONTEXT, internal: false }
const TWO_OCTETS: SessionContext = { ...DEFAULT_CONTEXT, fourOctetAs: false }

const MALFORMED = 1
const UNKNOWN_WELL_KNOWN = 2
const MISSING = 3
const FLAGS = 4
const LENGTH = 5
const BAD_ORIGIN = 6
const OPTIONAL = 9
const NETWORK = 10
const BAD_AS_PATH = 11

/** With everything that an EVPN route needs besides the attribute in question. */
const around = (broken: string, without = ''): string =>
  (MP_REACH + ORIGIN + AS_PATH + LOCAL_PREF + TARGET).replace(without, '') + broken

type Verdict = 'withdraw' | 'discard' | 'reset' | null
type Case = readonly [
  name: string,
  message: Buffer,
  verdict: Verdict,
  attribute: number | null,
  subcode: number | null,
  context: SessionContext,
]

type ShortCase = readonly [
  name: string,
  message: Buffer,
  verdict: Verdict,
  attribute: number | null,
  subcode: number | null,
]

const cases: readonly (Case | ShortCase)[] = [
  // RFC 7606 §7, attribute by attribute.
  ['ORIGIN of two octets', update(around(attribute(0x40, 1, '0000'), ORIGIN)), 'withdraw', 1, LENGTH],
  ['ORIGIN of none', update(around(attribute(0x40, 1, ''), ORIGIN)), 'withdraw', 1, LENGTH],
  ['ORIGIN 3', update(around(attribute(0x40, 1, '03'), ORIGIN)), 'withdraw', 1, BAD_ORIGIN],
  [
    'AS_PATH segment of unknown type',
    update(around(attribute(0x40, 2, '05010000fc00'), AS_PATH)),
    'withdraw',
    2,
    BAD_AS_PATH,
  ],
  [
    'AS_PATH segment that overruns',
    update(around(attribute(0x40, 2, '02020000fc00'), AS_PATH)),
    'withdraw',
    2,
    BAD_AS_PATH,
  ],
  [
    'AS_PATH segment that lacks an octet',
    update(around(attribute(0x40, 2, '02010000fc'), AS_PATH)),
    'withdraw',
    2,
    BAD_AS_PATH,
  ],
  [
    'AS_PATH segment of 2-octet AS numbers that lacks an octet',
    update(around(attribute(0x40, 2, '0201fc'), AS_PATH)),
    'withdraw',
    2,
    BAD_AS_PATH,
    TWO_OCTETS,
  ],
  [
    'AS_PATH segment without AS numbers',
    update(around(attribute(0x40, 2, '0200'), AS_PATH)),
    'withdraw',
    2,
    BAD_AS_PATH,
  ],
  [
    'AS_PATH with one octet left',
    update(around(attribute(0x40, 2, '02010000fc0002'), AS_PATH)),
    'withdraw',
    2,
    LENGTH,
  ],
  [
    'AS_PATH with AS 0 (RFC 7607)',
    update(around(attribute(0x40, 2, '020100000000'), AS_PATH)),
    'withdraw',
    2,
    BAD_AS_PATH,
  ],
  [
    'AS_PATH of 4 octets where 2 were agreed',
    update(around(attribute(0x40, 2, '02010000fc00'), AS_PATH)),
    'withdraw',
    2,
    BAD_AS_PATH,
    TWO_OCTETS,
  ],
  [
    'confederation segment from an external peer',
    update(around(attribute(0x40, 2, '03010000fc00'), AS_PATH)),
    'withdraw',
    2,
    BAD_AS_PATH,
    EXTERNAL,
  ],
  [
    'NEXT_HOP of three octets',
    update(WELL_KNOWN + attribute(0x40, 3, '0a0000'), { nlri: '180b0000' }),
    'withdraw',
    3,
    LENGTH,
  ],
  ['MULTI_EXIT_DISC of two octets', update(around(attribute(0x80, 4, '0000'))), 'withdraw', 4, OPTIONAL],
  [
    'LOCAL_PREF of three octets',
    update(around(attribute(0x40, 5, '000064'), LOCAL_PREF)),
    'withdraw',
    5,
    LENGTH,
  ],
  ['LOCAL_PREF from an external peer', update(around('')), 'discard', 5, LENGTH, EXTERNAL],
  ['ATOMIC_AGGREGATE with a value', update(around(attribute(0x40, 6, '00'))), 'discard', 6, LENGTH],
  [
    'AGGREGATOR of six octets among 4-octet speakers',
    update(around(attribute(0xc0, 7, 'fc000a000001'))),
    'discard',
    7,
    OPTIONAL,
  ],
  [
    'AGGREGATOR of eight octets among 2-octet speakers',
    update(around(attribute(0xc0, 7, '0000fc000a000001'))),
    'discard',
    7,
    OPTIONAL,
    TWO_OCTETS,
  ],
  ['COMMUNITIES of three octets', update(around(attribute(0xc0, 8, '000000'))), 'withdraw', 8, OPTIONAL],
  ['COMMUNITIES of none', update(around(attribute(0xc0, 8, ''))), 'withdraw', 8, OPTIONAL],
  ['ORIGINATOR_ID of five octets', update(around(attribute(0x80, 9, '0a00000100'))), 'withdraw', 9, OPTIONAL],
  [
    'ORIGINATOR_ID from an external peer',
    update(around(attribute(0x80, 9, '0a000001'), LOCAL_PREF)),
    'discard',
    9,
    OPTIONAL,
    EXTERNAL,
  ],
  [
    'CLUSTER_LIST of six octets',
    update(around(attribute(0x80, 10, '0a0000010a00'))),
    'withdraw',
    10,
    OPTIONAL,
  ],
  [
    'CLUSTER_LIST from an external peer',
    update(around(attribute(0x80, 10, '0a000001'), LOCAL_PREF)),
    'discard',
    10,
    OPTIONAL,
    EXTERNAL,
  ],
  [
    'EXTENDED COMMUNITIES of seven octets',
    update(around(attribute(0xc0, 16, '00'.repeat(7)), TARGET)),
    'withdraw',
    16,
    OPTIONAL,
  ],
  ['PMSI_TUNNEL of four octets', update(around(attribute(0xc0, 22, '00060000'))), 'withdraw', 22, OPTIONAL],
  [
    'PMSI_TUNNEL with an endpoint of five octets',
    update(around(attribute(0xc0, 22, '000600004d0a00000100'))),
    'withdraw',
    22,
    OPTIONAL,
  ],
  [
    'TUNNEL_ENCAPSULATION that overruns',
    update(around(attribute(0xc0, 23, '00080005000000'))),
    'withdraw',
    23,
    OPTIONAL,
  ],
  [
    'IPv6 EXTENDED COMMUNITIES of 19 octets',
    update(around(attribute(0xc0, 25, '00'.repeat(19)))),
    'withdraw',
    25,
    OPTIONAL,
  ],
  [
    'LARGE_COMMUNITY of 11 octets',
    update(around(attribute(0xc0, 32, '00'.repeat(11)))),
    'withdraw',
    32,
    OPTIONAL,
  ],
  ['PREFIX_SID that overruns', update(around(attribute(0xc0, 40, '01000700'))), 'discard', 40, OPTIONAL],
  [
    'AS4_PATH that overruns',
    update(around(attribute(0xc0, 17, '02020000fc00'))),
    'discard',
    17,
    BAD_AS_PATH,
    TWO_OCTETS,
  ],
  [
    'AS4_AGGREGATOR of seven octets',
    update(around(attribute(0xc0, 18, '00'.repeat(7)))),
    'discard',
    18,
    OPTIONAL,
  ],

  // RFC 7606 §3 (c): flags; (e): unknown well-known attributes; (g): attributes twice.
  [
    'ORIGIN that claims to be optional',
    update(around(attribute(0xc0, 1, '00'), ORIGIN)),
    'withdraw',
    1,
    FLAGS,
  ],
  [
    'LOCAL_PREF that is not transitive',
    update(around(attribute(0x00, 5, '00000064'), LOCAL_PREF)),
    'withdraw',
    5,
    FLAGS,
  ],
  [
    'EXTENDED COMMUNITIES that are not transitive',
    update(around(attribute(0x80, 16, '0002fc000000000a'), TARGET)),
    'withdraw',
    16,
    FLAGS,
  ],
  [
    'MP_REACH_NLRI that is transitive (§5.3)',
    update(MP_REACH.replace(/^80/, 'c0') + WELL_KNOWN),
    'reset',
    14,
    FLAGS,
  ],
  [
    'an unknown well-known attribute',
    update(around(attribute(0x40, 99, '00'))),
    'reset',
    99,
    UNKNOWN_WELL_KNOWN,
  ],
  ['ORIGIN twice', update(around(ORIGIN)), 'discard', 1, MALFORMED],
  ['MP_REACH_NLRI twice', update(MP_REACH + MP_REACH + WELL_KNOWN), 'reset', 14, MALFORMED],
  ['MP_UNREACH_NLRI twice', update(MP_UNREACH + MP_UNREACH), 'reset', 15, MALFORMED],

  // RFC 7606 §3 (d): what has to be there with reachable routes.
  ['no ORIGIN', update(around('', ORIGIN)), 'withdraw', 1, MISSING],
  ['no AS_PATH', update(around('', AS_PATH)), 'withdraw', 2, MISSING],
  ['no LOCAL_PREF on an internal session', update(around('', LOCAL_PREF)), 'withdraw', 5, MISSING],
  ['no NEXT_HOP with IPv4 routes', update(WELL_KNOWN, { nlri: '180b0000' }), 'withdraw', 3, MISSING],
  [
    'no NEXT_HOP with IPv4 routes beside others',
    update(MP_REACH + WELL_KNOWN, { nlri: '180b0000' }),
    'withdraw',
    3,
    MISSING,
  ],

  // RFC 7606 §4: lengths.
  ['an attribute that overruns behind the routes', update(around('40050a00')), 'withdraw', 5, MALFORMED],
  ['one octet too many behind the routes', update(around('40')), 'withdraw', null, MALFORMED],
  [
    'an attribute that overruns before any route was seen',
    update(`${ORIGIN}40020a${AS_PATH}`),
    'reset',
    2,
    MALFORMED,
  ],
  [
    'attributes that run past the message',
    update(WELL_KNOWN, { attributesLength: 500 }),
    'reset',
    null,
    MALFORMED,
  ],
  [
    'withdrawn routes that run past the message',
    update(WELL_KNOWN, { withdrawnLength: 500 }),
    'reset',
    null,
    MALFORMED,
  ],

  // RFC 7606 §5.3, RFC 4760 §7: routes that cannot be separated.
  [
    'an IPv4 route of 33 bits',
    update(WELL_KNOWN + attribute(0x40, 3, '0a000001'), { nlri: '210b000000' }),
    'reset',
    null,
    NETWORK,
  ],
  ['a withdrawn IPv4 route that overruns', update('', { withdrawn: '180b' }), 'reset', null, NETWORK],
  [
    'MP_REACH_NLRI of four octets',
    update(attribute(0x80, 14, '00194604') + WELL_KNOWN),
    'reset',
    14,
    OPTIONAL,
  ],
  [
    'a next hop of five octets',
    update(attribute(0x80, 14, `001946050a0000010000${TYPE3}`) + WELL_KNOWN),
    'reset',
    14,
    OPTIONAL,
  ],
  [
    'an EVPN route that overruns',
    update(attribute(0x80, 14, `001946040a00000100${TYPE3}0311`) + WELL_KNOWN),
    'reset',
    14,
    OPTIONAL,
  ],
  [
    'a withdrawn EVPN route that overruns',
    update(attribute(0x80, 15, '001946031100')),
    'reset',
    15,
    OPTIONAL,
  ],

  // What is right.
  ['a good route', update(around('')), null, null, null],
  ['an empty UPDATE', update(''), null, null, null],
  ['extended lengths', update(MP_REACH + attribute(0x50, 1, '00') + AS_PATH + LOCAL_PREF), null, null, null],
  [
    'an unknown optional attribute',
    update(around(attribute(0xc0, 99, 'abcd') + attribute(0x80, 98, 'abcd'))),
    null,
    null,
    null,
  ],
  ['withdrawn routes without attributes', update(MP_UNREACH), null, null, null],
]

describe('RFC 4271 §6.3 and RFC 7606', () => {
  const full = cases.map((row): Case => (row.length === 5 ? [...row, DEFAULT_CONTEXT] : row))

  test.each(full)('%s', (_, message, verdict, code, subcode, context) => {
    const decoded = decodeUpdate(message, context)
    expect([decoded.verdict, decoded.findings.map(({ reason }) => reason)]).toEqual([
      verdict,
      expect.anything(),
    ])
    if (verdict === null) expect(decoded.findings).toEqual([])
    else {
      const finding = decoded.findings.find(({ severity }) => severity === verdict)!
      expect([finding.attribute, finding.subcode]).toEqual([code, subcode])
    }
  })

  test('the strongest of several errors wins', () => {
    const both = update(around(attribute(0x40, 6, '00') + attribute(0xc0, 8, '00')))
    expect(decodeUpdate(both, DEFAULT_CONTEXT).findings.map(({ severity }) => severity)).toEqual([
      'discard',
      'withdraw',
    ])
    expect(decodeUpdate(both, DEFAULT_CONTEXT).verdict).toBe('withdraw')
  })

  test('the offending attribute goes along whole', () => {
    const broken = attribute(0xc0, 8, '000000')
    const [finding] = decodeUpdate(update(around(broken)), DEFAULT_CONTEXT).findings
    expect(Buffer.from(finding!.data).toString('hex')).toBe(broken)
  })

  test('of an attribute twice the first counts', () => {
    const { attributes } = decodeUpdate(update(around(attribute(0x40, 5, '000000c8'))), DEFAULT_CONTEXT)
    expect(attributes.localPref).toBe(100)
  })

  test('a discarded attribute is as if it had not been sent', () => {
    const { attributes } = decodeUpdate(update(around('')), EXTERNAL)
    expect(attributes.localPref).toBeNull()
  })

  test('an unknown optional transitive attribute is passed on as partial, another is not', () => {
    const { attributes } = decodeUpdate(
      update(around(attribute(0xc0, 99, 'abcd') + attribute(0x80, 98, 'abcd'))),
      DEFAULT_CONTEXT,
    )
    expect(attributes.unknown).toEqual([{ code: 99, flags: 0xe0, value: '\xab\xcd' }])
  })
})

describe('a route that is wrong in itself', () => {
  const bad = '020400000000'
  const unknown = '0602abcd'

  test('is quarantined with its bytes, the others live', () => {
    const decoded = decodeUpdate(
      update(attribute(0x80, 14, `001946040a00000100${bad}${TYPE3}${unknown}`) + WELL_KNOWN),
      DEFAULT_CONTEXT,
    )
    expect(decoded.verdict).toBeNull()
    expect(decoded.reach[0]!.nlri).toHaveLength(2)
    expect([...quarantinedNlri(decoded)]).toEqual([
      {
        family: EVPN,
        reason: expect.stringContaining('bytes expected'),
        bytes: Buffer.from(bad, 'hex'),
        nlri: null,
        pathId: 0,
      },
    ])
  })

  test('does not make an End-of-RIB of what was withdrawn', () => {
    const decoded = decodeUpdate(update(attribute(0x80, 15, `001946${bad}`)), DEFAULT_CONTEXT)
    expect(decoded.endOfRib).toBeNull()
  })
})

describe('End-of-RIB', () => {
  test('is an MP_UNREACH_NLRI without routes', () =>
    expect(decodeUpdate(update(attribute(0x80, 15, '001946')), DEFAULT_CONTEXT).endOfRib).toBe(EVPN))
  test('of IPv4 is an empty UPDATE', () =>
    expect(decodeUpdate(update(''), DEFAULT_CONTEXT).endOfRib).toBe(0x101))
  test('is none with attributes and routes', () =>
    expect(decodeUpdate(update(around('')), DEFAULT_CONTEXT).endOfRib).toBeNull())
})

describe('AS numbers of four octets through a peer with two (RFC 6793 §4.2.3)', () => {
  const decodePath = (path: string, path4: string): unknown => {
    const both = MP_REACH + ORIGIN + attribute(0x40, 2, path) + LOCAL_PREF + attribute(0xc0, 17, path4)
    return decodeUpdate(update(both), TWO_OCTETS).attributes.asPath
  }

  test('AS4_PATH takes the place of the tail', () => {
    expect(decodePath('0203fc005ba05ba0', '02020001000000010001')).toEqual([
      { type: 2, asns: [64512] },
      { type: 2, asns: [65536, 65537] },
    ])
  })

  test('behind confederation segments too', () => {
    expect(decodePath('0301fd000202fc005ba0', '0201' + '00010000')).toEqual([
      { type: 3, asns: [64768] },
      { type: 2, asns: [64512] },
      { type: 2, asns: [65536] },
    ])
  })

  test('as long a one as AS_PATH takes its place', () => {
    expect(decodePath('0202fc005ba0', '02020000fc0000010000')).toEqual([{ type: 2, asns: [64512, 65536] }])
  })

  test.each([
    ['by AS_TRANS takes the place of AGGREGATOR', '5ba0', 65536, [65536]],
    ['by another AS is ignored, and AS4_PATH with it (§4.2.3)', 'fc00', 64512, [23456]],
  ])('AS4_AGGREGATOR beside an aggregation %s', (_, as2, as, path) => {
    const both =
      MP_REACH +
      ORIGIN +
      attribute(0x40, 2, '02015ba0') +
      LOCAL_PREF +
      attribute(0xc0, 7, `${as2}0a000001`) +
      attribute(0xc0, 17, '020100010000') +
      attribute(0xc0, 18, '000100000a000001')
    const { attributes } = decodeUpdate(update(both), TWO_OCTETS)
    expect(attributes.aggregator).toMatchObject({ as })
    expect(attributes.asPath).toEqual([{ type: 2, asns: path }])
    expect([attributes.as4Path, attributes.as4Aggregator]).toEqual([null, null])
  })

  test('a longer AS4_PATH is ignored', () => {
    expect(decodePath('0201fc00', '02020001000000010001')).toEqual([{ type: 2, asns: [64512] }])
  })

  test('it counts for nothing from a peer with four', () => {
    const both =
      MP_REACH +
      ORIGIN +
      attribute(0x40, 2, '02010000fc00') +
      LOCAL_PREF +
      attribute(0xc0, 17, '020100010000')
    expect(decodeUpdate(update(both), DEFAULT_CONTEXT).attributes.asPath).toEqual([
      { type: 2, asns: [64512] },
    ])
  })
})
