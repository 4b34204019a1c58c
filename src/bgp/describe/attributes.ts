import { hex } from '../../values/bytes.ts'
import type { Json } from '../../values/json.ts'
import { attributeCodec } from '../attribute/index.ts'
import { AttributeCode, AttributeFlag } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { Malformed } from '../errors.ts'
import { familyName, familyOf } from '../family.ts'
import { nlriCodec } from '../nlri/index.ts'
import type { Reader } from '../wire/reader.ts'
import { attributeName } from './attribute-names.ts'
import type { AttributeDescription } from './description.ts'

const FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [AttributeFlag.Optional, 'optional'],
  [AttributeFlag.Transitive, 'transitive'],
  [AttributeFlag.Partial, 'partial'],
  [AttributeFlag.ExtendedLength, 'extended length'],
]

/** The path attributes of an UPDATE as encoded, up to where framing is lost. */
export function describeAttributes(r: Reader, session: SessionContext): AttributeDescription[] {
  const described: AttributeDescription[] = []
  try {
    while (r.remaining > 0) {
      const flags = r.u8()
      const code = r.u8()
      const length = (flags & AttributeFlag.ExtendedLength) === 0 ? r.u8() : r.u16()
      const outer = r.enter(length)
      const { pos } = r
      const value = read(r, code, session)
      described.push({
        code,
        name: attributeName(code),
        flags: FLAG_NAMES.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name),
        length,
        value,
        ...(value === null ? { bytes: r.bytes.toString('hex', pos, r.end) } : {}),
      })
      r.leave(outer)
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
  }
  return described
}

/** The value in words; null when it is unknown or malformed. */
function read(r: Reader, code: number, session: SessionContext): Json {
  if (code === AttributeCode.MpReach || code === AttributeCode.MpUnreach) return describeMp(r)
  const codec = attributeCodec(code)
  if (codec === undefined) return null
  try {
    const value = codec.decode(r, session)
    r.expectEnd()
    return codec.describe?.(value) ?? codec.format(value)
  } catch (error) {
    if (error instanceof Malformed) return null
    throw error
  }
}

/** The family, and the remaining octets where the family's routes are not decoded. */
function describeMp(r: Reader): Json {
  if (r.remaining < 3) return null
  const family = familyOf(r.u16(), r.u8())
  const name = familyName(family)
  return nlriCodec(family) !== undefined || r.remaining === 0 ? name : { family: name, unread: hex(r.rest()) }
}
