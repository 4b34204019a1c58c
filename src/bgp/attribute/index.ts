import type { Octets } from '../../values/bytes.ts'
import { AS_TRANS, AttributeCode, AttributeFlag, UpdateSubcode } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { type Finding, Malformed, type Severity } from '../errors.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
import { as4PathFor, mergeAs4Path } from './as-path.ts'
import { type AttributeField, type Attributes, noAttributes, type UnknownAttribute } from './attributes.ts'
import { type AttributeCodec, formatList, OPTIONAL_NON_TRANSITIVE, OPTIONAL_TRANSITIVE } from './codec.ts'
import { type MpReach, type MpUnreach, readMpReach, readMpUnreach } from './mp.ts'
import { attributeCodecs } from './table.ts'

export { attributeCodecs } from './table.ts'

/** The codec of any attribute; pass its methods only values of its own attribute. */
export type AnyCodec = AttributeCodec<AttributeField, NonNullable<Attributes[AttributeField]>>

const byCode = new Map<number, AnyCodec>(
  attributeCodecs.map((codec) => [codec.code, codec as unknown as AnyCodec]),
)

/** The codec of an attribute; undefined for an attribute that is not decoded. */
export function attributeCodec(code: number): AnyCodec | undefined {
  return byCode.get(code)
}

const { Optional, Transitive, Partial, ExtendedLength } = AttributeFlag
const MIN_HEADER_LENGTH = 3

export interface DecodedAttributes {
  readonly attributes: Attributes
  readonly mpReach: MpReach | null
  readonly mpUnreach: MpUnreach | null
  /** The attributes' own bytes without those that carry NLRI: equal bytes are equal attributes. */
  readonly wire: Octets
  readonly findings: Finding[]
}

interface Header {
  readonly start: number
  readonly flags: number
  readonly code: number
  readonly length: number
}

/** Reads path attributes up to the bound; errors become findings, never an exception (RFC 7606). */
export function decodeAttributes(r: Reader, session: SessionContext): DecodedAttributes {
  const attributes = noAttributes()
  const findings: Finding[] = []
  const seen = new Set<number>()
  let mpReachAt: Header | null = null
  let mpUnreachAt: Header | null = null
  let wire = ''
  while (r.remaining > 0) {
    const header = readHeader(r, findings)
    if (header === null) break
    const { start, code, length } = header
    const outer = r.enter(length)
    const end = r.end
    const report = (severity: Severity, subcode: number, reason: string): void => {
      findings.push({ severity, subcode, attribute: code, reason, data: r.copy(start, end) })
    }
    const carriesNlri = code === AttributeCode.MpReach || code === AttributeCode.MpUnreach
    if (seen.has(code)) {
      report(
        carriesNlri ? 'reset' : 'discard',
        UpdateSubcode.MalformedAttributeList,
        `attribute ${code} twice`,
      )
    } else if (code === AttributeCode.MpReach) {
      mpReachAt = header
    } else if (code === AttributeCode.MpUnreach) {
      mpUnreachAt = header
    } else {
      decodeOne(r, header, attributes, session, report)
      wire += r.bytes.toString('latin1', start, end)
    }
    // After an error these may not be trusted to show their routes (RFC 7606 §5.3).
    if (carriesNlri) checkFlags(header.flags, OPTIONAL_NON_TRANSITIVE, 'reset', report)
    seen.add(code)
    r.leave(outer)
  }
  const mpReach = readNlri(r, mpReachAt, findings, () => readMpReach(r, session, attributes))
  const mpUnreach = readNlri(r, mpUnreachAt, findings, () => readMpUnreach(r, session))
  foldAs4(attributes, session)
  return { attributes, mpReach, mpUnreach, wire, findings }
}

/** Reads an attribute with NLRI after all others, since these decide how; null where it is absent or, with a finding, malformed. */
function readNlri<T>(r: Reader, header: Header | null, findings: Finding[], read: () => T): T | null {
  if (header === null) return null
  const { start, length, code } = header
  const headerLength = (header.flags & ExtendedLength) === 0 ? MIN_HEADER_LENGTH : MIN_HEADER_LENGTH + 1
  const { pos, end } = r
  r.pos = start + headerLength
  r.end = r.pos + length
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    const subcode = error.subcode ?? UpdateSubcode.OptionalAttribute
    const data = r.copy(start, start + headerLength + length)
    findings.push({ severity: 'reset', subcode, attribute: code, reason: error.message, data })
    return null
  } finally {
    r.pos = pos
    r.end = end
  }
}

/** Reads flags, code and length; null, with a finding, when they run past the bound (RFC 7606 §4). */
function readHeader(r: Reader, findings: Finding[]): Header | null {
  const start = r.pos
  const overrun = (code: number | null, reason: string): null => {
    const data = r.copy(start, r.end)
    findings.push({
      severity: 'withdraw',
      subcode: UpdateSubcode.MalformedAttributeList,
      attribute: code,
      reason,
      data,
    })
    r.pos = r.end
    return null
  }
  if (r.remaining < MIN_HEADER_LENGTH)
    return overrun(null, `${r.remaining} bytes left, too few for an attribute`)
  const flags = r.u8()
  const code = r.u8()
  const extended = (flags & ExtendedLength) !== 0
  if (extended && r.remaining < 2) return overrun(code, 'extended length cut off')
  const length = extended ? r.u16() : r.u8()
  if (length > r.remaining) return overrun(code, `attribute ${code} of ${length} bytes, ${r.remaining} left`)
  return { start, flags, code, length }
}

type ReportFinding = (severity: Severity, subcode: number, reason: string) => void

function decodeOne(
  r: Reader,
  header: Header,
  attributes: Attributes,
  session: SessionContext,
  report: ReportFinding,
): void {
  const codec = byCode.get(header.code)
  if (codec === undefined) {
    keepUnknown(r, header, attributes, report)
    return
  }
  checkFlags(header.flags, codec.flags, 'withdraw', report)
  try {
    assign(attributes, codec.field, codec.decode(r, session))
    r.expectEnd()
    if ((header.flags & Partial) !== 0 && codec.flags === OPTIONAL_TRANSITIVE)
      attributes.partial = [...(attributes.partial ?? []), codec.code]
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    assign(attributes, codec.field, null)
    const optional = (codec.flags & Optional) !== 0
    const subcode =
      error.subcode ?? (optional ? UpdateSubcode.OptionalAttribute : UpdateSubcode.AttributeLength)
    report(error.severity ?? codec.onError(session), subcode, `${codec.name}: ${error.message}`)
  }
}

function assign<F extends AttributeField>(attributes: Attributes, field: F, value: Attributes[F]): void {
  attributes[field] = value
}

function checkFlags(flags: number, wanted: number, severity: Severity, report: ReportFinding): void {
  if (((flags ^ wanted) & (Optional | Transitive)) === 0) return
  report(
    severity,
    UpdateSubcode.AttributeFlags,
    `flags 0x${flags.toString(16)}, expected 0x${wanted.toString(16)}`,
  )
}

/** Optional transitive attributes are passed on with the partial bit, others dropped (RFC 4271 §5). */
function keepUnknown(
  r: Reader,
  { flags, code }: Header,
  attributes: Attributes,
  report: ReportFinding,
): void {
  if ((flags & Optional) === 0) {
    report('reset', UpdateSubcode.UnrecognizedWellKnownAttribute, `unknown well-known attribute ${code}`)
  } else if ((flags & Transitive) !== 0) {
    const kept: UnknownAttribute = { code, flags: OPTIONAL_TRANSITIVE | Partial, value: r.rest() }
    attributes.unknown = [...(attributes.unknown ?? []), kept]
  }
}

/** Attributes that a route does not have: they are folded into others when read, and derived from them when written. */
export const FOLDED_FIELDS = ['as4Path', 'as4Aggregator'] as const

/**
 * AS4_PATH and AS4_AGGREGATOR count only from a peer without 4-octet AS numbers, and only while no other speaker aggregated
 * the route (RFC 6793 §4.1, §4.2.3).
 */
function foldAs4(attributes: Attributes, { fourOctetAs }: SessionContext): void {
  const { asPath: path, as4Path: path4, aggregator: aggregator2, as4Aggregator: aggregator4 } = attributes
  const aggregated = aggregator2 !== null && aggregator4 !== null && aggregator2.as !== AS_TRANS
  if (!fourOctetAs && !aggregated) {
    if (aggregator2 !== null && aggregator4 !== null) attributes.aggregator = aggregator4
    if (path !== null && path4 !== null) attributes.asPath = mergeAs4Path(path, path4)
  }
  for (const field of FOLDED_FIELDS) attributes[field] = null
}

/** Writes all but the attributes that carry NLRI, in the order of their codes. */
export function encodeAttributes(w: Writer, attributes: Attributes, session: SessionContext): void {
  const wire = { ...attributes, as4Path: as4PathFor(attributes.asPath, session) }
  const { aggregator: from } = attributes
  if (!session.fourOctetAs && from !== null && from.as > 0xffff) wire.as4Aggregator = from
  for (const codec of byCode.values()) {
    const value = wire[codec.field]
    if (value === null) continue
    const partial = attributes.partial?.includes(codec.code) === true ? Partial : 0
    writeAttribute(w, codec.flags | partial, codec.code, () => codec.encode(w, value, session))
  }
  for (const { flags, code, value } of attributes.unknown ?? [])
    writeAttribute(w, flags, code, () => w.octets(value))
}

/** Writes one attribute; the length takes two octets only where necessary. */
export function writeAttribute(w: Writer, flags: number, code: number, body: () => void): void {
  const start = w.length
  w.u8(flags)
  w.u8(code)
  const at = w.reserve(1)
  body()
  const length = w.length - at - 1
  if (length <= 0xff) {
    w.patch(at, 1)
    return
  }
  const long = Buffer.from(w.view().subarray(at + 1))
  w.truncate(start)
  w.u8(flags | ExtendedLength)
  w.u8(code)
  w.u16(length)
  w.bytes(long)
}

/** The IANA names of attributes that a route may have, by their names in the looking glass. */
export const attributeNames: ReadonlyMap<string, string> = new Map(
  [...byCode.values()]
    .filter(({ field }) => !FOLDED_FIELDS.some((folded) => folded === field))
    .map(({ shownAs, name }) => [shownAs, name]),
)

/** The attributes that are present, by their names in the looking glass; ORIGIN IGP and an empty AS_PATH are omitted. */
export function formatAttributes(attributes: Attributes): Record<string, string> {
  const shown: Record<string, string> = {}
  for (const codec of byCode.values()) {
    const value = attributes[codec.field]
    if (value === null || (codec.field === 'origin' && value === 0)) continue
    if (codec.field === 'asPath' && attributes.asPath?.length === 0) continue
    const text = codec.format(value)
    shown[codec.shownAs] = typeof text === 'string' ? text : formatList(text)
  }
  for (const { code, value } of attributes.unknown ?? [])
    shown[`attribute-${code}`] = Buffer.from(value, 'latin1').toString('hex')
  return shown
}
