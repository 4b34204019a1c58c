import { networkInterfaces } from 'node:os'
import type { z } from 'zod'
import { isIpv4 } from '../values/address.ts'
import { type Config, toConfig } from './config.ts'
import { type Assignment, ConfigError } from './ini.ts'
import { type About, configSchema, FOREIGN_SECTIONS, optionsOf } from './schema.ts'
import { suggest } from './suggest.ts'
import type { Interfaces } from './types.ts'

export interface Loaded {
  readonly config: Config
  /** What the operator should mend: unknown options and sections. */
  readonly warnings: readonly string[]
  /** What bagpipe-bgp reads and chanter has no use for. */
  readonly notes: readonly string[]
}

type Known = ReturnType<typeof optionsOf>
type Given = ReadonlyMap<string, Map<string, Assignment>>
type Place = { section: string; option: string; about: About } | { unknown: string } | 'foreign'

/** Turns assignments, of which the later win, into a configuration. Throws ConfigError. */
export function interpret(
  assignments: readonly Assignment[],
  interfaces: Interfaces = networkInterfaces(),
): Loaded {
  const schema = configSchema(interfaces)
  const known = optionsOf(schema)
  const given: Given = new Map([...known.keys()].map((section) => [section, new Map<string, Assignment>()]))
  const warnings = new Set<string>()
  const notes = new Set<string>()

  for (const assignment of assignments) {
    const place = locate(known, assignment)
    if (place === 'foreign') continue
    if ('unknown' in place) {
      warnings.add(`${where(assignment)}: ${place.unknown}`)
      continue
    }
    given.get(place.section)?.set(place.option, assignment)
    if (place.about.unused)
      notes.add(`${where(assignment)}: [${place.section}] ${place.option} has no effect here`)
  }

  const texts = [...given].map(([section, options]) => [
    section,
    Object.fromEntries([...options].map(([option, { value }]) => [option, value])),
  ])
  const result = schema.safeParse(Object.fromEntries(texts))
  if (!result.success) throw new ConfigError(complaint(result.error.issues, known, given, assignments))
  const config = toConfig(result.data)
  if (!isIpv4(config.bgp.identifier)) {
    throw new ConfigError(
      `${filesOf(assignments)}: [BGP] router_id is missing: expected an IPv4 address, since local_address is IPv6`,
    )
  }
  return { config, warnings: [...warnings], notes: [...notes] }
}

/** One line about the first wrong value, which names the others. */
function complaint(
  issues: readonly z.core.$ZodIssue[],
  known: Known,
  given: Given,
  assignments: readonly Assignment[],
): string {
  const names = issues.map(({ path }) => `[${String(path[0])}] ${String(path[1])}`)
  const [section, option] = (issues[0]?.path ?? []).map(String) as [string, string]
  const assignment = given.get(section)?.get(option)
  const line = assignment
    ? `${where(assignment)}: ${names[0]} = ${JSON.stringify(assignment.value)}: ${issues[0]?.message}`
    : `${filesOf(assignments)}: ${names[0]} is missing: expected ${known.get(section)?.get(option)?.allowed}`
  return names.length > 1 ? `${line} (also wrong: ${names.slice(1).join(', ')})` : line
}

/** The section and option that an assignment means, or why there is none. */
function locate(known: Known, { section: sectionName, option: optionName }: Assignment): Place {
  if (sameName(sectionName, FOREIGN_SECTIONS)) return 'foreign'
  const section = sameName(sectionName, known.keys())
  const options = section === undefined ? undefined : known.get(section)
  if (section === undefined || !options) {
    return {
      unknown: `unknown section [${sectionName}]${didYouMean(sectionName, known.keys())}; it is ignored`,
    }
  }
  for (const [option, about] of options) {
    if (option === optionName || about.aliases?.includes(optionName)) return { section, option, about }
  }
  const elsewhere = [...known].find(([, others]) => others.has(optionName))
  const hint = elsewhere ? ` (it belongs in [${elsewhere[0]}])` : didYouMean(optionName, options.keys())
  return { unknown: `unknown option [${section}] ${optionName}${hint}; it is ignored` }
}

function sameName(name: string, candidates: Iterable<string>): string | undefined {
  return [...candidates].find((candidate) => candidate.toLowerCase() === name.toLowerCase())
}

function didYouMean(word: string, known: Iterable<string>): string {
  const guess = suggest(word, known)
  return guess === undefined ? '' : ` (did you mean ${guess}?)`
}

function filesOf(assignments: readonly Assignment[]): string {
  return [...new Set(assignments.map(({ file }) => file))].join(', ') || 'the configuration'
}

function where({ file, line }: Assignment): string {
  return line === null ? file : `${file} line ${line}`
}
