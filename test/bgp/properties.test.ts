import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noAttributes } from '../../src/bgp/attribute/attributes.ts'
import type { AnyCodec } from '../../src/bgp/attribute/index.ts'
import { attributeCodecs, decodeAttributes, FOLDED_FIELDS } from '../../src/bgp/attribute/index.ts'
import { HEADER_LENGTH, MAX_EXTENDED_MESSAGE_LENGTH, MessageType } from '../../src/bgp/constants.ts'
import { DEFAULT_CONTEXT, type SessionContext } from '../../src/bgp/context.ts'
import { Malformed, SessionError } from '../../src/bgp/errors.ts'
import { familyName } from '../../src/bgp/family.ts'
import {
  capabilityCodecs,
  decodeCapabilities,
  encodeCapabilities,
  noCapabilities,
} from '../../src/bgp/message/capability.ts'
import { decodeMessage } from '../../src/bgp/message/index.ts'
import { decodeNotification, encodeNotification } from '../../src/bgp/message/notification.ts'
import { decodeOpen, encodeOpen } from '../../src/bgp/message/open.ts'
import { writeReach, writeUnreach } from '../../src/bgp/message/pack.ts'
import { decodeRouteRefresh, encodeRouteRefresh } from '../../src/bgp/message/route-refresh.ts'
import { decodeUpdate } from '../../src/bgp/message/update.ts'
import { keyOf, type NlriCodec, REACHABLE, WITHDRAWN } from '../../src/bgp/nlri/codec.ts'
import { type EvpnRoute, evpn, evpnRouteCodecs } from '../../src/bgp/nlri/evpn/index.ts'
import { type Nlri, nlriCodecs } from '../../src/bgp/nlri/index.ts'
import { Framer } from '../../src/bgp/wire/framer.ts'
import { Reader } from '../../src/bgp/wire/reader.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import {
  attributesOf,
  attributeValues,
  capabilities,
  capabilityValues,
  evpnRoutes,
  nextHopOf,
  opens,
  routes,
} from '../support/arbitraries.ts'
import { CONTEXTS } from '../support/contexts.ts'
import { message } from '../support/update-bytes.ts'

const EXTENDED: SessionContext = { ...DEFAULT_CONTEXT, maxMessageLength: MAX_EXTENDED_MESSAGE_LENGTH }

const anyBytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes))
const anyContext = fc.constantFrom(...CONTEXTS)

function written(write: (w: Writer) => void): Buffer {
  const w = new Writer()
  write(w)
  return w.copy()
}

/** The value that the octets hold, all of them; undefined when they are malformed. */
function readWhole<T>(bytes: Buffer, decode: (r: Reader) => T): T | undefined {
  const r = new Reader(bytes)
  try {
    const value = decode(r)
    r.expectEnd()
    return value
  } catch (error) {
    expect(error).toBeInstanceOf(Malformed)
    return undefined
  }
}

function readNlri(codec: NlriCodec<Nlri>, bytes: Buffer, context = REACHABLE): Nlri | undefined {
  return readWhole(bytes, (r) => {
    const length = codec.measure(r)
    r.pos = 0
    const outer = r.enter(length)
    const value = codec.decode(r, context)
    r.expectEnd()
    r.leave(outer)
    return value
  })
}

const attributeTable = attributeCodecs.map((codec) => [codec.name, codec as unknown as AnyCodec] as const)

test('a record without attributes has a field for each, in their order', () => {
  const fields = [...attributeCodecs.map(({ field }) => field), 'unknown', 'partial']
  expect(Object.entries(noAttributes())).toEqual(fields.map((field) => [field, null]))
})

test('generated UPDATEs have every attribute that a route can have', () => {
  const generated = fc.sample(attributesOf(true), 200)
  const fields = attributeCodecs.map(({ field }) => field)
  const missing = fields.filter((field) => generated.every((attributes) => attributes[field] === null))
  expect(missing).toEqual(FOLDED_FIELDS)
})

describe.each(attributeTable)('attribute %s', (_, codec) => {
  test('reads what it wrote', () => {
    fc.assert(
      fc.property(attributeValues[codec.field] as fc.Arbitrary<never>, (value) => {
        const bytes = written((w) => codec.encode(w, value, DEFAULT_CONTEXT))
        expect(readWhole(bytes, (r) => codec.decode(r, DEFAULT_CONTEXT))).toEqual(value)
        expect(codec.format(value)).toBeDefined()
      }),
    )
  })

  test('reads any octets, or finds them malformed; what it reads it writes so that it reads the same', () => {
    fc.assert(
      fc.property(anyBytes(80), anyContext, (bytes, context) => {
        const value = readWhole(bytes, (r) => codec.decode(r, context))
        if (value === undefined) return
        const again = written((w) => codec.encode(w, value, context))
        expect(readWhole(again, (r) => codec.decode(r, context))).toEqual(value)
      }),
    )
  })
})

test('a list of attributes is read whatever it is, and its findings never hold more than there was', () => {
  fc.assert(
    fc.property(anyBytes(300), anyContext, (bytes, context) => {
      for (const { data } of decodeAttributes(new Reader(bytes), context).findings)
        expect(data.length).toBeLessThanOrEqual(bytes.length)
    }),
  )
})

const nlriTable = nlriCodecs.map((codec) => [familyName(codec.family), codec as NlriCodec<Nlri>] as const)

describe.each(nlriTable)('%s', (_, codec) => {
  test('reads what it wrote, under the same key, advertised or withdrawn', () => {
    fc.assert(
      fc.property(routes.get(codec.family)!, (nlri) => {
        const again = readNlri(
          codec,
          written((w) => codec.encode(w, nlri)),
        )
        expect(again).toEqual(nlri)
        const gone = readNlri(
          codec,
          written((w) => codec.encode(w, codec.withdrawal?.(nlri) ?? nlri)),
          WITHDRAWN,
        )
        expect(keyOf(codec, gone!)).toBe(keyOf(codec, nlri))
        expect(codec.format(nlri)).not.toBe('')
        expect(codec.fields(nlri)).toBeDefined()
      }),
    )
  })

  test('reads any octets, or finds them malformed; what it reads it writes so that it reads the same', () => {
    fc.assert(
      fc.property(anyBytes(80), fc.constantFrom(REACHABLE, WITHDRAWN), (bytes, context) => {
        const nlri = readNlri(codec, bytes, context)
        if (nlri === undefined) return
        expect(
          readNlri(
            codec,
            written((w) => codec.encode(w, nlri)),
            context,
          ),
        ).toEqual(nlri)
        expect(codec.format(nlri)).not.toBe('')
      }),
    )
  })

  test('two routes have one key only if they are one route', () => {
    fc.assert(
      fc.property(routes.get(codec.family)!, routes.get(codec.family)!, (one, other) => {
        if (keyOf(codec, one) !== keyOf(codec, other)) return
        expect({ ...codec.fields(one), ...LOOSE }).toEqual({ ...codec.fields(other), ...LOOSE })
      }),
    )
  })

  test('an UPDATE decodes to its input', () => {
    const { family } = codec
    const list = fc.array(routes.get(family)!, { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(attributesOf(true), nextHopOf(family), list, (attributes, nextHop, nlri) => {
        const bytes = written((w) => writeReach(w, family, nextHop, nlri, attributes, EXTENDED))
        const update = decodeUpdate(bytes, EXTENDED)
        expect(update.findings).toEqual([])
        expect(update.attributes).toEqual(attributes)
        expect(update.reach).toEqual([{ family, nextHop, nlri, pathIds: null, quarantined: [], ignored: 0 }])
        const gone = decodeUpdate(
          written((w) => writeUnreach(w, family, nlri, EXTENDED)),
          EXTENDED,
        )
        const key = (one: Nlri) => keyOf(codec, one)
        expect(gone.unreach.flatMap((one) => one.nlri.map(key))).toEqual(nlri.map(key))
      }),
    )
  })
})

/** What may change of a route without a withdraw. */
const LOOSE = { label: 0, vni: 0, label2: 0, vni2: 0, esi: '', gateway: '' }

const evpnTypes = [0, ...evpnRouteCodecs.map(({ type }) => type)] as EvpnRoute['type'][]

describe.each(evpnTypes)('EVPN route type %i', (type) => {
  test('reads what it wrote', () => {
    fc.assert(
      fc.property(evpnRoutes[type], (route) => {
        expect(
          readNlri(
            evpn as NlriCodec<Nlri>,
            written((w) => evpn.encode(w, route)),
          ),
        ).toEqual(route)
      }),
    )
  })
})

const readCapabilities = (bytes: Buffer) =>
  readWhole(bytes, (r) => {
    const into = noCapabilities()
    decodeCapabilities(r, into)
    return into
  })

describe.each(capabilityCodecs.map(({ code }) => code))('capability %i', (code) => {
  test('reads what it wrote', () => {
    fc.assert(
      fc.property(capabilityValues[code]!, (value) => {
        const advertised = { ...noCapabilities(), ...value }
        expect(readCapabilities(written((w) => encodeCapabilities(w, advertised)))).toEqual(advertised)
      }),
    )
  })

  test('any value is read or counts as unknown, and nothing of it is lost', () => {
    fc.assert(
      fc.property(anyBytes(60), (value) => {
        const read = readCapabilities(Buffer.concat([Buffer.of(code, value.length), value]))!
        const again = readCapabilities(written((w) => encodeCapabilities(w, read)))
        expect(again).toEqual(read)
      }),
    )
  })
})

test('capabilities together read as they were written', () => {
  fc.assert(
    fc.property(capabilities, (advertised) => {
      expect(readCapabilities(written((w) => encodeCapabilities(w, advertised)))).toEqual(advertised)
    }),
  )
})

describe('messages', () => {
  test('an OPEN reads as it was written', () => {
    fc.assert(
      fc.property(opens, (open) => {
        expect(decodeOpen(encodeOpen(open))).toEqual(open)
      }),
    )
  })

  test('a NOTIFICATION reads as it was written', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(255), anyBytes(400), (code, subcode, data) => {
        const read = decodeNotification(encodeNotification({ code, subcode, data }))
        expect({ ...read, data: Buffer.from(read.data) }).toEqual({ code, subcode, data })
      }),
    )
  })

  test('a ROUTE-REFRESH reads as it was written', () => {
    fc.assert(
      fc.property(fc.nat(0xff_ffff), fc.nat(255), (family, kind) => {
        expect(decodeRouteRefresh(encodeRouteRefresh({ family, kind }))).toEqual({ family, kind })
      }),
    )
  })

  test.each(Object.entries(MessageType))('%s: any body is read or ends the session', (_, type) => {
    fc.assert(
      fc.property(anyBytes(200), anyContext, (body, context) => {
        const bytes = message(type, body.toString('hex'))
        ends(() => {
          const framer = new Framer()
          framer.push(bytes)
          expect(decodeMessage(framer.next()!, context).type).toBeDefined()
        })
      }),
    )
  })

  test('any octets are framed or end the session, in whatever pieces they come', () => {
    const stream = fc
      .tuple(fc.boolean(), anyBytes(120))
      .map(([marked, bytes]) => (marked ? Buffer.concat([Buffer.alloc(16, 0xff), bytes]) : bytes))
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (bytes, sizes) => {
        expect(framed(bytes, sizes)).toEqual(framed(bytes, [bytes.length + 1]))
      }),
    )
  })
})

/** Throws nothing but what ends the session; whether it did. */
function ends(work: () => void): boolean {
  try {
    work()
    return false
  } catch (error) {
    if (!(error instanceof SessionError)) throw error
    return true
  }
}

/** The messages in a stream that comes in pieces of these sizes, and whether it ended the session. */
function framed(bytes: Buffer, sizes: readonly number[]): { messages: string[]; ended: boolean } {
  const framer = new Framer()
  const messages: string[] = []
  const ended = ends(() => {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = sizes[i % sizes.length]!
      framer.push(Buffer.from(bytes.subarray(at, at + size)))
      at += size
      for (let frame = framer.next(); frame !== null; frame = framer.next()) {
        expect(frame.bytes.length).toBeGreaterThanOrEqual(HEADER_LENGTH)
        messages.push(frame.bytes.toString('hex'))
      }
    }
  })
  return { messages, ended }
}

test('a text too long for its capability is cut between characters', () => {
  const advertised = {
    ...noCapabilities(),
    hostname: `${'x'.repeat(252)}é`,
    softwareVersion: '☕'.repeat(100),
  }
  const read = readCapabilities(written((w) => encodeCapabilities(w, advertised)))
  expect(read).toEqual({ ...advertised, hostname: 'x'.repeat(252), softwareVersion: '☕'.repeat(84) })
})
