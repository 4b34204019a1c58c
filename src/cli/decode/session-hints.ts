import { MAX_EXTENDED_MESSAGE_LENGTH } from '../../bgp/constants.ts'
import type { SessionContext } from '../../bgp/context.ts'
import { FAMILIES } from '../../bgp/describe/families.ts'
import { suggest } from '../../config/suggest.ts'
import { CliError } from '../command.ts'

/** Session parameters from the operator; undefined ones are taken from the OPENs. */
export interface SessionHints {
  readonly as4?: boolean | undefined
  readonly internal?: boolean | undefined
  readonly extended?: boolean | undefined
  readonly addPath?: readonly string[] | undefined
}

/** The same in the types of the decoders. Throws `CliError` when a family has no such name. */
export function contextOf({ as4, internal, extended, addPath }: SessionHints): Partial<SessionContext> {
  return {
    ...(as4 === undefined ? {} : { fourOctetAs: as4 }),
    ...(internal === undefined ? {} : { internal }),
    ...(extended ? { maxMessageLength: MAX_EXTENDED_MESSAGE_LENGTH } : {}),
    ...(addPath === undefined ? {} : { addPathReceive: new Set(addPath.map(familyNamed)) }),
  }
}

function familyNamed(name: string): number {
  const family = FAMILIES.get(name)
  if (family !== undefined) return family
  const guess = suggest(name, FAMILIES.keys())
  const hint = guess === undefined ? `one of ${[...FAMILIES.keys()].join(', ')}` : `did you mean ${guess}?`
  throw new CliError(`unknown family ${name} (${hint})`)
}
