import { ensure } from '../values/map.ts'
import { type ConfigFinding, finding, type Position } from './finding.ts'
import type { Assignment, ConfigText, SectionHeader } from './ini.ts'
import { type FoundSection, findOption, findSection, type Known, optionsIn } from './known.ts'
import type { About } from './option.ts'
import { resolveReferences } from './references.ts'
import { suggest } from './suggest.ts'

/** Assignments by section and option, with what their references stand for; the names of peer sections are normalised. */
export type Given = ReadonlyMap<string, ReadonlyMap<string, Assignment>>

export interface LocatedOptions {
  readonly given: Given
  /** Unknown, deprecated and unused names, and references to unknown ones. */
  readonly findings: readonly ConfigFinding[]
  /** The first header of each section. */
  readonly headers: ReadonlyMap<string, Position>
}

/** Finds the option of each assignment, of which later ones win. One in a misspelled section is taken as it is meant, besides the error. */
export function locate(known: Known, text: ConfigText): LocatedOptions {
  const { headers, findings: ofSections } = locateSections(known, text.headers)
  const { given: written, findings: ofOptions } = locateOptions(known, text.assignments)
  const { given, findings: ofValues } = resolveReferences(known, written)
  return { given, headers, findings: [...ofSections, ...ofOptions, ...ofValues] }
}

function locateSections(known: Known, written: readonly SectionHeader[]) {
  const headers = new Map<string, Position>()
  const findings: ConfigFinding[] = []
  for (const header of written) {
    const found = findSection(known, header.section)
    if (found === 'other') continue
    if (found === 'unknown' || found.isMisspelled) findings.push(unknownSection(header, found))
    if (found !== 'unknown' && !headers.has(found.section)) headers.set(found.section, header)
  }
  return { headers, findings }
}

function locateOptions(known: Known, assignments: readonly Assignment[]) {
  const given = new Map<string, Map<string, Assignment>>()
  const findings: ConfigFinding[] = []
  const misspelled: Misspelling[] = []
  for (const assignment of assignments) {
    const found = findSection(known, assignment.section)
    findings.push(...sectionRemarks(assignment, found))
    if (found === 'other' || found === 'unknown') continue
    const { section } = found
    const match = findOption(optionsIn(known, section), assignment.option)
    if (match === undefined) {
      misspelled.push({ section, assignment })
      continue
    }
    const options = ensure(given, section, () => new Map<string, Assignment>())
    const [kept, dropped] = ranked(match.option, options.get(match.option), assignment)
    findings.push(...remarks(section, assignment, match), ...repetition(section, dropped, kept))
    options.set(match.option, kept)
  }
  for (const one of misspelled) findings.push(unknownOption(known, given, one))
  return { given, findings }
}

/** About the section of an assignment; in a file, the finding about an unknown one is at its header. */
function* sectionRemarks(assignment: Assignment, found: FoundSection): Iterable<ConfigFinding> {
  if (found === 'other') yield withoutUse(assignment.section, assignment, OF_LIBRARY)
  else if (assignment.line === null && (found === 'unknown' || found.isMisspelled))
    yield unknownSection(assignment, found)
}

interface Misspelling {
  readonly section: string
  readonly assignment: Assignment
}

const OF_LIBRARY = 'it belongs to a library of bagpipe-bgp, or to Neutron'

function* remarks(
  section: string,
  assignment: Assignment,
  { option, about }: { option: string; about: About },
): Iterable<ConfigFinding> {
  if (about.unused) yield withoutUse(section, assignment, about.description)
  else if (option !== assignment.option) {
    const text = `[${section}] ${assignment.option} is deprecated: write ${option}`
    const facts = { ...shownFacts(section, assignment), suggestion: option }
    yield finding('note', 'deprecated', assignment, text, facts)
  }
}

/** The one of two that counts, then the other: the later one, except that in one file the option's own name counts before its older ones. */
function ranked(
  option: string,
  earlier: Assignment | undefined,
  later: Assignment,
): readonly [kept: Assignment, dropped: Assignment | undefined] {
  const isOwnName = earlier?.option === option && earlier.file === later.file
  return isOwnName && later.option !== option ? [earlier, later] : [later, earlier]
}

/** Of two in one file; files, variables and arguments override others on purpose. */
function* repetition(
  section: string,
  dropped: Assignment | undefined,
  kept: Assignment,
): Iterable<ConfigFinding> {
  if (dropped === undefined || dropped.line === null || dropped.file !== kept.file) return
  const { option } = dropped
  const text = `[${section}] ${option} has no effect: line ${kept.line} gives it again`
  yield finding('note', 'repeated', dropped, text, { section, option })
}

/** Names of options of OpenStack whose values are, or hold, secrets. */
const MAYBE_SECRET = /pass|secret|token|key|cred|auth|connection|url/i

/** The value of an option that chanter does not know is shown unless it may be a secret. */
function shownFacts(section: string, { option, value }: Assignment) {
  return { section, option, value: MAYBE_SECRET.test(option) ? null : value }
}

function withoutUse(section: string, assignment: Assignment, why: string): ConfigFinding {
  const { option } = assignment
  const text = `[${section}] ${option} is not applicable: ${why}`
  return finding('note', 'not-applicable', assignment, text, shownFacts(section, assignment))
}

/** An error where it is probably a known one: its options would not have been missed. */
function unknownSection(
  position: Position & { readonly section: string },
  found: 'unknown' | { readonly section: string },
): ConfigFinding {
  const { section } = position
  if (found === 'unknown')
    return finding('warning', 'unknown-section', position, `unknown section [${section}]; it is ignored`, {
      section,
    })
  const text = `unknown section [${section}] (did you mean ${found.section}?): correct the name`
  return finding('error', 'unknown-section', position, text, { section, suggestion: found.section })
}

/** An option without which the daemon does not start, or starts without a driver, is taken as it is meant, besides the error. */
function unknownOption(
  known: Known,
  given: Map<string, Map<string, Assignment>>,
  { section, assignment }: Misspelling,
): ConfigFinding {
  const options = optionsIn(known, section)
  const { option } = assignment
  const elsewhere = [...known.sections].find(([, others]) => others.has(option))?.[0]
  const suggestion = elsewhere === undefined ? suggest(option, options.keys()) : undefined
  const about = suggestion === undefined ? undefined : options.get(suggestion)
  const isMissed = about?.required || about?.strict
  if (suggestion !== undefined && isMissed && !given.get(section)?.has(suggestion)) {
    ensure(given, section, () => new Map()).set(suggestion, assignment)
    const text = `[${section}] ${suggestion} is missing, ${option} is written here: correct the name`
    return finding('error', 'missing-option', assignment, text, {
      section,
      option: suggestion,
      allowed: about!.allowed,
      suggestion,
    })
  }
  const hint = elsewhere === undefined ? didYouMean(suggestion) : ` (it belongs in [${elsewhere}])`
  const text = `unknown option [${section}] ${option}${hint}; it is ignored`
  return finding('warning', 'unknown-option', assignment, text, {
    ...shownFacts(section, assignment),
    suggestion: elsewhere === undefined ? (suggestion ?? null) : `[${elsewhere}] ${option}`,
  })
}

export function didYouMean(guess: string | undefined): string {
  return guess === undefined ? '' : ` (did you mean ${guess}?)`
}
