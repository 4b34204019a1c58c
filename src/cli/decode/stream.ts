import type { SessionContext } from '../../bgp/context.ts'
import { DEFAULT_CONTEXT } from '../../bgp/context.ts'
import { describeMessage } from '../../bgp/describe/index.ts'
import { isInternalBy } from '../../bgp/describe/session-kind.ts'
import { split } from '../../bgp/describe/split.ts'
import type { Decoded, Location } from './decoded.ts'
import { decodePiece } from './piece.ts'

/**
 * Decodes consecutive messages with the same session parameters. Where these do not say whether the session is
 * internal, the first UPDATE that shows it decides.
 */
export function* decodeStream(
  stream: Buffer,
  overrides: Partial<SessionContext>,
  place: Location = {},
): Iterable<Decoded> {
  let internal = overrides.internal ?? null
  for (const piece of split(stream)) {
    if (piece.kind === 'message') internal ??= isInternalBy(piece.bytes, { ...DEFAULT_CONTEXT, ...overrides })
    const session = { ...DEFAULT_CONTEXT, ...overrides, internal: internal ?? DEFAULT_CONTEXT.internal }
    const content = decodePiece(piece, stream.length, (bytes) => describeMessage(bytes, session))
    yield { ...place, offset: piece.offset, ...content }
  }
}
