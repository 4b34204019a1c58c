import { describe, expect, test } from 'vitest'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { decodeUpdate, quarantinedNlri } from '../../src/bgp/message/update.ts'
import {
  attribute,
  LOCAL_PREF,
  MP_REACH,
  ORIGIN,
  TYPE3,
  update,
  WELL_KNOWN,
} from '../support/update-bytes.ts'
import { cases } from './update-error-cases.ts'
import { around, type Case, EXTERNAL, TWO_OCTETS } from './update-error-parts.ts'

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
