import { AttributeCode } from '../constants.ts'
import { type AttributeCodec, OPTIONAL_NON_TRANSITIVE, withdraw } from './codec.ts'

/** MULTI_EXIT_DISC (RFC 4271 §5.1.4). */
export const multiExitDisc: AttributeCodec<'multiExitDisc', number> = {
  code: AttributeCode.MultiExitDisc,
  field: 'multiExitDisc',
  name: 'MULTI_EXIT_DISC',
  shownAs: 'med',
  flags: OPTIONAL_NON_TRANSITIVE,
  onError: withdraw,
  decode: (r) => r.u32(),
  encode: (w, value) => w.u32(value),
  format: String,
  describe: (value) => value,
}
