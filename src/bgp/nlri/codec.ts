import type { JsonObject } from '../../values/json.ts'
import { Malformed } from '../errors.ts'
import type { Family } from '../family.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'

/** What the message around an NLRI tells about it. */
export interface NlriContext {
  /** It stands in MP_UNREACH_NLRI or Withdrawn Routes: its label means nothing. */
  readonly withdrawn: boolean
  /** A PREFIX_SID attribute goes along: the label field may be part of a SID (RFC 9252 §4). */
  readonly prefixSid: boolean
  /** A Router's MAC goes along: it may be the overlay index of an IP prefix route (RFC 9136 §3.2). */
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
export const KEY_CAPACITY = 64

/** The routes of one family as data. Keys follow the RFC, not the bytes: what may change without a withdraw is left out. */
export interface NlriCodec<N> {
  readonly family: Family
  /** Octets of the next NLRI, its own length field included. Throws `Malformed` when it cannot be framed. */
  measure(reader: Reader): number
  /** Reads one NLRI, up to the reader's bound. Throws `Malformed` when that NLRI alone is wrong, `RefusedNlri` where its key can be read. */
  decode(reader: Reader, context: NlriContext): N
  encode(writer: Writer, nlri: N): void
  /** The form to withdraw it in, where that differs. */
  withdrawal?(nlri: N): N
  /** Equal for two NLRI when one replaces the other; unique within the family. Whoever makes many hands in what to write them with. */
  key(nlri: N, w?: Writer): string
  /** One line for the looking glass. */
  format(nlri: N): string
  /** The route's parts by name, in snake_case; null is none. */
  fields(nlri: N): JsonObject
}
