import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DEFAULT_CONTEXT, type SessionContext } from '../../src/bgp/context.ts'
import { EVPN } from '../../src/bgp/family.ts'
import { writeReach } from '../../src/bgp/message/pack.ts'
import { decodeUpdate, type Update } from '../../src/bgp/message/update.ts'
import { exportPolicy } from '../../src/bgp/rib/export-policy.ts'
import { Rib } from '../../src/bgp/rib/rib.ts'
import { newSource, type Source } from '../../src/bgp/rib/route.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { attributesOf } from '../support/arbitraries.ts'
import { internalAttributes } from '../support/raw-peer.ts'
import { ip, macRoute } from '../support/speakers.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const LOCAL = '10.77.0.1'
const NLRI = macRoute(LOCAL, '02:00:00:00:01:01', null)

const contextOf = (internal: boolean, fourOctetAs: boolean): SessionContext => ({
  ...DEFAULT_CONTEXT,
  internal,
  fourOctetAs,
  maxMessageLength: 65535,
})

const peer = (name: string, as: number, internal: boolean): Source =>
  newSource(name, { address: ip(LOCAL), as, internal, isClient: internal, identifier: 7 })

/** The UPDATE as a peer with that session reads it. */
function sent(attributes: Update['attributes'], context: SessionContext): Update {
  const w = new Writer()
  writeReach(w, EVPN, ip(LOCAL), [NLRI], attributes, context)
  return decodeUpdate(w.copy(), context)
}

const hexOctet = (value: number): string => value.toString(16).padStart(2, '0')

/** What the reflector makes of an UPDATE for another peer; undefined where it passes nothing on. */
function reflected(update: Update, from: Source, to: Source): Update['attributes'] | undefined {
  const rib = new Rib(new VirtualClock())
  const policy = exportPolicy({
    rib,
    localAs: 64512,
    localIdentifier: 1,
    localAddress: ip(LOCAL),
    peer: to,
    isExternal: !to.peer!.internal,
    isAccepted: true,
    isClient: to.peer!.isClient,
    clusterId: 1,
  })
  rib.advertise(from, EVPN, NLRI, 0, rib.pool.received(update.attributes, ip(LOCAL), update.wire, ''))
  const [best] = rib.best(EVPN)
  const route = policy.select(best!)
  return route === null ? undefined : policy.present(route).attributes
}

describe.each([
  [true, true],
  [true, false],
  [false, true],
  [false, false],
])('what a reflector takes from a peer that is internal: %s', (fromInternal, toInternal) => {
  test.each([
    [true, true],
    [true, false],
    [false, true],
    [false, false],
  ])(
    `it passes on so that a peer (internal: ${toInternal}) takes it; 4-octet AS numbers: %s, %s`,
    (fromWide, toWide) => {
      const [here, there] = [contextOf(fromInternal, fromWide), contextOf(toInternal, toWide)]
      const from = peer('from', fromInternal ? 64512 : 65001, fromInternal)
      const to = peer('to', toInternal ? 64512 : 65002, toInternal)
      fc.assert(
        fc.property(attributesOf(fromInternal), (attributes) => {
          const received = sent(attributes, here)
          fc.pre(received.verdict === null || received.verdict === 'discard')
          const passedOn = reflected(received, from, to)
          if (passedOn === undefined) return
          const { findings, attributes: seen } = sent(passedOn, there)
          expect(findings).toEqual([])
          const leaked = seen.extendedCommunities?.filter((one) => (one.charCodeAt(0) & 0x40) !== 0) ?? []
          if (!toInternal) expect(leaked).toEqual([])
        }),
      )
    },
  )
})

test.each([
  ['a known attribute that a speaker on the way did not know', 'e0', 8, '00010002', 'e0'],
  ['a known one that all did', 'c0', 8, '00010002', 'c0'],
  ['one that we do not know', 'c0', 200, '01', 'e0'],
  ['one that we do not know, with bits that mean nothing', 'cf', 200, '01', 'e0'],
])('the flags of %s (RFC 4271 §4.3, §5)', (_, flags, code, value, expected) => {
  const context = contextOf(true, true)
  const w = new Writer()
  writeReach(w, EVPN, ip(LOCAL), [NLRI], internalAttributes({ communities: [0x00010002] }), context)
  const plain = w.copy().toString('hex').replace('c0080400010002', '')
  const octets = `${flags}${hexOctet(code)}${hexOctet(value.length / 2)}${value}`
  const message = Buffer.from(plain + octets, 'hex')
  message.writeUInt16BE(message.length, 16)
  message.writeUInt16BE(message.length - 23, 21)
  const [from, to] = [peer('from', 64512, true), peer('to', 64512, true)]
  w.reset()
  writeReach(w, EVPN, ip(LOCAL), [NLRI], reflected(decodeUpdate(message, context), from, to)!, context)
  expect(w.copy().toString('hex')).toContain(octets.replace(flags, expected))
})

test('tunnels without one good endpoint stay behind, all others go on as they came (RFC 9012 §13)', () => {
  const hex = (text: string) => Buffer.from(text, 'hex').toString('latin1')
  const END = '060a000000000001c0000202'
  const usable = fc.constantFrom(
    END,
    `${END}6300`,
    `0801ab${END}`,
    `${END}080212b5080212b5`,
    '0606000000000000',
  )
  const unusable = fc.constantFrom(
    '',
    '080212b5',
    END + END,
    '0609000000000001c00002',
    '060a000000000001e0000001',
  )
  const tunnels = fc.array(
    fc
      .record({ type: fc.constantFrom(2, 8, 0xfffe), good: fc.boolean() })
      .chain(({ type, good }) =>
        (good ? usable : unusable).map((value) => ({ type, value: hex(value), good })),
      ),
    { minLength: 1, maxLength: 4 },
  )
  const context = contextOf(true, true)
  const [from, to] = [peer('from', 64512, true), peer('to', 64512, true)]
  fc.assert(
    fc.property(tunnels, (all) => {
      const tunnelEncapsulation = all.map(({ type, value }) => ({ type, value }))
      const good = tunnelEncapsulation.filter((_, i) => all[i]!.good)
      const attributes = internalAttributes({ tunnelEncapsulation })
      const received = sent(attributes, context)
      expect(received.verdict).toBe(
        good.length === 0 ? 'withdraw' : good.length < all.length ? 'discard' : null,
      )
      if (received.verdict === 'withdraw') return
      const { findings, attributes: seen } = sent(reflected(received, from, to)!, context)
      expect(findings).toEqual([])
      expect(seen.tunnelEncapsulation).toEqual(good)
    }),
  )
})
