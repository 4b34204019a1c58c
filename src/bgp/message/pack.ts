import type { Ip } from '../../values/address.ts'
import type { Attributes } from '../attribute/attributes.ts'
import { encodeAttributes, writeAttribute } from '../attribute/index.ts'
import { writeMpReachHead, writeMpUnreachHead } from '../attribute/mp.ts'
import { AttributeCode, AttributeFlag, HEADER_LENGTH, MessageType } from '../constants.ts'
import type { SessionContext } from '../context.ts'
import { type Family, IPV4_UNICAST } from '../family.ts'
import { type Nlri, nlriCodec } from '../nlri/index.ts'
import { Writer } from '../wire/writer.ts'
import { writeMessage } from './header.ts'

/** The two length fields of an UPDATE and the longest header of an MP attribute. */
const OVERHEAD = HEADER_LENGTH + 2 + 2 + 4

/**
 * Appends UPDATEs that announce `nlri` with these attributes, as many to a message as fit; MP_REACH_NLRI comes first
 * (RFC 7606 §5.1). Returns how many UPDATEs; throws RangeError when the attributes leave no room for NLRI.
 */
export function writeReach(
  w: Writer,
  family: Family,
  nextHop: Ip | null,
  nlri: readonly Nlri[],
  attributes: Attributes,
  session: SessionContext,
): number {
  const shared = new Writer(256)
  encodeAttributes(shared, attributes, session)
  const codec = nlriCodec(family)!
  return pack(w, nlri, session.maxMessageLength - OVERHEAD - shared.length, {
    head: (body) => writeMpReachHead(body, family, nextHop),
    item: (body, one) => codec.encode(body, one),
    code: AttributeCode.MpReach,
    tail: () => w.bytes(shared.view()),
  })
}

/** Appends UPDATEs that withdraw `nlri`, each in the form it is given; returns how many. */
export function writeUnreach(
  w: Writer,
  family: Family,
  nlri: readonly Nlri[],
  session: SessionContext,
): number {
  const codec = nlriCodec(family)!
  return pack(w, nlri, session.maxMessageLength - OVERHEAD, {
    head: (body) => writeMpUnreachHead(body, family),
    item: (body, one) => codec.encode(body, one),
    code: AttributeCode.MpUnreach,
    tail() {},
  })
}

/** Appends the End-of-RIB of a family (RFC 4724 §2). */
export function writeEndOfRib(w: Writer, family: Family): void {
  writeUpdate(w, () => {
    if (family === IPV4_UNICAST) return
    writeAttribute(w, AttributeFlag.Optional, AttributeCode.MpUnreach, () => writeMpUnreachHead(w, family))
  })
}

interface Layout {
  readonly head: (body: Writer) => void
  readonly item: (body: Writer, nlri: Nlri) => void
  readonly code: number
  readonly tail: () => void
}

/** Fills bodies of at most `room` octets; throws RangeError when not even one NLRI fits. */
function pack(w: Writer, nlri: readonly Nlri[], room: number, { head, item, code, tail }: Layout): number {
  const body = new Writer()
  let next = 0
  let updates = 0
  while (next < nlri.length) {
    body.reset()
    head(body)
    const first = next
    while (next < nlri.length) {
      const before = body.length
      item(body, nlri[next]!)
      if (body.length > room) {
        body.truncate(before)
        break
      }
      next++
    }
    if (next === first) throw new RangeError(`attributes leave no room for one NLRI in ${room} octets`)
    writeUpdate(w, () => {
      writeAttribute(w, AttributeFlag.Optional, code, () => w.bytes(body.view()))
      tail()
    })
    updates++
  }
  return updates
}

function writeUpdate(w: Writer, attributes: () => void): void {
  writeMessage(w, MessageType.Update, () => {
    w.u16(0)
    const length = w.reserve(2)
    attributes()
    w.patch(length, 2)
  })
}
