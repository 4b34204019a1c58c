import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { noAttributes } from '../../src/bgp/attribute/attributes.ts'
import type { AnyCodec } from '../../src/bgp/attribute/index.ts'
import { attributeCodecs, decodeAttributes, writeAttribute } from '../../src/bgp/attribute/index.ts'
import { type MpReach, type MpUnreach, readMpReach, readMpUnreach } from '../../src/bgp/attribute/mp.ts'
import { AttributeCode, HEADER_LENGTH } from '../../src/bgp/constants.ts'
import { DEFAULT_CONTEXT, type SessionContext } from '../../src/bgp/context.ts'
import type { Notification } from '../../src/bgp/errors.ts'
import { afiOf, type Family, familyName, safiOf } from '../../src/bgp/family.ts'
import {
  type Capabilities,
  decodeCapabilities,
  encodeCapabilities,
  noCapabilities,
} from '../../src/bgp/message/capability.ts'
import { KEEPALIVE } from '../../src/bgp/message/index.ts'
import { decodeNotification, encodeNotification } from '../../src/bgp/message/notification.ts'
import { decodeOpen, encodeOpen, type Open } from '../../src/bgp/message/open.ts'
import { writeEndOfRib, writeReach, writeUnreach } from '../../src/bgp/message/pack.ts'
import {
  decodeRouteRefresh,
  encodeRouteRefresh,
  type RouteRefresh,
} from '../../src/bgp/message/route-refresh.ts'
import { decodeUpdate, type Update } from '../../src/bgp/message/update.ts'
import { REACHABLE, WITHDRAWN } from '../../src/bgp/nlri/codec.ts'
import { type Nlri, nlriCodec, nlriCodecs } from '../../src/bgp/nlri/index.ts'
import { Reader } from '../../src/bgp/wire/reader.ts'
import { Writer } from '../../src/bgp/wire/writer.ts'
import { formatIp, ipv4FromNumber } from '../../src/values/address.ts'
import { hex } from '../../src/values/bytes.ts'
import type { Json } from '../../src/values/json.ts'
import { formatMac } from '../../src/values/mac.ts'
import { attribute, message, octet, u16, update } from './update-bytes.ts'

/** What is described: a whole message, or a part of one. */
export type Kind =
  | 'open'
  | 'update'
  | 'notification'
  | 'keepalive'
  | 'route-refresh'
  | 'capability'
  | 'attribute'
  | 'nlri'

/** A vector as its file has it, see fixtures/bgp/README.md. */
interface VectorFile {
  rfc: string
  origin: string
  session?: SessionFile
  family?: string
  withdrawn?: true
  hex: string
  encoded?: string
  differs?: string
  value: Json
  agreed: string[]
  alone?: string
}

interface SessionFile {
  readonly fourOctetAs?: boolean
  readonly internal?: boolean
  readonly addPathReceive?: readonly string[]
  readonly maxMessageLength?: number
}

export interface Vector extends VectorFile {
  readonly kind: Kind
  /** Its file, without directory and ending. */
  readonly name: string
  readonly bytes: Buffer
  readonly context: SessionContext
}

const DIRECTORY = new URL('../../fixtures/bgp/', import.meta.url)

/** Set to rewrite in the fixtures what a run finds; the difference is for a person to judge. */
export const UPDATING = process.env['UPDATE_FIXTURES'] === '1'

const families: readonly Family[] = nlriCodecs.map(({ family }) => family)

export function familyNamed(name: string): Family {
  const family = families.find((one) => familyName(one) === name)
  if (family === undefined) throw new Error(`no family is called ${name}`)
  return family
}

function contextOf({ addPathReceive = [], ...rest }: SessionFile = {}): SessionContext {
  return { ...DEFAULT_CONTEXT, ...rest, addPathReceive: new Set(addPathReceive.map(familyNamed)) }
}

export const KINDS: readonly Kind[] = [
  'open',
  'update',
  'notification',
  'keepalive',
  'route-refresh',
  'capability',
  'attribute',
  'nlri',
]

/** The vectors of all kinds, or of one, by name. */
export function loadVectors(...kinds: readonly Kind[]): Vector[] {
  const wanted = kinds.length > 0 ? kinds : KINDS
  return wanted.flatMap((kind) => {
    const files = readdirSync(new URL(`${kind}/`, DIRECTORY)).sort()
    return files.map((file) => {
      const read = JSON.parse(readFileSync(new URL(`${kind}/${file}`, DIRECTORY), 'utf8')) as VectorFile
      const bytes = Buffer.from(read.hex, 'hex')
      return { ...read, kind, name: file.replace(/\.json$/, ''), bytes, context: contextOf(read.session) }
    })
  })
}

/** Changes fields of a vector's file; undefined removes one. */
export function rewrite(
  { kind, name }: Vector,
  changes: { [K in keyof VectorFile]?: VectorFile[K] | undefined },
): void {
  const url = new URL(`${kind}/${name}.json`, DIRECTORY)
  const before = JSON.parse(readFileSync(url, 'utf8')) as VectorFile
  const merged: Record<string, unknown> = { ...before, ...changes }
  const order = [
    'rfc',
    'origin',
    'session',
    'family',
    'withdrawn',
    'hex',
    'encoded',
    'differs',
    'value',
    'agreed',
    'alone',
  ]
  const sorted = Object.fromEntries(
    order.filter((key) => merged[key] !== undefined).map((key) => [key, merged[key]]),
  )
  writeFileSync(url, `${JSON.stringify(sorted, null, 2)}\n`)
}

/** How the octets of one kind become a value, and back. */
interface Direction<V> {
  decode(bytes: Buffer, vector: Vector): V
  encode(value: V, vector: Vector, context: SessionContext): Buffer
  /** The octets in a whole message, put there by hand, for programs that read whole messages. */
  message(vector: Vector): Buffer
}

interface AttributeValue {
  readonly code: number
  readonly field: string
  readonly value: unknown
}

const directions: { readonly [K in Kind]: Direction<never> } = {
  open: whole<Open>(decodeOpen, encodeOpen),
  notification: whole<Notification>(decodeNotification, encodeNotification),
  'route-refresh': whole<RouteRefresh>((bytes) => decodeRouteRefresh(bytes), encodeRouteRefresh),
  keepalive: whole<null>(
    () => null,
    () => KEEPALIVE,
  ),
  update: whole<Update>((bytes, { context }) => decodeUpdate(bytes, context), encodeUpdate),
  capability: direction<Capabilities>({
    decode(bytes) {
      const capabilities = noCapabilities()
      decodeCapabilities(new Reader(bytes), capabilities)
      return capabilities
    },
    encode(value) {
      const w = new Writer()
      encodeCapabilities(w, value)
      return w.copy()
    },
    message: ({ hex: octets }) => {
      const length = octets.length / 2
      return message(1, `04fc00005a0a000001${octet(length + 2)}02${octet(length)}${octets}`)
    },
  }),
  attribute: direction<AttributeValue>({
    decode: decodeAttribute,
    encode: encodeAttribute,
    message: ({ hex: octets }) => update(octets),
  }),
  nlri: direction<Nlri>({
    decode(bytes, { family, withdrawn }) {
      const codec = nlriCodec(familyNamed(family!))!
      const r = new Reader(bytes)
      const length = codec.measure(r)
      r.pos = 0
      r.enter(length)
      const nlri = codec.decode(r, withdrawn === true ? WITHDRAWN : REACHABLE)
      r.expectEnd()
      return nlri
    },
    encode(value, { family }) {
      const w = new Writer()
      nlriCodec(familyNamed(family!))!.encode(w, value)
      return w.copy()
    },
    message: ({ family, withdrawn, hex: octets }) => {
      const number = familyNamed(family!)
      const head = u16(afiOf(number)) + octet(safiOf(number))
      if (withdrawn === true) return update(attribute(0x80, 15, head + octets))
      return update(attribute(0x80, 14, `${head}${NEXT_HOPS[familyName(number)]}00${octets}`))
    },
  }),
}

/** A next hop behind its length, for each family. */
const NEXT_HOPS: Readonly<Record<string, string>> = {
  'ipv4/unicast': '040a000001',
  'ipv6/unicast': `1020010db8${'00'.repeat(11)}01`,
  'ipv4/mpls-vpn': `0c${'00'.repeat(8)}0a000001`,
  'ipv6/mpls-vpn': `18${'00'.repeat(18)}ffff0a000001`,
  'l2vpn/evpn': '040a000001',
  'ipv4/rtc': '040a000001',
  'ipv4/flow-vpn': '00',
  'ipv6/flow-vpn': '00',
}

function direction<V>(of: Direction<V>): Direction<never> {
  return of as Direction<never>
}

function whole<V>(
  decode: (bytes: Buffer, vector: Vector) => V,
  encode: (value: V, context: SessionContext) => Buffer,
): Direction<never> {
  return direction<V>({
    decode,
    encode: (value, _, context) => encode(value, context),
    message: ({ bytes }) => bytes,
  })
}

export function decodeVector(vector: Vector, bytes: Buffer = vector.bytes): unknown {
  return directions[vector.kind].decode(bytes, vector)
}

/** What we send for a decoded value. */
export function encodeVector(vector: Vector, value: unknown, context = vector.context): Buffer {
  return directions[vector.kind].encode(value as never, vector, context)
}

export function messageOf(vector: Vector): Buffer {
  return directions[vector.kind].message(vector)
}

function encodeUpdate({ reach, unreach, attributes, endOfRib }: Update, context: SessionContext): Buffer {
  const w = new Writer()
  for (const { family, nlri } of unreach) writeUnreach(w, family, nlri, context)
  for (const { family, nextHop, nlri } of reach) writeReach(w, family, nextHop, nlri, attributes, context)
  if (endOfRib !== null) writeEndOfRib(w, endOfRib)
  return w.copy()
}

const codecByCode = new Map<number, AnyCodec>(attributeCodecs.map((codec) => [codec.code, codec as AnyCodec]))

function decodeAttribute(bytes: Buffer, { context }: Vector): AttributeValue {
  const r = new Reader(bytes)
  const flags = r.u8()
  const code = r.u8()
  r.enter((flags & 0x10) === 0 ? r.u8() : r.u16())
  if (code === AttributeCode.MpReach)
    return { code, field: 'mpReach', value: readMpReach(r, context, noAttributes()) }
  if (code === AttributeCode.MpUnreach) return { code, field: 'mpUnreach', value: readMpUnreach(r, context) }
  const codec = codecByCode.get(code)
  if (codec === undefined)
    return { code, field: 'unknown', value: decodeAttributes(new Reader(bytes), context).attributes.unknown }
  const value = codec.decode(r, context)
  r.expectEnd()
  return { code, field: codec.field, value }
}

function encodeAttribute({ code, field, value }: AttributeValue, _: Vector, context: SessionContext): Buffer {
  const w = new Writer()
  const codec = codecByCode.get(code)
  if (codec !== undefined) {
    writeAttribute(w, codec.flags, code, () => codec.encode(w, value as never, context))
    return w.copy()
  }
  if (field === 'mpReach') {
    const { family, nextHop, nlri } = value as MpReach
    writeReach(w, family, nextHop, nlri, noAttributes(), context)
    return w.copy().subarray(HEADER_LENGTH + 4)
  }
  if (field === 'mpUnreach') {
    const { family, nlri } = value as MpUnreach
    if (nlri.length === 0) writeEndOfRib(w, family)
    else writeUnreach(w, family, nlri, context)
    return w.copy().subarray(HEADER_LENGTH + 4)
  }
  for (const one of (value ?? []) as { flags: number; value: string }[])
    writeAttribute(w, one.flags, code, () => w.octets(one.value))
  return w.copy()
}

/** Numbers that people know in another spelling, by the name of their field. */
const SPELLINGS: Readonly<Record<string, (value: number) => string>> = {
  family: familyName,
  families: familyName,
  endOfRib: familyName,
  mac: formatMac,
  identifier: (value) => formatIp(ipv4FromNumber(value)),
  originatorId: (value) => formatIp(ipv4FromNumber(value)),
  clusterList: (value) => formatIp(ipv4FromNumber(value)),
  communities: (value) => `${value >>> 16}:${value & 0xffff}`,
}

const TEXTS: ReadonlySet<string> = new Set(['hostname', 'softwareVersion', 'field', 'severity', 'reason'])
/** What says nothing where it is empty. */
const SILENT: ReadonlySet<string> = new Set(['findings', 'quarantined', 'reach', 'unreach'])
const NONE: Readonly<Record<string, unknown>> = { ...noCapabilities() }

/** A decoded value as JSON: octets in hex, absent fields left out, families and addresses in their usual spelling. */
export function toJson(value: unknown, field = ''): Json {
  if (typeof value === 'string') return TEXTS.has(field) ? value : hex(value)
  if (typeof value === 'number') return SPELLINGS[field]?.(value) ?? value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map((item) => toJson(item, field))
  if (value === null || typeof value !== 'object') return value as Json
  const fields = Object.entries(value).filter(([key, item]) => {
    if (item === null || key === 'wire' || (key === 'ignored' && item === 0)) return false
    if (Array.isArray(item) && item.length === 0) return !SILENT.has(key) && !(key in NONE)
    return !(item === false && NONE[key] === false)
  })
  return Object.fromEntries(fields.map(([key, item]) => [key, toJson(item, key)]))
}
