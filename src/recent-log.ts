/** A warning or an error that was logged. */
export interface LogRecord {
  readonly level: string
  /** Epoch milliseconds. */
  readonly time: number
  readonly name: string
  readonly message: string
}

/** What a record is about: the address of a peer, the id of an instance, the name of a device, a type of VPN, or a part of the daemon. */
export type LogSubject = `${'peer' | 'instance' | 'device' | 'vpn' | 'part'} ${string}`

/** Fields of log lines, and what the lines with them are about. */
const FIELDS = [
  ['peer', 'peer'],
  ['instance', 'instance'],
  ['device', 'device'],
  ['bridge', 'device'],
  ['vpn', 'vpn'],
  ['part', 'part'],
] as const

/** The latest records of the whole log, and of each subject. */
const SIZE = 100
const SUBJECT_SIZE = 25
/** Subjects that have records; of more, that without a record for the longest time loses them. */
const MAX_SUBJECTS = 1000
/** Characters of a message: those of a request may be many. */
const MAX_MESSAGE = 1000

/** A record, and its place among all. */
interface Numbered {
  readonly number: number
  readonly record: LogRecord
}

/** Keeps the latest warnings and errors of the log, for the looking glass. A destination for pino. */
export class RecentLog {
  private readonly records: Numbered[] = []
  private readonly bySubject = new Map<LogSubject, Numbered[]>()
  private number = 0

  /** Takes one line of the log. */
  write(line: string): void {
    const parsed = JSON.parse(line) as Record<string, unknown>
    const numbered = { number: this.number++, record: recordOf(parsed) }
    keep(this.records, numbered, SIZE)
    for (const subject of subjectsOf(parsed)) this.keepAbout(subject, numbered)
  }

  /** The records of the whole log, or those about any of the subjects. */
  newestFirst(about?: readonly LogSubject[]): readonly LogRecord[] {
    if (about === undefined) return shown(this.records)
    return shown(new Set(about.flatMap((subject) => this.bySubject.get(subject) ?? [])))
  }

  private keepAbout(subject: LogSubject, numbered: Numbered): void {
    const kept = this.bySubject.get(subject) ?? []
    keep(kept, numbered, SUBJECT_SIZE)
    this.bySubject.delete(subject)
    this.bySubject.set(subject, kept)
    const [oldest] = this.bySubject.keys()
    if (oldest !== undefined && this.bySubject.size > MAX_SUBJECTS) this.bySubject.delete(oldest)
  }
}

function keep(records: Numbered[], one: Numbered, size: number): void {
  records.push(one)
  if (records.length > size) records.shift()
}

function shown(records: Iterable<Numbered>): LogRecord[] {
  return [...records].sort((a, b) => b.number - a.number).map(({ record }) => record)
}

function recordOf({ level, time, part, msg, ...fields }: Record<string, unknown>): LogRecord {
  const details = Object.keys(fields).length === 0 ? '' : ` ${JSON.stringify(fields)}`
  return {
    level: String(level).toUpperCase().replace('WARN', 'WARNING'),
    time: Date.parse(String(time)),
    name: typeof part === 'string' ? `chanter.${part}` : 'chanter',
    message: `${msg}${details}`.slice(0, MAX_MESSAGE),
  }
}

function* subjectsOf(line: Record<string, unknown>): Generator<LogSubject> {
  for (const [field, subject] of FIELDS) {
    const value = line[field]
    if (typeof value === 'string') yield `${subject} ${value}`
  }
}
