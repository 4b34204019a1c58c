import { constants } from 'node:fs'
import { type FileHandle, link, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Clock } from '../clock.ts'
import type { EventSink } from '../events/event.ts'
import { type EntryChange, encodeRecord } from './journal.ts'
import type { Durability, SavedState, StateChange } from './state.ts'
import { StateReader } from './state-reader.ts'
import { encodeChange, encodeJournal, stateKeyOf } from './state-text.ts'

/** Whether the state is persisted; times are in epoch milliseconds. */
export interface StateFileHealth {
  readonly path: string
  /** When this process last wrote it; null before its first write. */
  readonly written: number | null
  /** Why it cannot be written, if it cannot. */
  readonly failure: { readonly reason: string; readonly since: number } | null
  /** Entries that cannot be encoded in JSON; all others are written. */
  readonly unkept: readonly { readonly entry: string; readonly reason: string }[]
}

/** Returns the changes since the last call, at first everything. */
export type Take = () => Iterable<StateChange>

const RETRY_MS = 5000
/** A disk that takes longer for a write does not answer: what waits for it goes on. */
const PATIENCE_MS = 5000
/** Within this time the daemon notices that another program has removed or changed the file. */
const CHECK_MS = 10_000
/** A journal is rewritten when its records are as long as its initial entries and this much more. */
const SLACK = 1 << 20
/** Each write is at the end of the file, also when another program has emptied it. */
const NEW_JOURNAL = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND

/**
 * The state in a file: a journal to which each change is appended, and which is replaced by one of the present entries at the start and
 * whenever it has grown. Beside it are `.previous`, the one before, and `.outdated`, present while the latest changes could not be written: it
 * tells the next process that the state is incomplete.
 */
export class StateFile {
  private readonly path: string
  private readonly clock: Clock
  private readonly events: EventSink
  /** The entries that are in the file, or about to be. */
  private readonly entries = new Map<string, string>()
  /** The journal of this process; null before there is one. */
  private file: FileHandle | null = null
  private length = 0
  private longest = 0
  private isSynced = true
  private saving: Promise<void> | null = null
  /** Resolves if the write under way takes too long. */
  private stall: Promise<void> = Promise.resolve()
  private isStalled = false
  private next: Promise<void> | null = null
  private nextDurability: Durability = 'written'
  /** The file is outdated. */
  private failing = false
  private isRetryDue = true
  private retry = async (): Promise<void> => {}
  private written: number | null = null
  private failure: StateFileHealth['failure'] = null
  private readonly unkept = new Map<string, string>()
  private closed = false
  private cancelCheck = (): void => {}

  constructor(path: string, clock: Clock, events: EventSink) {
    this.path = path
    this.clock = clock
    this.events = events
  }

  health(): StateFileHealth {
    const { path, written, failure } = this
    const unkept = Array.from(this.unkept, ([entry, reason]) => ({ entry, reason }))
    return { path, written, failure, unkept }
  }

  /** The last good state; null when there is none, or a newer daemon wrote it. An unreadable file is renamed to `.damaged`. */
  load(): SavedState | null {
    const loaded = new StateReader(this.path, this.events).load()
    this.failing = loaded?.isOlder === true
    return loaded?.state ?? null
  }

  /** Resolves when all changes up to the call are written, or could not be written for now. Concurrent calls share a write. */
  save(take: Take, durability: Durability): Promise<void> {
    if (this.closed) return Promise.resolve()
    if (this.saving === null) {
      this.saving = this.begin(take, durability)
      return Promise.race([this.saving, this.stall])
    }
    if (durability === 'synced') this.nextDurability = durability
    this.next ??= this.saving.then(() => {
      const all = this.nextDurability
      this.next = null
      this.nextDurability = 'written'
      return this.save(take, all)
    })
    return Promise.race([this.next, this.stall])
  }

  /**
   * Waits for the write under way, or tries once more where the last one failed, unless the disk does not answer; nothing is written after it. A
   * disk that does not answer takes no `.outdated` either: only the log can tell that changes are missing.
   */
  async close(): Promise<void> {
    if (this.failing && !this.isStalled) await this.retry()
    while (this.saving !== null && !this.isStalled) await Promise.race([this.saving, this.stall])
    this.closed = true
    this.cancelCheck()
    if (this.failing) this.events.emit({ type: 'state-incomplete', file: this.path })
    if (!this.isStalled) await this.file?.close()
  }

  private begin(take: Take, durability: Durability): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const since = this.clock.epoch()
    const cancel = this.clock.after(PATIENCE_MS, () => {
      this.stalled(since)
      resolve()
    })
    this.stall = promise
    return this.keep(take, durability).finally(() => {
      cancel()
      this.saving = null
      this.isStalled = false
    })
  }

  private async keep(take: Take, durability: Durability): Promise<void> {
    const changes = this.accept(take())
    if (this.failing && !this.isRetryDue) return
    try {
      const { file } = this
      if (file === null || this.length > this.longest) await this.replace()
      else await this.add(file, changes, durability)
      if (this.failing) await rm(`${this.path}.outdated`, { force: true })
      if (this.failing) this.events.emit({ type: 'state-kept-again', file: this.path })
      this.failing = false
      this.failure = null
      this.cancelCheck()
      this.cancelCheck = this.clock.after(CHECK_MS, () => void this.save(take, 'written'))
    } catch (error) {
      await this.failed(error as Error, take)
    }
  }

  /** Whether another program has left the file where it was, and as long as it was. */
  private async isInPlace(file: FileHandle): Promise<boolean> {
    const [ours, there] = await Promise.all([file.stat(), stat(this.path).catch(() => null)])
    return there?.dev === ours.dev && there.ino === ours.ino && there.size === this.length
  }

  /** The entries that differ from the file, without those that cannot be encoded in JSON. */
  private accept(changes: Iterable<StateChange>): EntryChange[] {
    const accepted: EntryChange[] = []
    for (const change of changes) {
      const [key, json] = this.encode(change)
      if (this.entries.get(key) === json) continue
      if (json === undefined) this.entries.delete(key)
      else this.entries.set(key, json)
      accepted.push([key, json])
    }
    return accepted
  }

  private encode(change: StateChange): EntryChange {
    const entry = stateKeyOf(change.kind, change.id)
    try {
      const encoded = encodeChange(change)
      this.unkept.delete(entry)
      return encoded
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.unkept.set(entry, reason)
      this.events.emit({ type: 'state-entry-not-kept', file: this.path, entry, reason })
      return [entry, undefined]
    }
  }

  private async append(file: FileHandle, changes: readonly EntryChange[]): Promise<void> {
    const record = encodeRecord(changes)
    this.isSynced = false
    await file.appendFile(record)
    this.length += Buffer.byteLength(record)
    this.written = this.clock.epoch()
  }

  /** Adds changes to the journal, or begins a new one if another program has removed or changed it. */
  private async add(
    file: FileHandle,
    changes: readonly EntryChange[],
    durability: Durability,
  ): Promise<void> {
    if (changes.length > 0) await this.append(file, changes)
    const [isInPlace] = await Promise.all([this.isInPlace(file), durability === 'synced' && this.sync(file)])
    if (isInPlace) return
    this.events.emit({ type: 'state-changed', file: this.path })
    await this.replace()
  }

  private async sync(file: FileHandle): Promise<void> {
    if (!this.isSynced) await file.datasync()
    this.isSynced = true
  }

  /** Begins a new journal with the present entries; if the process or the machine stops at any time, the old or the new one is complete. */
  private async replace(): Promise<void> {
    const { path } = this
    const journal = encodeJournal(this.entries)
    await mkdir(dirname(path), { recursive: true })
    const file = await open(`${path}.new`, NEW_JOURNAL, 0o600)
    try {
      await file.appendFile(journal)
      await file.sync()
      await rm(`${path}.previous`, { force: true })
      await link(path, `${path}.previous`).catch(unlessAbsent)
      await rename(`${path}.new`, path)
      await syncDirectory(dirname(path))
    } catch (error) {
      await file.close()
      throw error
    }
    await this.file?.close()
    this.file = file
    this.length = Buffer.byteLength(journal)
    this.longest = 2 * this.length + SLACK
    this.isSynced = true
    this.written = this.clock.epoch()
  }

  /** The disk does not answer: the file is outdated for as long. */
  private stalled(since: number): void {
    this.isStalled = true
    const reason = 'the disk does not answer'
    if (!this.failing) this.events.emit({ type: 'state-not-kept', file: this.path, reason })
    this.failing = true
    this.failure ??= { reason, since }
  }

  /** The file is outdated: it gets another name, which works even on a full disk. */
  private async failed({ message }: Error, take: Take): Promise<void> {
    if (!this.failing) this.events.emit({ type: 'state-not-kept', file: this.path, reason: message })
    this.failing = true
    this.failure = { reason: message, since: this.failure?.since ?? this.clock.epoch() }
    await this.file?.close().catch(() => {})
    this.file = null
    await rename(this.path, `${this.path}.outdated`).catch(() => {})
    this.isRetryDue = false
    this.cancelCheck()
    this.retry = () => {
      this.isRetryDue = true
      return this.save(take, 'synced')
    }
    this.clock.after(RETRY_MS, this.retry)
  }
}

/** Syncs the directory: only then a new name survives a power failure. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function unlessAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
