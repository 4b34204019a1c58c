import type { MessageDescription } from '../../bgp/describe/description.ts'
import { lengthAt, type Piece } from '../../bgp/describe/split.ts'
import { type Note, note } from './decoded.ts'

/** The result for a piece of a stream of `length` octets: a message, described by `describe`, or a note. */
export function decodePiece(
  { kind, offset, bytes }: Piece,
  length: number,
  describe: (bytes: Buffer) => MessageDescription,
): MessageDescription | Note {
  switch (kind) {
    case 'message':
      return describe(bytes)
    case 'cut': {
      const stated = lengthAt(bytes, 0)
      const whole = stated === undefined ? 'a message' : `a message of ${stated} bytes`
      return note(`${bytes.length} bytes of ${whole}, the rest is missing`, bytes)
    }
    case 'stray': {
      const where =
        bytes.length === length
          ? 'without any marker (16 octets ff): no BGP message'
          : offset === 0
            ? 'in front of the first marker'
            : offset + bytes.length === length
              ? 'behind the last message'
              : 'skipped up to the next marker'
      return note(`${bytes.length} bytes ${where}`, bytes)
    }
  }
}
