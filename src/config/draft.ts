import type * as z from 'zod'
import { type ConfigFinding, finding, type Position } from './finding.ts'
import type { ConfigText } from './ini.ts'
import { type Known, optionsIn } from './known.ts'
import type { LocatedOptions } from './locate.ts'
import type { PeerSettings, Settings } from './schema.ts'
import { wrongValue } from './wrong-value.ts'

/** Native values by section, without those that are wrong. */
export type Draft = { [Section in keyof Settings]: Partial<Settings[Section]> }

export interface ReadValues {
  readonly draft: Draft
  /** Of the sections about one peer each, the given options. */
  readonly ofPeers: ReadonlyMap<string, Partial<PeerSettings>>
  /** Wrong and missing values. */
  readonly findings: readonly ConfigFinding[]
}

type SectionShape = Readonly<Record<string, z.ZodType>>

/** Reads each given value once, and the defaults of the others. */
export function readValues(known: Known, text: ConfigText, located: LocatedOptions): ReadValues {
  const findings: ConfigFinding[] = []
  const absent: ConfigFinding[] = []
  const read = (section: string, shape: SectionShape, names: Iterable<string>): Record<string, unknown> => {
    const values: Record<string, unknown> = {}
    for (const name of names) {
      const assignment = located.given.get(section)?.get(name)
      const result = shape[name]!.safeParse(assignment?.value)
      if (result.success) values[name] = result.data
      else if (assignment === undefined) absent.push(missing(known, text, located, section, name))
      else findings.push(wrongValue(known, section, name, assignment, result.error.issues[0]?.message ?? ''))
    }
    return values
  }
  const sections = Object.entries(known.schema.shape).map(([section, { shape }]) => [
    section,
    read(section, shape, Object.keys(shape)),
  ])
  const ofPeers = new Map<string, Partial<PeerSettings>>()
  for (const [section, options] of located.given)
    if (!known.sections.has(section)) ofPeers.set(section, read(section, known.ofPeer.shape, options.keys()))
  // an option that seems to be missing may be in a line that cannot be read, or refer to another one that is not there
  const isWhole =
    text.findings.length === 0 && !located.findings.some(({ code }) => code === 'unknown-reference')
  if (isWhole) findings.push(...absent)
  return { draft: Object.fromEntries(sections), ofPeers, findings }
}

function missing(
  known: Known,
  text: ConfigText,
  { headers }: LocatedOptions,
  section: string,
  option: string,
): ConfigFinding {
  const { allowed } = optionsIn(known, section).get(option)!
  return missingOption(headers.get(section) ?? wholeOf(text), section, option, allowed)
}

/** `allowed` also says why it is required, where it is not always so. */
export function missingOption(
  position: Position,
  section: string,
  option: string,
  allowed: string,
): ConfigFinding {
  const message = `[${section}] ${option} is missing: expected ${allowed}`
  return finding('error', 'missing-option', position, message, { section, option, allowed })
}

/** The first line of the last file; without files, all variables and arguments. */
export function wholeOf({ files, assignments }: ConfigText): Position {
  const file = files.at(-1)
  if (file !== undefined) return { file, line: 1 }
  const names = new Set(assignments.map((one) => one.file))
  return { file: [...names].join(', ') || 'the configuration', line: null }
}
