import { type ConfigFinding, finding, type Position } from './finding.ts'

/** One option from a source. */
export interface Assignment extends Position {
  readonly section: string
  readonly option: string
  readonly value: string
}

/** A line `[name]`. */
export interface SectionHeader extends Position {
  readonly section: string
}

/** A configuration as it is written. */
export interface ConfigText {
  readonly files: readonly string[]
  /** Later ones win. */
  readonly assignments: readonly Assignment[]
  readonly headers: readonly SectionHeader[]
  /** Lines that cannot be read. */
  readonly findings: readonly ConfigFinding[]
}

/** One after the other, of which later ones win. */
export function joinTexts(texts: readonly ConfigText[]): ConfigText {
  return {
    files: texts.flatMap(({ files }) => files),
    assignments: texts.flatMap(({ assignments }) => assignments),
    headers: texts.flatMap(({ headers }) => headers),
    findings: texts.flatMap(({ findings }) => findings),
  }
}

/** Assignments from elsewhere than a file. */
export function textOf(assignments: readonly Assignment[]): ConfigText {
  return { files: [], assignments, headers: [], findings: [] }
}

/**
 * Reads INI text by oslo.config's rules, which differ from those of npm's `ini`: `=` or `:` assigns, comments take whole
 * lines, an indented line continues the value above it, one pair of quotes around a value is dropped.
 */
export function parseIni(text: string, file: string): ConfigText {
  const assignments: Assignment[] = []
  const headers: SectionHeader[] = []
  const findings: ConfigFinding[] = []
  /** Null below a header that cannot be read. */
  let section: string | null | undefined
  let open: { option: string; lines: string[]; line: number } | undefined

  const close = () => {
    if (open && section) {
      assignments.push({ section, option: open.option, value: open.lines.join('\n'), file, line: open.line })
    }
    open = undefined
  }

  for (const [index, raw] of text.split('\n').entries()) {
    const [line, number] = [raw.trimEnd(), index + 1]
    const unreadable = (why: string) => findings.push(unreadableLine({ file, line: number }, line, why))
    if (/^[ \t]/.test(line)) {
      if (open) open.lines.push(line.trimStart())
      else unreadable('it is indented, but there is no option above it to continue')
      continue
    }
    close()
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    if (line.startsWith('[')) {
      const name = /^\[(.+)\]$/.exec(line)?.[1]
      if (name === undefined) unreadable('a section is written [name]')
      else headers.push({ section: name, file, line: number })
      section = name ?? null
      continue
    }
    const assignment = /^([^:=]+)[:=](.*)$/.exec(line)
    if (!assignment) unreadable('an option is written name = value')
    else if (section === undefined) unreadable('no [section] stands above it')
    else open = { option: assignment[1]!.trim(), lines: [unquote(assignment[2]!.trim())], line: number }
  }
  close()
  return { files: [file], assignments, headers, findings }
}

function unreadableLine(position: Position, line: string, why: string): ConfigFinding {
  return finding('error', 'unreadable-line', position, `${JSON.stringify(line)} cannot be read: ${why}`, {
    value: line,
  })
}

function unquote(value: string): string {
  return /^(["']).*\1$/.test(value) && value.length > 1 ? value.slice(1, -1) : value
}
