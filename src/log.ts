import { type Logger, pino } from 'pino'
import type { RecentLog } from './recent-log.ts'

export type { Logger }

/**
 * The root of the log: one JSON object a line. Parts get a child with the field that names them: `peer` (address),
 * `instance` (VPN instance id). Writing is synchronous, so that nothing is lost when the process ends. `recent` gets the
 * warnings and errors too.
 */
export function createLog(
  { debug, file }: { readonly debug: boolean; readonly file: string | null },
  recent: RecentLog,
): Logger {
  return pino(
    {
      level: debug ? 'debug' : 'info',
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.multistream([
      { level: 'debug', stream: openDestination(file) },
      { level: 'warn', stream: recent },
    ]),
  )
}

function openDestination(file: string | null) {
  if (file === null) return pino.destination({ fd: 1, sync: true })
  try {
    return pino.destination({ dest: file, sync: true })
  } catch (error) {
    throw new Error(`the log file cannot be opened: ${error instanceof Error ? error.message : error}`)
  }
}
