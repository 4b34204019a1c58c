import { type ConfigFinding, type FindingCode, finding } from './finding.ts'
import type { Assignment } from './ini.ts'
import { type Known, optionsIn } from './known.ts'

/** The error that a value which is given to an option cannot be used; it is shown unless it may be a secret. */
export function wrongValue(
  known: Known,
  section: string,
  option: string,
  assignment: Assignment,
  why: string,
  code: FindingCode = 'wrong-value',
): ConfigFinding {
  const { allowed, isSecret } = optionsIn(known, section).get(option)!
  const value = isSecret(assignment.value) ? null : assignment.value
  const shown = value === null ? '(not shown)' : JSON.stringify(value)
  const text = `[${section}] ${option} = ${shown}: ${why}`
  return finding('error', code, assignment, text, { section, option, value, allowed })
}
