import type { ListedOption } from '../api/config.ts'
import { type ConfigFinding, where } from '../config/finding.ts'
import { formatColumns } from './table.ts'
import { countText } from './words.ts'

const SEVERITIES = ['error', 'warning', 'note'] as const

/** Findings by severity, as `chanter config check --json` prints them. */
export function findingsJson(findings: readonly ConfigFinding[]) {
  const of = (severity: ConfigFinding['severity']) => findings.filter((one) => one.severity === severity)
  const [errors, warnings, notes] = [of('error'), of('warning'), of('note')]
  return { ok: errors.length === 0, errors, warnings, notes }
}

/** A line for each finding, the worst first, and how many there are. */
export function findingsText(findings: readonly ConfigFinding[]): string {
  const sorted = SEVERITIES.flatMap((severity) => findings.filter((one) => one.severity === severity))
  const counts = SEVERITIES.map((severity) => {
    const count = findings.filter((one) => one.severity === severity).length
    return countText(count, severity, `${severity}s`)
  })
  return [...sorted.map(({ severity, message }) => `${severity}: ${message}`), counts.join(', ')].join('\n')
}

/** Settings by section, a line each: name, value and source. */
export function optionsText(options: readonly ListedOption[]): string {
  const sections = Map.groupBy(options, ({ section }) => section)
  return [...sections]
    .map(([section, own]) => {
      const rows = own.map((one) => [one.option, valueText(one.value), sourceText(one)])
      return `[${section}]\n${formatColumns(rows)}`
    })
    .join('\n\n')
}

/** A value as it may be written in a file; a hyphen for none. */
export function valueText(value: unknown): string {
  const text = Array.isArray(value) ? value.join(', ') : String(value ?? '')
  return text === '' ? '-' : text
}

function sourceText({ source, line, follows }: ListedOption): string {
  const position = where({ file: source, line })
  return follows === null ? position : `${position}, as ${follows}`
}
