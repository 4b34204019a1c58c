import type { Json } from '../../values/json.ts'
import { AttributeFlag } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { Malformed, type Severity } from '../errors.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'

export const WELL_KNOWN: number = AttributeFlag.Transitive
export const OPTIONAL_TRANSITIVE: number = AttributeFlag.Optional | AttributeFlag.Transitive
export const OPTIONAL_NON_TRANSITIVE: number = AttributeFlag.Optional

/** One path attribute as data; the loops of `index.ts` own headers, duplicates, flags and unknown codes. */
export interface AttributeCodec<F extends string, V> {
  readonly code: number
  /** Its name in `Attributes`. */
  readonly field: F
  /** The name in IANA "BGP Path Attributes". */
  readonly name: string
  /** The name in the looking glass, that of bagpipe-bgp where it has the attribute. */
  readonly shownAs: string
  /** The Optional and Transitive bits it must carry. */
  readonly flags: number
  /** Reaction to a malformed one (RFC 7606 §7). */
  onError(context: SessionContext): Severity
  /** Reads the value, up to the reader's bound. Throws `Malformed`. */
  decode(reader: Reader, context: SessionContext): V
  encode(writer: Writer, value: V, context: SessionContext): void
  /** The text in the looking glass, or that of each item of a list. */
  format(value: V): string | readonly string[]
  /** The value in a description of the message, where that shows more than `format`. */
  describe?(value: V): Json
}

export const withdraw = (): Severity => 'withdraw'
export const discard = (): Severity => 'discard'

/** Reads items of `size` octets until the bound; an empty or uneven list is malformed (RFC 7606 §7.8). */
export function readList<T>(reader: Reader, size: number, item: (reader: Reader) => T): T[] {
  if (reader.remaining === 0 || reader.remaining % size !== 0) {
    throw new Malformed(`length ${reader.remaining} is not a positive multiple of ${size}`)
  }
  return Array.from({ length: reader.remaining / size }, () => item(reader))
}

export function formatList(items: readonly string[]): string {
  return `[ ${items.join(' ')} ]`
}
