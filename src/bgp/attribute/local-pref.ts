import { AttributeCode } from '../constants.ts'
import { Malformed } from '../errors.ts'
import { type AttributeCodec, WELL_KNOWN } from './codec.ts'

/** LOCAL_PREF (RFC 4271 §5.1.5): from an external peer it is dropped whatever its value (RFC 7606 §7.5). */
export const localPref: AttributeCodec<'localPref', number> = {
  code: AttributeCode.LocalPref,
  field: 'localPref',
  name: 'LOCAL_PREF',
  shownAs: 'local-preference',
  flags: WELL_KNOWN,
  onError: ({ internal }) => (internal ? 'withdraw' : 'discard'),
  decode(r, { internal }) {
    if (!internal) throw new Malformed('LOCAL_PREF from an external peer')
    return r.u32()
  },
  encode: (w, value) => w.u32(value),
  format: String,
  describe: (value) => value,
}
