import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import type { Closable } from '../../values/closable.ts'
import { identity, isTableEntry, type TableEntry } from '../kinds/index.ts'
import type { Entry, EntryStatus, Status } from '../model.ts'
import { errnoOf, isLost, type Refusal } from '../refusal.ts'
import type { Drift } from './drift.ts'

const FIRST_DELAY_MS = 100
const LONGEST_DELAY_MS = 60_000
/** How long a repeatedly drifting entry has to stay programmed before its history is forgotten. */
const CALM_MS = 60_000
/** From this many changes on, a drifting entry is reported as failed. */
const FIGHT = 6
/** Retries fall on multiples of this, so that many failures are walked few times. */
const GRID_MS = 50

/** An entry that is not simply programmed. */
interface Exception {
  readonly entry: Entry
  /** `drifted`: another program changed it; `calm`: it was drifted and is programmed again; `unneeded`: its device has no use for it. */
  readonly state: 'failed' | 'drifted' | 'calm' | 'unneeded'
  /** Null where it was not refused, but changed in the kernel. */
  readonly refusal: Refusal | null
  /** Tries that failed, or times that another program changed it. */
  readonly attempts: number
  /** Since when it is not programmed, in epoch milliseconds. */
  readonly since: number
  /** When to try again, or for `calm` when to forget; Infinity while a try is under way. */
  due: number
}

const NOTHING_KEPT = {
  reason: null,
  code: null,
  errno: null,
  attempts: 0,
  since: null,
  nextTry: null,
} as const

export const PROGRAMMED: Status = { state: 'programmed', ...NOTHING_KEPT }

/** Not programmed, although it was tried. */
export function pending(since: number | null, reason: string | null = null): Status {
  return { ...NOTHING_KEPT, state: 'pending', since, reason }
}

/** A refusal as a status shows it. */
export function refusalFields(refusal: Refusal | null): Pick<Status, 'reason' | 'code' | 'errno'> {
  return refusal === null
    ? { reason: null, code: null, errno: null }
    : { reason: refusal.text, code: refusal.code, errno: errnoOf(refusal) }
}

/** Of an entry that was not programmed. Without an answer, the kernel may have taken it or not. */
export function stateOf(refusal: Refusal | null): 'failed' | 'pending' {
  return refusal !== null && isLost(refusal) ? 'pending' : 'failed'
}

/** The delay after so many failures in a row: from 100 ms, doubling, to a minute. */
export function backoff(attempts: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** (attempts - 1), LONGEST_DELAY_MS)
}

/** Entries that failed or that drift, each with its own retry time. */
export class Exceptions implements Closable {
  private readonly clock: Clock
  private readonly retry: (entry: Entry) => void
  private readonly drift: Pick<Drift, 'notified' | 'drop'>
  private readonly events: EventSink
  private readonly all = new Map<string, Exception>()
  /** By device, the one of its unneeded entries that is retried now and then, on behalf of all of them. */
  private readonly scouts = new Map<string, string>()
  private wakeAt = Number.POSITIVE_INFINITY
  private cancelWake = () => {}

  /** `retry` is called with each entry whose time has come. */
  constructor(
    clock: Clock,
    retry: (entry: Entry) => void,
    drift: Pick<Drift, 'notified' | 'drop'>,
    events: EventSink,
  ) {
    this.events = events
    this.clock = clock
    this.retry = retry
    this.drift = drift
  }

  get size(): number {
    return this.all.size
  }

  /** Whether the last try was refused, or its answer lost. */
  isRefused(entry: Entry): boolean {
    return this.all.size > 0 && this.all.get(identity(entry))?.state === 'failed'
  }

  status(entry: Entry): Status | undefined {
    if (this.all.size === 0) return undefined
    const exception = this.all.get(identity(entry))
    return exception && this.statusOf(exception)
  }

  *[Symbol.iterator](): Generator<EntryStatus, void> {
    for (const exception of this.all.values()) {
      yield { entry: exception.entry, status: this.statusOf(exception) }
    }
  }

  failed(entry: Entry, refusal: Refusal): void {
    const key = identity(entry)
    const before = this.all.get(key)
    if (before?.state === 'unneeded') this.dismiss(entry.device, key)
    const attempts = (before?.state === 'failed' ? before.attempts : 0) + 1
    const since = before === undefined || before.state === 'calm' ? this.clock.epoch() : before.since
    this.put(key, { entry, state: 'failed', refusal, attempts, since, due: this.at(backoff(attempts)) })
  }

  /** The device has no use for the entry in its present state; true where none of its entries was unneeded before. */
  unneeded(entry: Entry, refusal: Refusal): boolean {
    const key = identity(entry)
    const since = this.all.get(key)?.since ?? this.clock.epoch()
    const isFirst = !this.scouts.has(entry.device)
    if (isFirst) this.scouts.set(entry.device, key)
    const isScout = this.scouts.get(entry.device) === key
    const due = isScout ? this.at(LONGEST_DELAY_MS) : Number.POSITIVE_INFINITY
    this.put(key, { entry, state: 'unneeded', refusal, attempts: 0, since, due })
    return isFirst
  }

  /** Another program changed the entry: it is repaired at once the first time, then after growing delays. */
  drifted(entry: Entry): void {
    const key = identity(entry)
    const before = this.all.get(key)
    if (before !== undefined && before.state !== 'calm') return
    this.drift.notified(entry)
    const attempts = (before?.attempts ?? 0) + 1
    const drifted = {
      entry,
      state: 'drifted',
      refusal: null,
      attempts,
      since: this.clock.epoch(),
    } as const
    if (attempts > 1) this.put(key, { ...drifted, due: this.at(backoff(attempts - 1)) })
    else {
      this.put(key, { ...drifted, due: Number.POSITIVE_INFINITY })
      this.retry(entry)
    }
  }

  /** The entry is programmed, or removed. */
  done(entry: Entry): void {
    if (this.all.size === 0) return
    const key = identity(entry)
    const before = this.all.get(key)
    if (before?.state === 'drifted') {
      this.put(key, { ...before, state: 'calm', due: this.at(CALM_MS) })
      this.events.emit({ type: 'entry-repaired', kind: entry.kind, entry: key })
    } else if (before?.state === 'failed' || before?.state === 'unneeded') this.all.delete(key)
    if (before?.state === 'unneeded') this.dismiss(entry.device, key)
  }

  /** The interface changed in a way that costs entries: those that went are set again at once, and do not count as drift. */
  excuse(device: string): void {
    for (const [key, exception] of this.all) {
      const { entry, state } = exception
      if (!isTableEntry(entry) || !concerns(entry, device)) continue
      if (state === 'calm' || state === 'drifted') this.drift.drop(entry)
      if (state === 'calm') this.all.delete(key)
      if (state !== 'drifted') continue
      const excused = { ...exception, attempts: 1 }
      this.all.set(key, excused)
      this.tryAgain(excused)
    }
  }

  drop(entry: Entry): void {
    if (this.all.size === 0) return
    const key = identity(entry)
    this.all.delete(key)
    this.dismiss(entry.device, key)
  }

  /** Retries the entries of a device now, but not its link and port. */
  retryEntries(device: string): void {
    for (const exception of this.all.values()) {
      const { entry, state } = exception
      if (entry.device === device && isTableEntry(entry) && state !== 'calm') this.tryAgain(exception)
    }
  }

  /** Retries entries that need this interface, and failed or unneeded ones on it, but not its link and port. */
  retryOn(device: string): void {
    for (const exception of this.all.values()) {
      const { entry, state } = exception
      const isOpen = state === 'failed' || state === 'unneeded'
      if (isOpen && isTableEntry(entry) && concerns(entry, device)) this.tryAgain(exception)
    }
  }

  /** Forgets the entries of a device, but not its link and port. */
  dropEntries(device: string): void {
    for (const [key, { entry }] of this.all) {
      if (entry.device === device && isTableEntry(entry)) this.all.delete(key)
    }
    this.scouts.delete(device)
  }

  close(): void {
    this.cancelWake()
    this.wakeAt = Number.POSITIVE_INFINITY
  }

  /** Where the entry was the one retried for its device, the other unneeded ones are retried too. */
  private dismiss(device: string, key: string): void {
    if (this.scouts.get(device) !== key) return
    this.scouts.delete(device)
    for (const exception of this.all.values())
      if (exception.state === 'unneeded' && exception.entry.device === device) this.tryAgain(exception)
  }

  private put(key: string, exception: Exception): void {
    this.all.set(key, exception)
    this.wakeBy(exception.due)
  }

  private tryAgain(exception: Exception): void {
    exception.due = Number.POSITIVE_INFINITY
    this.retry(exception.entry)
  }

  private at(delay: number): number {
    return Math.ceil((this.clock.now() + delay) / GRID_MS) * GRID_MS
  }

  private wakeBy(due: number): void {
    if (due >= this.wakeAt) return
    this.cancelWake()
    this.wakeAt = due
    this.cancelWake = this.clock.after(due - this.clock.now(), () => this.wake())
  }

  private wake(): void {
    this.wakeAt = Number.POSITIVE_INFINITY
    const now = this.clock.now()
    let next = Number.POSITIVE_INFINITY
    for (const [key, exception] of this.all) {
      if (exception.due > now) next = Math.min(next, exception.due)
      else if (exception.state === 'calm') this.all.delete(key)
      else this.tryAgain(exception)
    }
    this.wakeBy(next)
  }

  private statusOf({ state, refusal, attempts, since, due }: Exception): Status {
    switch (state) {
      case 'failed':
        return {
          state: stateOf(refusal),
          ...refusalFields(refusal),
          attempts,
          since,
          nextTry: this.epochOf(due),
        }
      case 'drifted': {
        const nextTry = this.epochOf(due)
        if (attempts < FIGHT)
          return { ...pending(since, 'changed by another program'), code: 'DRIFTED', nextTry }
        return {
          state: 'failed',
          reason: fought(attempts),
          code: 'DRIFTED',
          errno: null,
          attempts,
          since,
          nextTry,
        }
      }
      case 'unneeded':
        return { ...NOTHING_KEPT, state, ...refusalFields(refusal), since, nextTry: this.epochOf(due) }
      case 'calm':
        return PROGRAMMED
      default:
        return state satisfies never
    }
  }

  private epochOf(due: number): number | null {
    return due === Number.POSITIVE_INFINITY ? null : Math.round(this.clock.epoch() + due - this.clock.now())
  }
}

function concerns(entry: TableEntry, device: string): boolean {
  return entry.device === device || ('hops' in entry && entry.hops.some((hop) => hop.device === device))
}

function fought(times: number): string {
  return `another program changed it ${times} times and has to stop: ip monitor link neigh, bridge monitor fdb show when`
}
