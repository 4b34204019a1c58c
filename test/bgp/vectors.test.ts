import { describe, expect, test } from 'vitest'
import { attributeCodecs } from '../../src/bgp/attribute/index.ts'
import { AttributeCode, MessageType } from '../../src/bgp/constants.ts'
import { DEFAULT_CONTEXT, type SessionContext } from '../../src/bgp/context.ts'
import { Malformed, SessionError } from '../../src/bgp/errors.ts'
import { FLOWSPEC_VPNV4, FLOWSPEC_VPNV6, familyName } from '../../src/bgp/family.ts'
import { capabilityCodecs } from '../../src/bgp/message/capability.ts'
import { decodeMessage } from '../../src/bgp/message/index.ts'
import { evpnRouteCodecs } from '../../src/bgp/nlri/evpn/index.ts'
import { FlowSpecType, flowSpecComponents } from '../../src/bgp/nlri/flow-spec.ts'
import { nlriCodecs } from '../../src/bgp/nlri/index.ts'
import { Framer } from '../../src/bgp/wire/framer.ts'
import { CONTEXTS } from '../support/contexts.ts'
import {
  decodeVector,
  encodeVector,
  loadVectors,
  messageOf,
  rewrite,
  toJson,
  UPDATING,
  type Vector,
} from '../support/vectors.ts'

const vectors = loadVectors()
const named = vectors.map((vector) => [`${vector.kind}/${vector.name}`, vector] as const)

if (UPDATING) {
  for (const vector of vectors) {
    const value = decodeVector(vector)
    const encoded = encodeVector(vector, value).toString('hex')
    const differs = vector.differs ?? 'to be explained'
    const same = encoded === vector.hex
    rewrite(vector, {
      value: toJson(value),
      encoded: same ? undefined : encoded,
      differs: same ? undefined : differs,
    })
  }
}

describe.each(named)('%s', (_, vector) => {
  test('decodes to its value', () => expect(toJson(decodeVector(vector))).toEqual(vector.value))

  test('encodes to its octets', () => {
    const ours = encodeVector(vector, decodeVector(vector)).toString('hex')
    expect(ours).toBe(vector.encoded ?? vector.hex)
    if (vector.encoded !== undefined) expect(vector.differs, 'why we send it otherwise').toBeDefined()
  })

  test('sent messages decode to their input', () => {
    if (!vector.encoded || vector.kind === 'update') return
    const again = decodeVector(
      { ...vector, context: sending(vector.context) },
      Buffer.from(vector.encoded, 'hex'),
    )
    expect(meaning(toJson(again))).toEqual(meaning(vector.value))
  })

  test('cut anywhere it decodes or is malformed', () => {
    for (const length of cuts(vector.bytes.length)) {
      const cut = vector.bytes.subarray(0, length)
      expectDecodable(() => decodeVector(vector, Buffer.from(cut)))
    }
  })

  test('cut anywhere inside a message whose header knows it decodes or ends the session', () => {
    const message = messageOf(vector)
    for (const length of cuts(message.length)) {
      if (length < 19) continue
      const cut = Buffer.from(message.subarray(0, length))
      cut.writeUInt16BE(length, 16)
      expectDecodable(() => {
        const framer = framerOf(vector)
        framer.push(cut)
        const frame = framer.next()
        if (frame !== null) decodeMessage(frame, vector.context)
      })
    }
  })

  test('frames whole and byte by byte', () => {
    const message = messageOf(vector)
    const whole = framerOf(vector)
    whole.push(message)
    expect(whole.next()?.bytes.equals(message)).toBe(true)
    expect(whole.next()).toBeNull()

    const slow = framerOf(vector)
    const frames: Buffer[] = []
    for (const byte of message) {
      slow.push(Buffer.of(byte))
      for (let frame = slow.next(); frame !== null; frame = slow.next()) frames.push(Buffer.from(frame.bytes))
    }
    expect(frames).toEqual([message])
  })

  test('can be sent on every other session', () => {
    const value = decodeVector(vector)
    for (const context of CONTEXTS.map(sending)) {
      if (context.maxMessageLength < vector.bytes.length) continue
      expect(() => encodeVector(vector, value, context)).not.toThrow()
    }
  })

  test('names its origin, and the other programs that agree', () => {
    expect(vector.rfc).not.toBe('')
    expect(vector.origin).not.toBe('')
    if (vector.agreed.length === 0)
      expect(vector.alone, 'why no other implementation was asked').toBeDefined()
  })
})

/** Every length of a short message; of a long one its ends and a sample between. */
function cuts(length: number): number[] {
  const all = Array.from({ length }, (_, i) => i)
  return all.filter((i) => i < 400 || i > length - 60 || i % 61 === 0)
}

function expectDecodable(decode: () => void): void {
  try {
    decode()
  } catch (error) {
    if (!(error instanceof Malformed) && !(error instanceof SessionError)) throw error
  }
}

function framerOf({ context }: Vector): Framer {
  const framer = new Framer()
  framer.extended = context.maxMessageLength > DEFAULT_CONTEXT.maxMessageLength
  return framer
}

/** A session to send on: path identifiers are only ever received. */
function sending(context: SessionContext): SessionContext {
  return { ...context, addPathReceive: new Set() }
}

/** A value without what we never send: path identifiers, next hops that a family has no use for. */
function meaning(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, item) => {
      if (key === 'pathIds' || key === 'unknown') return undefined
      return isFlowSpec(item) ? { ...item, nextHop: undefined } : item
    }),
  )
}

const isFlowSpec = (item: unknown): item is object =>
  typeof item === 'object' && item !== null && 'family' in item && /flow-vpn/.test(String(item.family))

describe('nothing goes without a vector', () => {
  const values = (kind: Vector['kind']): Vector[] => vectors.filter((vector) => vector.kind === kind)

  test.each(Object.entries(MessageType))('message type %s', (_, type) => {
    expect(vectors.some((vector) => vector.kind !== 'nlri' && vector.bytes[18] === type)).toBe(true)
  })

  test.each(capabilityCodecs.map(({ code }) => code))('capability %i', (code) => {
    const seen = values('capability').flatMap(({ bytes }) => [...codesOf(bytes)])
    expect(seen).toContain(code)
  })

  test.each(attributeCodecs.map(({ name, code }) => [name, code] as const))('attribute %s', (_, code) => {
    expect(values('attribute').map(({ bytes }) => bytes[1])).toContain(code)
  })

  describe.each(nlriCodecs.map(({ family }) => familyName(family)))('%s', (family) => {
    const json = (kind: Vector['kind'], key: string): boolean =>
      values(kind).some(({ value }) => JSON.stringify(value?.[key as never] ?? null).includes(`"${family}"`))

    test('an NLRI', () => expect(values('nlri').map((vector) => vector.family)).toContain(family))
    test('advertised', () => expect(json('update', 'reach')).toBe(true))
    test('withdrawn', () => expect(json('update', 'unreach')).toBe(true))
    test('End-of-RIB', () => expect(json('update', 'endOfRib')).toBe(true))
  })

  test.each([AttributeCode.MpReach, AttributeCode.MpUnreach])('attribute %i, which carries NLRI', (code) => {
    expect(values('attribute').map(({ bytes }) => bytes[1])).toContain(code)
  })

  test.each([0, ...evpnRouteCodecs.map(({ type }) => type)])('EVPN route type %i (0: one unread)', (type) => {
    const types = values('nlri').filter(({ family }) => family === 'l2vpn/evpn')
    expect(types.map(({ value }) => value?.['type' as never])).toContain(type)
  })

  describe.each([
    ['ipv4/flow-vpn', FLOWSPEC_VPNV4],
    ['ipv6/flow-vpn', FLOWSPEC_VPNV6],
  ])('%s', (name, family) => {
    const types = values('nlri')
      .filter((vector) => vector.family === name)
      .flatMap((vector) => flowSpecComponents(family, (decodeVector(vector) as { rule: string }).rule))
      .map(({ type }) => type)

    test.each(Object.entries(FlowSpecType))('component %s', (_, type) => {
      if (type === FlowSpecType.FlowLabel && family === FLOWSPEC_VPNV4) return
      expect(types).toContain(type)
    })
  })

  test('route-target memberships of 0, 32, odd and 96 bits, and of all three types of target', () => {
    const bits = values('nlri').filter(({ family }) => family === 'ipv4/rtc')
    const lengths = bits.map(({ bytes }) => bytes[0]!)
    expect(lengths).toEqual(expect.arrayContaining([0, 32, 96]))
    expect(lengths.some((length) => length % 2 === 1)).toBe(true)
    const full = bits.filter(({ bytes }) => bytes[0] === 96).map(({ bytes }) => bytes.readUInt16BE(5))
    expect(full).toEqual(expect.arrayContaining([0x0002, 0x0102, 0x0202]))
  })
})

function* codesOf(capabilities: Buffer): Iterable<number> {
  for (let at = 0; at < capabilities.length; at += 2 + capabilities[at + 1]!) yield capabilities[at]!
}
