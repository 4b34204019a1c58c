import { AttributeCode, Origin, UpdateSubcode } from '../constants.ts'
import { Malformed } from '../errors.ts'
import { type AttributeCodec, WELL_KNOWN, withdraw } from './codec.ts'

/** ORIGIN (RFC 4271 §5.1.1). */
export const origin: AttributeCodec<'origin', number> = {
  code: AttributeCode.Origin,
  field: 'origin',
  name: 'ORIGIN',
  shownAs: 'origin',
  flags: WELL_KNOWN,
  onError: withdraw,
  decode(r) {
    const value = r.u8()
    if (value > Origin.Incomplete)
      throw new Malformed(`undefined value ${value}`, UpdateSubcode.InvalidOrigin)
    return value
  },
  encode: (w, value) => w.u8(value),
  format: (value) => ['igp', 'egp', 'incomplete'][value] ?? String(value),
}
