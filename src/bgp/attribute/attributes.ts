import type { AttributeCodec } from './codec.ts'
import { attributeCodecs } from './table.ts'
import type { UnknownAttribute } from './values.ts'

export {
  type Aggregator,
  type AsSegment,
  AsSegmentType,
  type PmsiTunnel,
  type Tlv,
  type UnknownAttribute,
} from './values.ts'

type Codec = (typeof attributeCodecs)[number]
type CodecValue<C> = C extends AttributeCodec<string, infer V> ? V : never

/** The name of an attribute in `Attributes`. */
export type AttributeField = Codec['field']

/**
 * The path attributes of a route, apart from those that carry NLRI. Absent ones are null. Records are made by
 * `noAttributes` so that all have one shape.
 */
export type Attributes = {
  [F in AttributeField]: CodecValue<Extract<Codec, { readonly field: F }>> | null
} & {
  /** Optional transitive attributes that are not decoded, to be passed on. */
  unknown: readonly UnknownAttribute[] | null
  /** The codes of decoded attributes that a speaker on the way did not know: their partial bit stays set (RFC 4271 §5). */
  partial: readonly number[] | null
}

const NONE = {
  ...Object.fromEntries(attributeCodecs.map(({ field }) => [field, null])),
  unknown: null,
  partial: null,
} as Attributes

export function noAttributes(): Attributes {
  return { ...NONE }
}
