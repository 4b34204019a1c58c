import type { SessionContext } from '../../bgp/context.ts'
import { DEFAULT_CONTEXT } from '../../bgp/context.ts'
import { describeMessage } from '../../bgp/describe/index.ts'
import { split } from '../../bgp/describe/split.ts'
import type { Decoded, Place } from './decoded.ts'
import { decodePiece } from './piece.ts'

/** Decodes messages that stand behind each other, all to be read with the same session facts. */
export function* decodeStream(
  stream: Buffer,
  facts: Partial<SessionContext>,
  place: Place = {},
): Iterable<Decoded> {
  const session = { ...DEFAULT_CONTEXT, ...facts }
  for (const piece of split(stream)) {
    const content = decodePiece(piece, stream.length, (bytes) => describeMessage(bytes, session))
    yield { ...place, offset: piece.offset, ...content }
  }
}
