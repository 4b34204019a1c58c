import { expect, test } from 'vitest'
import { aggregator } from '../../src/bgp/attribute/aggregator.ts'
import { prependAs } from '../../src/bgp/attribute/as-path.ts'
import { communities } from '../../src/bgp/attribute/communities.ts'
import { DEFAULT_CONTEXT } from '../../src/bgp/context.ts'
import { evpn } from '../../src/bgp/nlri/evpn/index.ts'
import { OPEN_WAIT_SECONDS } from '../../src/bgp/session/fsm/connect.ts'
import { ZERO_ESI } from '../../src/bgp/values/esi.ts'
import { ipv4Rd } from '../../src/bgp/values/rd.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { ip } from '../support/speakers.ts'

/** Values at which the one side of a rule begins. */

test.each([
  [65_535, 'ffff'],
  [65_536, '5ba0'],
])('the AGGREGATOR of AS %i is told to a peer with 2-octet AS numbers as %s (RFC 6793 §4.2.2)', (as, hex) => {
  const writer = new Writer()
  aggregator.encode(writer, { as, address: ip('10.0.0.1') }, { ...DEFAULT_CONTEXT, fourOctetAs: false })
  expect(writer.copy().toString('hex')).toBe(`${hex}0a000001`)
})

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
    evpn.key({ ...shared, type: 1, ethernetTag: 0x0a000001, label: 0 }),
    evpn.key({ ...shared, type: 4, originator: ip('10.0.0.1') }),
  ]
  expect(new Set(keys).size).toBe(2)
})
