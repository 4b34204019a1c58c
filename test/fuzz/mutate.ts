import { HEADER_LENGTH, MARKER_LENGTH, MessageType } from '../../src/bgp/constants.ts'
import type { Random } from './random.ts'

/** Longer inputs teach nothing that shorter ones do not. */
const MAX_LENGTH = 20_000

const INTERESTING = [0, 1, 2, 3, 4, 8, 16, 24, 31, 32, 33, 47, 48, 64, 96, 127, 128, 129, 239, 240, 254, 255]

/** A change of bytes that knows nothing of what they mean. */
export function mutateBytes(bytes: Buffer, random: Random, other: Buffer): Buffer {
  const at = random.below(bytes.length)
  const length = Math.min(1 + random.below(random.oneIn(4) ? 64 : 6), bytes.length - at)
  const head = bytes.subarray(0, at)
  switch (random.below(bytes.length === 0 ? 2 : 9)) {
    case 0:
      return Buffer.concat([head, random.bytes(1 + random.below(8)), bytes.subarray(at)])
    case 1: {
      const from = random.below(other.length)
      return Buffer.concat([head, other.subarray(from, from + 1 + random.below(40)), bytes.subarray(at)])
    }
    case 2:
      return changed(bytes, at, bytes[at]! ^ (1 << random.below(8)))
    case 3:
      return changed(bytes, at, random.pick(INTERESTING))
    case 4:
      return changed(bytes, at, bytes[at]! + (random.oneIn(2) ? 1 : -1) * (1 + random.below(4)))
    case 5:
      return Buffer.concat([head, bytes.subarray(at + length)])
    case 6:
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)])
    case 7: {
      const copy = Buffer.from(bytes)
      other.copy(copy, at, random.below(other.length))
      return copy
    }
    default:
      return random.oneIn(2) ? Buffer.from(head) : changed(bytes, at, random.next())
  }
}

function changed(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = value & 0xff
  return copy
}

/** A piece of a message behind a code and a length. */
interface Piece {
  readonly flags: number
  readonly code: number
  readonly value: Buffer
}

/** A changed message, mostly one whose lengths are right again; parts may come from another message. */
export function mutateMessage(message: Buffer, random: Random, other: Buffer): Buffer {
  if (message.length < HEADER_LENGTH || random.oneIn(12)) return mutateBytes(message, random, other)
  const type = message[HEADER_LENGTH - 1]!
  let mutant: Buffer
  if (random.oneIn(4)) mutant = rebuild(message, mutateBytes(body(message), random, body(other)))
  else if (type === MessageType.Update) mutant = mutateUpdate(message, random, other)
  else if (type === MessageType.Open) mutant = mutateOpen(message, random, other)
  else mutant = rebuild(message, mutateBytes(body(message), random, body(other)))
  return mutant.length > MAX_LENGTH ? Buffer.from(message) : mutant
}

const body = (message: Buffer): Buffer => message.subarray(Math.min(HEADER_LENGTH, message.length))

/** The header of a message around another body, with the length right. */
function rebuild(message: Buffer, content: Buffer): Buffer {
  const whole = Buffer.concat([message.subarray(0, HEADER_LENGTH), content])
  if (whole.length <= 0xffff) whole.writeUInt16BE(whole.length, MARKER_LENGTH)
  return whole
}

const EXTENDED = 0x10

/** The pieces that `bytes` hold, as far as their lengths can be followed. */
function attributesOf(bytes: Buffer): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at + 3 <= bytes.length; ) {
    const flags = bytes[at]!
    const extended = (flags & EXTENDED) !== 0 && at + 4 <= bytes.length
    const length = extended ? bytes.readUInt16BE(at + 2) : bytes[at + 2]!
    const start = at + (extended ? 4 : 3)
    pieces.push({ flags, code: bytes[at + 1]!, value: bytes.subarray(start, start + length) })
    at = start + length
  }
  return pieces
}

function writeAttributes(pieces: readonly Piece[]): Buffer {
  return Buffer.concat(
    pieces.flatMap(({ flags, code, value }) => {
      const extended = (flags & EXTENDED) !== 0 || value.length > 255
      const head = extended
        ? Buffer.of(flags | EXTENDED, code, value.length >>> 8, value.length & 0xff)
        : Buffer.of(flags, code, value.length)
      return [head, value]
    }),
  )
}

interface UpdateFields {
  readonly withdrawn: Buffer
  readonly attributes: readonly Piece[]
  readonly nlri: Buffer
}

function fieldsOf(message: Buffer): UpdateFields {
  const content = body(message)
  const withdrawnLength = content.length >= 2 ? content.readUInt16BE(0) : 0
  const withdrawn = content.subarray(2, 2 + withdrawnLength)
  const rest = content.subarray(2 + withdrawnLength)
  const attributesLength = rest.length >= 2 ? rest.readUInt16BE(0) : 0
  const attributes = attributesOf(rest.subarray(2, 2 + attributesLength))
  return { withdrawn, attributes, nlri: rest.subarray(2 + attributesLength) }
}

function mutateUpdate(message: Buffer, random: Random, other: Buffer): Buffer {
  const { withdrawn, attributes, nlri } = fieldsOf(message)
  const donor =
    other[HEADER_LENGTH - 1] === MessageType.Update ? fieldsOf(other) : { attributes: [], nlri: other }
  const part = random.below(10)
  let fields: UpdateFields
  if (part === 0) fields = { withdrawn: mutateBytes(withdrawn, random, donor.nlri), attributes, nlri }
  else if (part === 1) fields = { withdrawn, attributes, nlri: mutateBytes(nlri, random, donor.nlri) }
  else fields = { withdrawn, attributes: mutatePieces(attributes, random, donor.attributes), nlri }
  const encoded = writeAttributes(fields.attributes)
  if (encoded.length > 0xffff || fields.withdrawn.length > 0xffff) return message
  const lengths = [Buffer.alloc(2), Buffer.alloc(2)] as const
  lengths[0].writeUInt16BE(fields.withdrawn.length)
  lengths[1].writeUInt16BE(encoded.length)
  return rebuild(message, Buffer.concat([lengths[0], fields.withdrawn, lengths[1], encoded, fields.nlri]))
}

function mutatePieces(pieces: readonly Piece[], random: Random, donors: readonly Piece[]): Piece[] {
  const list = [...pieces]
  const at = random.below(list.length)
  const piece = list[at]
  const donor = random.pick(donors)
  if (piece === undefined) return donor === undefined ? [] : [donor]
  switch (random.below(10)) {
    case 0:
      list.splice(at, 1)
      break
    case 1:
      list.splice(at, 0, donor ?? piece)
      break
    case 2:
      list[at] = { ...piece, code: random.oneIn(3) ? random.next() & 0xff : random.below(41) }
      break
    case 3:
      list[at] = { ...piece, flags: random.next() & 0xff }
      break
    case 4: {
      const to = random.below(list.length)
      list[at] = list[to]!
      list[to] = piece
      break
    }
    case 5:
      if (donor !== undefined) list[at] = { ...piece, value: donor.value }
      break
    default:
      list[at] = { ...piece, value: mutateBytes(piece.value, random, donor?.value ?? piece.value) }
  }
  return list
}

const FIXED_OPEN = 9

function mutateOpen(message: Buffer, random: Random, other: Buffer): Buffer {
  const content = body(message)
  const fixed = content.subarray(0, FIXED_OPEN)
  const pieces = capabilitiesOf(content.subarray(FIXED_OPEN))
  const donors =
    other[HEADER_LENGTH - 1] === MessageType.Open ? capabilitiesOf(body(other).subarray(FIXED_OPEN)) : []
  const list = mutatePieces(pieces, random, donors).map(({ code, value }) =>
    Buffer.concat([Buffer.of(code, Math.min(value.length, 255)), value.subarray(0, 255)]),
  )
  const encoded = Buffer.concat(list)
  if (encoded.length < 254 && !random.oneIn(8))
    return rebuild(message, Buffer.concat([fixed, Buffer.of(encoded.length + 2, 2, encoded.length), encoded]))
  const head = Buffer.of(255, 255, 0, 0, 2, 0, 0)
  head.writeUInt16BE(Math.min(encoded.length + 3, 0xffff), 2)
  head.writeUInt16BE(Math.min(encoded.length, 0xffff), 5)
  return rebuild(message, Buffer.concat([fixed, head, encoded]))
}

/** The capabilities of optional parameters with lengths of one octet. */
function capabilitiesOf(parameters: Buffer): Piece[] {
  const pieces: Piece[] = []
  for (let parameter = 1; parameter + 2 <= parameters.length; ) {
    const end = Math.min(parameter + 2 + parameters[parameter + 1]!, parameters.length)
    for (let at = parameter + 2; at + 2 <= end; ) {
      const length = parameters[at + 1]!
      pieces.push({ flags: 0, code: parameters[at]!, value: parameters.subarray(at + 2, at + 2 + length) })
      at += 2 + length
    }
    parameter = end
  }
  return pieces
}
