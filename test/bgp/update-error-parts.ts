import { DEFAULT_CONTEXT, type SessionContext } from '../../src/bgp/context.ts'
import { AS_PATH, LOCAL_PREF, MP_REACH, ORIGIN, TARGET } from '../support/update-bytes.ts'

export const EXTERNAL: SessionContext = { ...DEFAULT_CONTEXT, internal: false }
export const TWO_OCTETS: SessionContext = { ...DEFAULT_CONTEXT, fourOctetAs: false }

export const MALFORMED = 1
export const UNKNOWN_WELL_KNOWN = 2
export const MISSING = 3
export const FLAGS = 4
export const LENGTH = 5
export const BAD_ORIGIN = 6
export const OPTIONAL = 9
export const NETWORK = 10
export const BAD_AS_PATH = 11

/** With everything that an EVPN route needs besides the attribute in question. */
export const around = (broken: string, without = ''): string =>
  (MP_REACH + ORIGIN + AS_PATH + LOCAL_PREF + TARGET).replace(without, '') + broken

type Verdict = 'withdraw' | 'discard' | 'reset' | null
export type Case = readonly [
  name: string,
  message: Buffer,
  verdict: Verdict,
  attribute: number | null,
  subcode: number | null,
  context: SessionContext,
]

export type ShortCase = readonly [
  name: string,
  message: Buffer,
  verdict: Verdict,
  attribute: number | null,
  subcode: number | null,
]
