import { type Logger, pino } from 'pino'
import { systemClock } from './clock.ts'
import { EventBus } from './events/event.ts'
import { LogReader } from './events/log-reader.ts'
import { LogOutput } from './log-output.ts'
import { RecentLog } from './recent-log.ts'
import { safeJson } from './values/controls.ts'

export type { Logger }

export interface Logs {
  /** Events are emitted here, and logged. */
  readonly events: EventBus
  readonly log: Logger
  readonly output: LogOutput
  /** Gets the warnings and errors too. */
  readonly recent: RecentLog
}

/**
 * The root of the log: one JSON object a line. Parts get a child with the field that names them: `peer` (address),
 * `instance` (VPN instance id). Writing blocks nothing and fails nothing.
 * Throws when the file cannot be opened.
 */
export function createLog({ debug, file }: { readonly debug: boolean; readonly file: string | null }): Logs {
  const recent = new RecentLog()
  const output = openOutput(file)
  const log = pino(
    {
      level: debug ? 'debug' : 'info',
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
  return { log, events, output, recent }
}

function openOutput(file: string | null): LogOutput {
  try {
    return new LogOutput(file)
  } catch (error) {
    throw new Error(`the log file cannot be opened: ${error instanceof Error ? error.message : error}`)
  }
}
