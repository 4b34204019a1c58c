import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import type { DaemonEvent, EventOf } from './event.ts'
import { LogAllowance } from './log-allowance.ts'
import { type Level, LOG_LINES, type LogLine } from './log-lines.ts'

/** Allowances kept at once: peers that connect from an open prefix may be many. */
const MAX_ALLOWANCES = 4096
/** Drift comes in bunches: it is logged at most once in this time. */
const DRIFT_MS = 60_000

/** Logs events; no other code makes lines of them. */
export class LogReader {
  private readonly log: Logger
  private readonly clock: Clock
  private readonly allowances = new Map<string, LogAllowance>()
  /** Drift that is not logged yet. */
  private drifted: EventOf<'entries-drifted'> | null = null
  private driftLoggedAt = Number.NEGATIVE_INFINITY

  constructor(log: Logger, clock: Clock) {
    this.log = log
    this.clock = clock
  }

  /** Logs an event. */
  readonly read = (event: DaemonEvent): void => {
    if (event.type === 'entries-drifted') return this.gatherDrift(event)
    this.write(event)
  }

  private write(event: DaemonEvent): void {
    const line = LOG_LINES[event.type] as LogLine<DaemonEvent> | null
    if (line === null) return
    const level = typeof line.level === 'function' ? line.level(event) : line.level
    if (!this.log.isLevelEnabled(level)) return
    const suppressed = level === 'debug' || line.limit === undefined ? 0 : this.takeOf(event, line.limit)
    const { text, fields } = contentOf(event, line.message)
    const facts = { part: line.part, ...fields, ...(suppressed ? { suppressed } : {}) }
    const shown: Level = suppressed === null ? 'debug' : level
    this.log[shown](facts, text)
  }

  /** How many such lines were suppressed since the last one; null when this one is suppressed too. */
  private takeOf(event: DaemonEvent, limit: string): number | null {
    const subject = (event as unknown as Record<string, unknown>)[limit]
    const key = `${event.type} ${subject ?? ''}`
    const known = this.allowances.get(key)
    if (known !== undefined) return known.take()
    const [oldest] = this.allowances.keys()
    if (oldest !== undefined && this.allowances.size >= MAX_ALLOWANCES) this.allowances.delete(oldest)
    const fresh = new LogAllowance(this.clock)
    this.allowances.set(key, fresh)
    return fresh.take()
  }

  private gatherDrift(event: EventOf<'entries-drifted'>): void {
    const isWaiting = this.drifted !== null
    this.drifted = { ...event, count: event.count + (this.drifted?.count ?? 0) }
    if (isWaiting) return
    const wait = this.driftLoggedAt + DRIFT_MS - this.clock.now()
    if (wait <= 0) this.logDrift()
    else this.clock.after(wait, () => this.logDrift())
  }

  private logDrift(): void {
    const { drifted } = this
    if (drifted === null) return
    this.drifted = null
    this.driftLoggedAt = this.clock.now()
    this.write(drifted)
  }
}

/** The text of the line of an event, and what else is in it. */
function contentOf({ type: _, ...fields }: DaemonEvent, message: LogLine<DaemonEvent>['message']) {
  if (typeof message === 'string') return { text: message, fields }
  const { [message.field]: text, ...others } = fields as Record<string, unknown>
  return { text: String(text), fields: others }
}
