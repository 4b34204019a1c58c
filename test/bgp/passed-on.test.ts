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
  rib.announce(from, EVPN, NLRI, 0, rib.pool.received(update.attributes, ip(LOCAL), update.wire, ''))
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
