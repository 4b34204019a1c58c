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

/** The header and the two length fields of an UPDATE. */
const OVERHEAD = HEADER_LENGTH + 2 + 2

/**
 * Appends UPDATEs that advertise `nlri` with these attributes, as many to a message as fit; MP_REACH_NLRI comes first
 * (RFC 7606 §5.1). Returns how many UPDATEs; NLRI that fit no message are left out and passed to `unfit` by their index.
 */
export function writeReach(
  w: Writer,
  family: Family,
  nextHop: Ip | null,
  nlri: readonly Nlri[],
  attributes: Attributes,
  session: SessionContext,
  unfit: (index: number) => void = cannotFit,
): number {
  const shared = new Writer(256)
  encodeAttributes(shared, attributes, session)
  const codec = nlriCodec(family)!
  return pack(w, nlri, session.maxMessageLength - OVERHEAD - shared.length, {
    head: (body) => writeMpReachHead(body, family, nextHop),
    item: (body, one) => codec.encode(body, one),
    code: AttributeCode.MpReach,
    tail: () => w.bytes(shared.view()),
    unfit,
  })
}

/** Appends UPDATEs that withdraw `nlri`, encoded as given; returns how many. */
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
    unfit: cannotFit,
  })
}

function cannotFit(index: number): never {
  throw new RangeError(`NLRI ${index} fits no message`)
}

/** Appends the End-of-RIB of a family (RFC 4724 §2). */
export function writeEndOfRib(w: Writer, family: Family): void {
  writeUpdate(w, () => {
    if (family === IPV4_UNICAST) return
    writeAttribute(w, AttributeFlag.Optional, AttributeCode.MpUnreach, () => writeMpUnreachHead(w, family))
  })
}

interface UpdateLayout {
  readonly head: (body: Writer) => void
  readonly item: (body: Writer, nlri: Nlri) => void
  readonly code: number
  readonly tail: () => void
  readonly unfit: (index: number) => void
}

/** Fills MP attributes that take at most `room` octets. */
function pack(w: Writer, nlri: readonly Nlri[], room: number, layout: UpdateLayout): number {
  const { head, item, code, tail, unfit } = layout
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
      if (attributeLength(body.length) > room) {
        body.truncate(before)
        break
      }
      next++
    }
    if (next === first) {
      unfit(next++)
      continue
    }
    writeUpdate(w, () => {
      writeAttribute(w, AttributeFlag.Optional, code, () => w.bytes(body.view()))
      tail()
    })
    updates++
  }
  return updates
}

/** Octets of an attribute, with its header, whose value has `length`. */
const attributeLength = (length: number): number => length + (length > 0xff ? 4 : 3)

function writeUpdate(w: Writer, attributes: () => void): void {
  writeMessage(w, MessageType.Update, () => {
    w.u16(0)
    const length = w.reserve(2)
    attributes()
    w.patch(length, 2)
  })
}
