/** A warning or an error that was logged. */
export interface LogRecord {
  readonly level: string
  /** Epoch milliseconds. */
  readonly time: number
  readonly name: string
  readonly message: string
}

const SIZE = 100

/** Keeps the latest warnings and errors of the log, for the looking glass. A destination for pino. */
export class RecentLog {
  private readonly records: LogRecord[] = []

  /** Takes one line of the log. */
  write(line: string): void {
    const { level, time, part, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
    const details = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`
    this.records.push({
      level: String(level).toUpperCase().replace('WARN', 'WARNING'),
      time: Date.parse(String(time)),
      name: typeof part === 'string' ? `chanter.${part}` : 'chanter',
      message: `${msg}${details}`,
    })
    if (this.records.length > SIZE) this.records.shift()
  }

  newestFirst(): readonly LogRecord[] {
    return this.records.toReversed()
  }
}
