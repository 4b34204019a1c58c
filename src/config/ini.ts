/** One option from a source. */
export interface Assignment {
  readonly section: string
  readonly option: string
  readonly value: string
  /** Its position, for messages; `line` is null outside of files. */
  readonly file: string
  readonly line: number | null
}

/** A configuration that cannot be used; the message is one line for the operator. */
export class ConfigError extends Error {}

/**
 * Reads INI text by oslo.config's rules, which differ from those of npm's `ini`: `=` or `:` assigns, comments take whole
 * lines, an indented line continues the value above it, one pair of quotes around a value is dropped.
 */
export function parseIni(text: string, file: string): Assignment[] {
  const assignments: Assignment[] = []
  let section: string | undefined
  let open: { option: string; lines: string[]; line: number } | undefined

  const close = () => {
    if (open && section !== undefined) {
      assignments.push({ section, option: open.option, value: open.lines.join('\n'), file, line: open.line })
    }
    open = undefined
  }

  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trimEnd()
    const unreadable = (why: string) =>
      new ConfigError(`${file} line ${index + 1}: ${JSON.stringify(line)} cannot be read: ${why}`)
    if (/^[ \t]/.test(line)) {
      if (!open) throw unreadable('it is indented, but there is no option above it to continue')
      open.lines.push(line.trimStart())
      continue
    }
    close()
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    if (line.startsWith('[')) {
      section = /^\[(.+)\]$/.exec(line)?.[1]
      if (section === undefined) throw unreadable('a section is written [name]')
      continue
    }
    const assignment = /^([^:=]+)[:=](.*)$/.exec(line)
    if (!assignment) throw unreadable('an option is written name = value')
    if (section === undefined) throw unreadable('no [section] stands above it')
    open = {
      option: assignment[1]?.trim() ?? '',
      lines: [unquote(assignment[2]?.trim() ?? '')],
      line: index + 1,
    }
  }
  close()
  return assignments
}

function unquote(value: string): string {
  return /^(["']).*\1$/.test(value) && value.length > 1 ? value.slice(1, -1) : value
}
