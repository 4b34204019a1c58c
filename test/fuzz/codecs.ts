import { isDeepStrictEqual } from 'node:util'
import { noAttributes } from '../../src/bgp/attribute/attributes.ts'
import type { AnyCodec } from '../../src/bgp/attribute/index.ts'
import { attributeCodecs, decodeAttributes, formatAttributes } from '../../src/bgp/attribute/index.ts'
import type { SessionContext } from '../../src/bgp/context.ts'
import { describeAttributes } from '../../src/bgp/describe/attributes.ts'
import { describeCapabilities } from '../../src/bgp/describe/capability.ts'
import { Malformed } from '../../src/bgp/errors.ts'
import {
  capabilityCodecs,
  decodeCapabilities,
  encodeCapabilities,
  noCapabilities,
} from '../../src/bgp/message/capability.ts'
import { keyOf, type NlriCodec } from '../../src/bgp/nlri/codec.ts'
import { type Nlri, nlriCodecs } from '../../src/bgp/nlri/index.ts'
import { Reader } from '../../src/bgp/wire/reader.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { CONTEXTS } from '../support/contexts.ts'
import { familyNamed, loadVectors, type Vector } from '../support/vectors.ts'
import { mutateBytes } from './mutate.ts'
import type { Random } from './random.ts'
import { Broken, refusable, type Target } from './target.ts'

/** The context that the first octet of an input picks. */
export function contextAt(octet: number | undefined): SessionContext {
  return CONTEXTS[(octet ?? 0) % CONTEXTS.length]!
}

/** The octet that picks the context of a vector, or one like it. */
export function contextOctet({ context }: Vector): number {
  const alike = CONTEXTS.findIndex(
    (one) =>
      one.fourOctetAs === context.fourOctetAs &&
      one.internal === context.internal &&
      one.addPathReceive.size > 0 === context.addPathReceive.size > 0 &&
      one.maxMessageLength === context.maxMessageLength,
  )
  return Math.max(0, alike)
}

/** Changes the octets behind a head of `fixed` ones, which pick what reads them, and now and then the head. */
export function mutateBehind(fixed: number) {
  return (input: Buffer, random: Random, other: Buffer): Buffer => {
    const head = Buffer.from(input.subarray(0, fixed))
    if (random.oneIn(16) && head.length > 0) head[random.below(head.length)] = random.below(256)
    return Buffer.concat([head, mutateBytes(input.subarray(fixed), random, other.subarray(fixed))])
  }
}

export function written(write: (w: Writer) => void): Buffer {
  const w = new Writer()
  write(w)
  return w.copy()
}

/** A value that was read is written and read again: it must be the same, and its octets must be too. */
function expectStable<T>(
  what: string,
  value: T,
  write: (value: T) => Buffer,
  read: (bytes: Buffer) => T,
): void {
  const octets = write(value)
  const again = read(octets)
  if (!isDeepStrictEqual(again, value)) throw new Broken(`${what} reads otherwise when it was written`)
  if (!write(again).equals(octets)) throw new Broken(`${what} is written otherwise the second time`)
}

function contentOf({ bytes }: Vector): Buffer {
  return bytes.subarray((bytes[0]! & 0x10) === 0 ? 3 : 4)
}

/** Octets: context, place in the table, value. */
const attributeValue: Target = {
  name: 'attribute',
  batch: 1000,
  seeds: loadVectors('attribute').flatMap((vector) => {
    const place = attributeCodecs.findIndex(({ code }) => code === vector.bytes[1])
    return place < 0 ? [] : [Buffer.concat([Buffer.of(contextOctet(vector), place), contentOf(vector)])]
  }),
  mutate: mutateBehind(2),
  run(input) {
    const context = contextAt(input[0])
    const codec = attributeCodecs[(input[1] ?? 0) % attributeCodecs.length] as unknown as AnyCodec
    const read = (bytes: Buffer) => {
      const r = new Reader(bytes)
      const value = codec.decode(r, context)
      r.expectEnd()
      return value
    }
    const value = refusable([Malformed], () => read(input.subarray(2)))
    if (value === undefined) return
    codec.format(value)
    codec.describe?.(value)
    expectStable(codec.name, value, (one) => written((w) => codec.encode(w, one, context)), read)
  },
}

/** Octets: context, attributes with their headers. */
const attributeList: Target = {
  name: 'attributes',
  batch: 1000,
  seeds: loadVectors('attribute').map((vector) =>
    Buffer.concat([Buffer.of(contextOctet(vector)), vector.bytes]),
  ),
  mutate: mutateBehind(1),
  run(input) {
    const context = contextAt(input[0])
    const bytes = input.subarray(1)
    const { attributes, findings } = decodeAttributes(new Reader(bytes), context)
    formatAttributes(attributes)
    describeAttributes(new Reader(bytes), context)
    if (findings.some(({ data }) => data.length > bytes.length)) throw new Broken('a finding grew')
    if (isDeepStrictEqual(Object.keys(attributes), Object.keys(noAttributes()))) return
    throw new Broken('attributes of another shape')
  },
}

/** Octets: context with its highest bit for a withdrawn route, place in the table, NLRI. */
const nlri: Target = {
  name: 'nlri',
  batch: 1000,
  seeds: loadVectors('nlri').map((vector) => {
    const place = nlriCodecs.findIndex(({ family }) => family === familyNamed(vector.family!))
    return Buffer.concat([Buffer.of(vector.withdrawn === true ? 0x80 : 0, place), vector.bytes])
  }),
  mutate: mutateBehind(2),
  run(input) {
    const codec = nlriCodecs[(input[1] ?? 0) % nlriCodecs.length] as NlriCodec<Nlri>
    const withdrawn = (input[0] ?? 0) >= 0x80
    const context = { withdrawn, prefixSid: !withdrawn && (input[0] ?? 0) >= 0x40, routersMac: false }
    const read = (bytes: Buffer): Nlri => {
      const r = new Reader(bytes)
      const length = codec.measure(r)
      if (length < 1) throw new Broken('an NLRI of no octets')
      r.pos = 0
      r.enter(length)
      const one = codec.decode(r, context)
      r.expectEnd()
      return one
    }
    const value = refusable([Malformed], () => read(input.subarray(2)))
    if (value === undefined) return
    codec.format(value)
    codec.fields(value)
    expectStable(codec.format(value), value, (one) => written((w) => codec.encode(w, one)), read)
    const gone = codec.withdrawal?.(value) ?? value
    if (keyOf(codec, gone) !== keyOf(codec, value)) throw new Broken('withdrawn under another key')
  },
}

/** Octets: the place in the table of a capability, its value; with 255 for the place, a list of capabilities. */
const capability: Target = {
  name: 'capability',
  batch: 1000,
  seeds: [
    ...loadVectors('capability').map(({ bytes }) => Buffer.concat([Buffer.of(255), bytes])),
    ...loadVectors('capability').flatMap(({ bytes }) => {
      const place = capabilityCodecs.findIndex(({ code }) => code === bytes[0])
      return place < 0 ? [] : [Buffer.concat([Buffer.of(place), bytes.subarray(2)])]
    }),
  ],
  mutate: mutateBehind(1),
  run(input) {
    const place = input[0] ?? 0
    const codec = capabilityCodecs[place % capabilityCodecs.length]!
    const value = input.subarray(1, 256)
    const bytes =
      place === 255 ? input.subarray(1) : Buffer.concat([Buffer.of(codec.code, value.length), value])
    const read = (from: Buffer) => {
      const into = noCapabilities()
      decodeCapabilities(new Reader(from), into)
      return into
    }
    const value1 = refusable([Malformed], () => read(bytes))
    refusable([Malformed], () => describeCapabilities(new Reader(bytes), [], []))
    if (value1 === undefined) return
    // Lists of one kind are sent as one capability: together they may be longer than one can be.
    const longest = Math.max(
      6 * value1.extendedNextHop.length,
      4 * value1.addPath.length,
      7 * value1.longLivedGracefulRestart.length,
    )
    if (longest > 255) return
    const once = read(written((w) => encodeCapabilities(w, value1)))
    expectStable('capabilities', once, (one) => written((w) => encodeCapabilities(w, one)), read)
  },
}

/** The codec tables, entry by entry. */
export const codecTargets: readonly Target[] = [attributeValue, attributeList, nlri, capability]
