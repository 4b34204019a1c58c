import type { Octets } from '../../values/bytes.ts'
import type { JsonObject } from '../../values/json.ts'
import { Malformed } from '../errors.ts'
import type { Family } from '../family.ts'
import type { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'

/** The context of an NLRI in its message. */
export interface NlriContext {
  /** It is in MP_UNREACH_NLRI or Withdrawn Routes: its label means nothing. */
  readonly withdrawn: boolean
  /** With a PREFIX_SID attribute, the label field may be part of a SID (RFC 9252 §4). */
  readonly prefixSid: boolean
  /** With a Router's MAC, that may be the overlay index of an IP prefix route (RFC 9136 §3.2). */
  readonly routersMac: boolean
}

export const REACHABLE: NlriContext = { withdrawn: false, prefixSid: false, routersMac: false }
export const WITHDRAWN: NlriContext = { ...REACHABLE, withdrawn: true }

/** An NLRI that may not be used though its key can be read: the route under that key is withdrawn (RFC 7606 §2). */
export class RefusedNlri<N> extends Malformed {
  readonly nlri: N

  constructor(reason: string, nlri: N) {
    super(reason)
    this.nlri = nlri
  }
}

/** Octets that most keys fit into. */
const KEY_CAPACITY = 64

/** The routes of one family as data. Keys follow the RFC, not the bytes: they omit fields that may change without a withdraw. */
export interface NlriCodec<N> {
  readonly family: Family
  /** Octets of the next NLRI, its own length field included. Throws `Malformed` when it cannot be framed. */
  measure(reader: Reader): number
  /** Reads one NLRI, up to the reader's bound. Throws `Malformed` when that NLRI alone is wrong, `RefusedNlri` where its key can be read. */
  decode(reader: Reader, context: NlriContext): N
  encode(writer: Writer, nlri: N): void
  /** The form to withdraw it in, where that differs. */
  withdrawal?(nlri: N): N
  /** Writes the key: equal for two NLRI when one replaces the other; unique within the family. */
  writeKey(writer: Writer, nlri: N): void
  /** One line for the looking glass. */
  format(nlri: N): string
  /** The route's parts by name, in snake_case; null is none. */
  fields(nlri: N): JsonObject
}

/** For the keys of many NLRI, one after the other. */
export function keyWriter(): Writer {
  return new Writer(KEY_CAPACITY)
}

/** The key of one NLRI. */
export function keyOf<N>(codec: NlriCodec<N>, nlri: N): Octets {
  const writer = keyWriter()
  codec.writeKey(writer, nlri)
  return writer.string()
}
