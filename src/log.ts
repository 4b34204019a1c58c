import { isDeepStrictEqual } from 'node:util'
import { type Logger, pino } from 'pino'
import { systemClock } from './clock.ts'
import { EventBus } from './events/event.ts'
import { LogReader } from './events/log-reader.ts'
import { type LogDestinations, LogOutputs, STANDARD_OUTPUT } from './log-output/log-outputs.ts'
import { RecentLog } from './recent-log.ts'
import { safeJson } from './values/controls.ts'
import { pathReason } from './values/path-reason.ts'

export type { Logger }

export interface Logs {
  /** Events are emitted here, and logged. */
  readonly events: EventBus
  readonly log: Logger
  readonly output: LogOutputs
  /** Gets the warnings and errors too. */
  readonly recent: RecentLog
  /** Changes the level and the file. Rejects when the file cannot be opened: nothing has changed then. */
  configure(options: LogOptions): Promise<void>
}

export interface LogOptions extends LogDestinations {
  readonly debug: boolean
}

/** The options of a log that goes to a file, or to standard output. */
export function plainLog(debug: boolean, file: string | null): LogOptions {
  return { ...STANDARD_OUTPUT, debug, file }
}

/**
 * The root of the log: one JSON object a line. Parts get a child with the field that names them: `peer` (address),
 * `instance` (VPN instance id). Writing blocks nothing and fails nothing.
 * Throws when the file cannot be opened.
 */
export function createLog(initial: LogOptions): Logs {
  let options = initial
  const recent = new RecentLog()
  const output = openOutputs(options)
  const log = pino(
    {
      level: levelOf(options),
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: pino.stdSerializers.err },
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: safeJson },
    },
    pino.multistream([
      { level: 'debug', stream: output },
      { level: 'warn', stream: recent },
    ]),
  )
  const events = new EventBus()
  events.read(new LogReader(log, systemClock).read)
  const configure = async (changed: LogOptions) => {
    if (!isDeepStrictEqual(changed, options)) await output.configure(changed)
    options = changed
    log.level = levelOf(options)
  }
  return { log, events, output, recent, configure }
}

function levelOf({ debug }: Pick<LogOptions, 'debug'>): 'debug' | 'info' {
  return debug ? 'debug' : 'info'
}

function openOutputs(destinations: LogDestinations): LogOutputs {
  try {
    return new LogOutputs(destinations)
  } catch (error) {
    throw new Error(`the log file cannot be opened: ${pathReason(error)}`)
  }
}
