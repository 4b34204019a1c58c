import { HEADER_LENGTH, MARKER_LENGTH } from '../constants.ts'

/** A part of a byte stream: one message from its marker on, an incomplete one, or bytes outside of messages. */
export interface Piece {
  readonly kind: 'message' | 'cut' | 'stray'
  readonly offset: number
  readonly bytes: Buffer
}

const MARKER = Buffer.alloc(MARKER_LENGTH, 0xff)

/**
 * Splits a byte stream into messages; every byte is in exactly one piece. After a wrong length it continues at the next marker,
 * so that one bad message does not hide those behind it.
 */
export function* split(stream: Buffer): Iterable<Piece> {
  let pos = 0
  while (pos < stream.length) {
    const start = pos
    if (!isMarker(stream, pos)) {
      pos = nextMarker(stream, pos)
      yield { kind: 'stray', offset: start, bytes: stream.subarray(start, pos) }
      continue
    }
    const length = lengthAt(stream, pos)
    const following = nextMarker(stream, pos + HEADER_LENGTH)
    if (length === undefined) pos = stream.length
    else if (length < HEADER_LENGTH) pos = following
    else if (isMarker(stream, pos + length) || following >= pos + length)
      pos = Math.min(pos + length, stream.length)
    else pos = following
    const whole = length !== undefined && (length < HEADER_LENGTH || length === pos - start)
    yield { kind: whole ? 'message' : 'cut', offset: start, bytes: stream.subarray(start, pos) }
  }
}

/** The length in the header at `pos`; undefined when the header is incomplete. */
export function lengthAt(stream: Buffer, pos: number): number | undefined {
  return pos + HEADER_LENGTH > stream.length ? undefined : stream.readUInt16BE(pos + MARKER_LENGTH)
}

/** Whether a message starts at `pos`, as far as the stream goes; the stream's end counts as one. */
function isMarker(stream: Buffer, pos: number): boolean {
  if (pos > stream.length) return false
  const end = Math.min(stream.length, pos + MARKER_LENGTH)
  return stream.compare(MARKER, 0, end - pos, pos, end) === 0
}

/** Where the next marker starts; of more than 16 octets of ones the last count, since a length rarely starts with ones. */
function nextMarker(stream: Buffer, from: number): number {
  let at = stream.indexOf(MARKER, from)
  if (at < 0) return stream.length
  while (stream[at + MARKER_LENGTH] === 0xff) at++
  return at
}
