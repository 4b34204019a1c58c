import type { Logger } from 'pino'
import type { Clock } from '../../src/clock.ts'
import type { EventSink } from '../../src/events/event.ts'
import { LogReader } from '../../src/events/log-reader.ts'

export const noEvents: EventSink = { emit() {} }

/** Events of which the daemon's lines are written to `log`. */
export function logged(log: Logger, clock: Clock): EventSink {
  return { emit: new LogReader(log, clock).read }
}
