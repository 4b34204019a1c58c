/** What is wrong with a configuration, or has no effect in it. */
export interface ConfigFinding {
  /** An error keeps the daemon from starting; a note is about what was meant for bagpipe-bgp. */
  readonly severity: 'error' | 'warning' | 'note'
  readonly code: FindingCode
  /** The file; else the environment variable or the argument, with `line` null. */
  readonly file: string
  readonly line: number | null
  readonly section: string | null
  readonly option: string | null
  /** The value as it is written; null for none, and for what may be a secret. */
  readonly value: string | null
  /** The allowed values in words. */
  readonly allowed: string | null
  /** The known name that was probably meant. */
  readonly suggestion: string | null
  /** One line that begins with the position. */
  readonly message: string
}

export type FindingCode =
  | 'unreadable-line'
  | 'unknown-section'
  | 'unknown-option'
  | 'wrong-value'
  | 'unknown-reference'
  | 'missing-option'
  | 'unused-section'
  | 'unreachable-peer'
  | 'unprotected-api'
  | 'exposed-key'
  | 'repeated'
  | 'deprecated'
  | 'not-applicable'

/** Where something is written; `line` is null outside of files. */
export interface Position {
  readonly file: string
  readonly line: number | null
}

/** A finding at a position; `text` follows the position in its message. */
export function finding(
  severity: ConfigFinding['severity'],
  code: FindingCode,
  { file, line }: Position,
  text: string,
  facts: Partial<Pick<ConfigFinding, 'section' | 'option' | 'value' | 'allowed' | 'suggestion'>> = {},
): ConfigFinding {
  const { section = null, option = null, value = null, allowed = null, suggestion = null } = facts
  const message = `${where({ file, line })}: ${text}`
  return { severity, code, file, line, section, option, value, allowed, suggestion, message }
}

/** The position in words. */
export function where({ file, line }: Position): string {
  return line === null ? file : `${file} line ${line}`
}

/** The messages of findings of one severity. */
export function messagesOf(
  findings: readonly ConfigFinding[],
  severity: ConfigFinding['severity'],
): string[] {
  return findings.filter((one) => one.severity === severity).map(({ message }) => message)
}

/** A configuration that cannot be used; each message is one line for the operator. */
export class ConfigError extends AggregateError {
  constructor(...messages: readonly string[]) {
    super(
      messages.map((message) => new Error(message)),
      messages.join('\n'),
    )
  }
}
