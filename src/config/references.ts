import type { ConfigFinding } from './finding.ts'
import type { Assignment } from './ini.ts'
import { findOption, type Known, optionsIn } from './known.ts'
import type { Given } from './locate.ts'
import type { About } from './option.ts'
import { PEER_SECTION } from './schema.ts'
import { wrongValue } from './wrong-value.ts'

/** As oslo.config reads a value: `$name` or `${name}` for another option, `$$` or `\$` for a dollar sign; any other one stands for itself. */
const REFERENCE = /\\\$|\$(?:\$|([_a-z][._a-z0-9]*)|\{([_a-z][._a-z0-9]*)\})/gi

/** The text of a value that stands for itself. */
export function literal(value: string): string {
  return value.replaceAll('$', '$$$$')
}

/** Why a reference leads nowhere. */
class LeadsNowhere extends Error {}

/** Puts the values of other options in the place of references to them. An option whose reference leads nowhere is an error, and left out. */
export function resolveReferences(
  known: Known,
  given: Given,
): { readonly given: Given; readonly findings: readonly ConfigFinding[] } {
  const findings: ConfigFinding[] = []
  const values = new ValuesOfOptions(known, given)
  const resolved = [...given].map(([section, options]) => {
    const kept = new Map<string, Assignment>()
    for (const [option, assignment] of options)
      try {
        kept.set(option, { ...assignment, value: values.of(section, option) })
      } catch (error) {
        if (!(error instanceof LeadsNowhere)) throw error
        const why = `${error.message}; a dollar sign is written $$`
        findings.push(wrongValue(known, section, option, assignment, why, 'unknown-reference'))
      }
    return [section, kept] as const
  })
  return { given: new Map(resolved), findings }
}

class ValuesOfOptions {
  private readonly known: Known
  private readonly given: Given
  /** The options whose values are being resolved. */
  private readonly pending = new Set<string>()

  constructor(known: Known, given: Given) {
    this.known = known
    this.given = given
  }

  /** The value that is given to an option, or its default, as text. Throws LeadsNowhere. */
  of(section: string, option: string): string {
    const assignment = this.given.get(section)?.get(option)
    if (assignment === undefined) return this.default(section, option)
    if (!assignment.value.includes('$')) return assignment.value
    const name = `[${section}] ${option}`
    if (this.pending.has(name)) throw new LeadsNowhere(`the value of ${name} refers to itself`)
    this.pending.add(name)
    try {
      return assignment.value.replace(REFERENCE, (_all, plain?: string, braced?: string) => {
        const reference = plain ?? braced
        return reference === undefined ? '$' : this.referred(section, reference)
      })
    } finally {
      this.pending.delete(name)
    }
  }

  private default(section: string, option: string): string {
    const { follows, fallback } = optionsIn(this.known, section).get(option) as About
    if (section.startsWith(PEER_SECTION) && this.known.sections.get('BGP')?.has(option) === true)
      return this.of('BGP', option)
    if (follows !== undefined) return this.of(...follows)
    return Array.isArray(fallback) ? fallback.join(', ') : `${fallback ?? ''}`
  }

  /** `name` of the same section, else of [DEFAULT]; `section.name` of another one. */
  private referred(section: string, reference: string): string {
    const [first = '', ...rest] = reference.split('.')
    const places = rest.length === 0 ? new Set([section, 'DEFAULT']) : [first]
    const name = rest.length === 0 ? first : rest.join('.')
    for (const place of places) {
      if (place !== section && !this.known.sections.has(place)) continue
      const found = findOption(optionsIn(this.known, place), name)
      if (found !== undefined) return this.of(place, found.option)
    }
    throw new LeadsNowhere(`there is no option ${name} in [${[...places].join('] or [')}]`)
  }
}
