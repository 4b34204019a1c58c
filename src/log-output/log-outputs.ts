import { FileSink } from './file-sink.ts'
import { type LogHealth, LogOutput } from './log-output.ts'
import { JOURNAL_SOCKET, journalSink, SYSLOG_SOCKET, syslogSink } from './message-sinks.ts'
import type { RotationOptions } from './rotation.ts'
import { type Sink, standardSink } from './sink.ts'

/** Where the log goes: to standard output if to nothing else. */
export interface LogDestinations {
  /** Path of a file; null for none. */
  readonly file: string | null
  readonly rotation: RotationOptions
  readonly stderr: boolean
  readonly syslog: boolean
  readonly journal: boolean
  /** Number of the facility of syslog(3). */
  readonly facility: number
}

export const STANDARD_OUTPUT: LogDestinations = {
  file: null,
  rotation: { by: 'none' },
  stderr: false,
  syslog: false,
  journal: false,
  facility: 1,
}

/** Names of destinations that are no file. */
const STDOUT = 'standard output'
const STDERR = 'standard error'
const STANDARD: ReadonlySet<string> = new Set([STDOUT, STDERR])

/** The destinations of the log, each with a queue of its own: one that stalls or fails holds up no other. A destination for pino. */
export class LogOutputs {
  private destinations: LogDestinations
  private outputs: ReadonlyMap<string, LogOutput>
  /** Standard streams that were destinations. */
  private readonly resting = new Map<string, LogOutput>()
  private turn: Promise<void> = Promise.resolve()
  /** Lines that former destinations dropped. */
  private formerlyDropped = 0

  /** Throws when the file cannot be opened. */
  constructor(destinations: LogDestinations) {
    this.destinations = destinations
    const { file, rotation } = destinations
    const sinks = standing(destinations)
    if (file !== null) sinks.set(file, () => FileSink.openSync(file, rotation))
    this.outputs = new Map(
      [...sinks].map(([name, open]) => [name, new LogOutput(open(), { path: shown(name) })] as const),
    )
  }

  /** Path of the log file; null for none. */
  get file(): string | null {
    return this.destinations.file
  }

  /** Takes one line of the log. */
  write(line: string): void {
    for (const output of this.outputs.values()) output.write(line)
  }

  /** Of the destination that fails, if one does. */
  health(): LogHealth {
    const all = [...this.outputs.values()].map((output) => output.health())
    const failing = all.find(({ failure }) => failure !== null) ?? all[0]
    const dropped = all.reduce((sum, one) => sum + one.dropped, this.formerlyDropped)
    return { path: failing?.path ?? null, failure: failing?.failure ?? null, dropped }
  }

  /** Opens the file anew, as after its rename. Rejects when that fails: the old one stays in use. */
  reopen(): Promise<void> {
    return this.inTurn(() => this.change(this.destinations))
  }

  /** Changes the destinations. Rejects when the file cannot be opened: nothing has changed then. */
  configure(destinations: LogDestinations): Promise<void> {
    return this.inTurn(() => this.change(destinations))
  }

  /** One change after the other. */
  private inTurn(change: () => Promise<void>): Promise<void> {
    const changed = this.turn.then(change)
    this.turn = changed.catch(() => {})
    return changed
  }

  private async change(destinations: LogDestinations): Promise<void> {
    const { file, rotation } = destinations
    const opened = file === null ? null : await FileSink.open(file, rotation)
    const outputs = new Map<string, LogOutput>()
    if (file !== null && opened !== null) {
      const present = this.outputs.get(file) ?? new LogOutput(opened, { path: file })
      present.replace(opened)
      outputs.set(file, present)
    }
    for (const [name, open] of standing(destinations)) {
      const present = this.outputs.get(name) ?? this.resting.get(name)
      if (STANDARD.has(name) || present === undefined)
        outputs.set(name, present ?? new LogOutput(open(), { path: shown(name) }))
      else {
        present.replace(open()) // the facility may have changed
        outputs.set(name, present)
      }
    }
    for (const [name, output] of this.outputs) if (!outputs.has(name)) this.retire(name, output)
    this.destinations = destinations
    this.outputs = outputs
  }

  /** The descriptors of standard output and standard error belong to the process: they stay open. */
  private retire(name: string, output: LogOutput): void {
    if (STANDARD.has(name)) this.resting.set(name, output)
    else {
      this.formerlyDropped += output.health().dropped
      output.close()
    }
  }

  /** Resolves when all is written, after `ms` at the latest. */
  async flush(ms: number): Promise<void> {
    await Promise.all([...this.outputs.values()].map((output) => output.flush(ms)))
  }

  /** Writes the queues, as far as possible at once: the process is about to end. */
  flushSync(): void {
    for (const output of this.outputs.values()) output.flushSync()
  }
}

/** The destinations without a file of their own, by name. */
function standing({ file, stderr, syslog, journal, facility }: LogDestinations): Map<string, () => Sink> {
  const sinks = new Map<string, () => Sink>()
  if (stderr) sinks.set(STDERR, () => standardSink(process.stderr))
  if (syslog) sinks.set(SYSLOG_SOCKET, () => syslogSink(facility))
  if (journal) sinks.set(JOURNAL_SOCKET, () => journalSink(facility))
  if (file === null && sinks.size === 0) sinks.set(STDOUT, () => standardSink(process.stdout))
  return sinks
}

function shown(name: string): string | null {
  return name === STDOUT ? null : name
}
