import { AS_TRANS, AttributeCode, UpdateSubcode } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { Malformed } from '../errors.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
import { type AttributeCodec, discard, OPTIONAL_TRANSITIVE, WELL_KNOWN, withdraw } from './codec.ts'
import { type AsSegment, AsSegmentType } from './values.ts'

/** AS_PATH (RFC 4271 §5.1.2, RFC 6793): with the AS number size of the session. */
export const asPath: AttributeCodec<'asPath', readonly AsSegment[]> = {
  code: AttributeCode.AsPath,
  field: 'asPath',
  name: 'AS_PATH',
  shownAs: 'as-path',
  flags: WELL_KNOWN,
  onError: withdraw,
  decode: (r, context) => readSegments(r, context.fourOctetAs, context.internal),
  encode: (w, segments, context) => writeSegments(w, segments, context.fourOctetAs),
  format: (segments) => segments.flatMap(formatSegment),
}

/** AS4_PATH (RFC 6793 §3); malformed ones are dropped, and so are confederation segments (§6). */
export const as4Path: AttributeCodec<'as4Path', readonly AsSegment[]> = {
  code: AttributeCode.As4Path,
  field: 'as4Path',
  name: 'AS4_PATH',
  shownAs: 'as4-path',
  flags: OPTIONAL_TRANSITIVE,
  onError: discard,
  decode: (r) => readSegments(r, true, true).filter(isSequence),
  encode: (w, segments) => writeSegments(w, segments, true),
  format: asPath.format,
}

function readSegments(r: Reader, wide: boolean, internal: boolean): AsSegment[] {
  const segments: AsSegment[] = []
  while (r.remaining > 0) {
    const type = r.u8()
    const count = r.u8()
    if (type < AsSegmentType.Set || type > AsSegmentType.ConfedSet)
      throw malformed(`unknown segment type ${type}`)
    if (type >= AsSegmentType.ConfedSequence && !internal)
      throw malformed('confederation segment from an external peer')
    // A set of AS numbers withdraws the route in AS4_PATH too (RFC 9774 §3).
    if (type === AsSegmentType.Set || type === AsSegmentType.ConfedSet)
      throw new Malformed('set of AS numbers', UpdateSubcode.MalformedAsPath, 'withdraw')
    if (count === 0) throw malformed('empty segment')
    if (count * (wide ? 4 : 2) > r.remaining)
      throw malformed(`segment of ${count} AS numbers, ${r.remaining} bytes left`)
    const asns: number[] = []
    for (let i = 0; i < count; i++) asns.push(wide ? r.u32() : r.u16())
    if (asns.includes(0)) throw malformed('AS 0 (RFC 7607)')
    segments.push({ type, asns })
  }
  return segments
}

function malformed(reason: string): Malformed {
  return new Malformed(reason, UpdateSubcode.MalformedAsPath)
}

function writeSegments(w: Writer, segments: readonly AsSegment[], wide: boolean): void {
  for (const { type, asns } of segments) {
    w.u8(type)
    w.u8(asns.length)
    for (const as of asns) {
      if (wide) w.u32(as)
      else w.u16(as > 0xffff ? AS_TRANS : as)
    }
  }
}

function formatSegment({ type, asns }: AsSegment): string | string[] {
  return type === AsSegmentType.ConfedSequence ? `( ${asns.join(' ')} )` : asns.map(String)
}

/** AS hops as RFC 4271 §9.1.2.2 counts them: confederation segments are none (RFC 5065 §5.3). */
export function asPathLength(segments: readonly AsSegment[]): number {
  let length = 0
  for (const segment of segments) if (isSequence(segment)) length += segment.asns.length
  return length
}

/** The path with `as` in front, in a sequence with a free slot (RFC 4271 §5.1.2). */
export function prependAs(segments: readonly AsSegment[], as: number): readonly AsSegment[] {
  const [first, ...others] = segments
  if (first?.type === AsSegmentType.Sequence && first.asns.length < 255) {
    return [{ type: AsSegmentType.Sequence, asns: [as, ...first.asns] }, ...others]
  }
  return [{ type: AsSegmentType.Sequence, asns: [as] }, ...segments]
}

/** The AS4_PATH that has to accompany AS_PATH on a session without 4-octet AS numbers; null when AS_PATH is complete. */
export function as4PathFor(
  segments: readonly AsSegment[] | null,
  context: SessionContext,
): readonly AsSegment[] | null {
  if (context.fourOctetAs || segments === null) return null
  if (!segments.some(({ asns }) => asns.some((as) => as > 0xffff))) return null
  return segments.filter(isSequence)
}

const isSequence = ({ type }: AsSegment): boolean => type === AsSegmentType.Sequence

/** Puts AS4_PATH behind the part of AS_PATH that only 2-octet speakers wrote (RFC 6793 §4.2.3). */
export function mergeAs4Path(path: readonly AsSegment[], path4: readonly AsSegment[]): readonly AsSegment[] {
  let surplus = asPathLength(path) - asPathLength(path4)
  if (surplus < 0) return path
  const head: AsSegment[] = []
  for (const segment of path) {
    if (!isSequence(segment)) {
      head.push(segment)
      continue
    }
    if (surplus === 0) break
    const taken = segment.asns.slice(0, surplus)
    head.push({ type: segment.type, asns: taken })
    surplus -= taken.length
  }
  return [...head, ...path4]
}
