import { mkdirSync, readFileSync, renameSync } from 'node:fs'
import { link, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import type { Clock } from '../clock.ts'
import { decodeState, encodeState, type State, Unreadable } from './state.ts'

/** Where the state outlives the process. */
export interface StateStore {
  /** Resolves when a state taken after the call is kept, or when it turned out that it cannot be for now. */
  save(take: () => State): Promise<void>
}

/** What a daemon found of its predecessor. */
export interface Loaded {
  readonly state: State
  /** It may lack what happened last: agents have to be made to say everything again. */
  readonly outdated: boolean
}

/** The state file, and whatever may lie beside it. */
export function stateFiles(path: string): string[] {
  return ['', '.new', '.previous', '.outdated', '.damaged'].map((suffix) => `${path}${suffix}`)
}

/** The last good state, as `load` takes it, but nothing is renamed; null when there is none. */
export function peekState(path: string): State | null {
  for (const suffix of ['', '.outdated', '.previous']) {
    try {
      return decodeState(readFileSync(`${path}${suffix}`, 'utf8'))
    } catch (error) {
      const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (!isAbsent && !(error instanceof Unreadable)) throw error
    }
  }
  return null
}

/** Whether the state is kept; times are in epoch milliseconds. */
export interface StateFileHealth {
  readonly path: string
  /** When it was last written by this process; null when it was not yet. */
  readonly written: number | null
  /** Why it cannot be written, if it cannot. */
  readonly failure: { readonly reason: string; readonly since: number } | null
}

const RETRY_MS = 5000

/**
 * The state in a file, replaced as a whole by a rename. Beside it stay `.previous`, the one before, and `.outdated` while
 * what happened last could not be written: by it the next daemon knows that it does not know everything.
 */
export class StateFile implements StateStore {
  private readonly path: string
  private readonly clock: Clock
  private readonly log: Logger
  private writing: Promise<void> | null = null
  private next: Promise<void> | null = null
  /** What is on disk is outdated. */
  private failing = false
  private written: number | null = null
  private failure: StateFileHealth['failure'] = null
  private closed = false

  constructor(path: string, clock: Clock, log: Logger) {
    this.path = path
    this.clock = clock
    this.log = log
  }

  health(): StateFileHealth {
    const { path, written, failure } = this
    return { path, written, failure }
  }

  /** The last good state; null when there is none. What cannot be read is set aside as `.damaged`, never overwritten. */
  load(): Loaded | null {
    const current = this.read(this.path)
    if (current !== null) return { state: current, outdated: false }
    for (const suffix of ['outdated', 'previous']) {
      const older = this.read(`${this.path}.${suffix}`)
      if (older === null) continue
      this.failing = true
      this.log.warn(
        { file: `${this.path}.${suffix}` },
        'going on from an older state: agents will attach again',
      )
      return { state: older, outdated: true }
    }
    return null
  }

  save(take: () => State): Promise<void> {
    if (this.closed) return Promise.resolve()
    if (this.writing === null) {
      this.writing = this.write(take).finally(() => {
        this.writing = null
      })
      return this.writing
    }
    this.next ??= this.writing.then(() => {
      this.next = null
      return this.save(take)
    })
    return this.next
  }

  /** Waits for what is being written; nothing is written after it. */
  async close(): Promise<void> {
    while (this.writing !== null) await this.writing
    this.closed = true
  }

  private async write(take: () => State): Promise<void> {
    const { path } = this
    try {
      mkdirSync(dirname(path), { recursive: true })
      await writeFile(`${path}.new`, encodeState(take()), { mode: 0o600 })
      await rm(`${path}.previous`, { force: true })
      await link(path, `${path}.previous`).catch(unlessAbsent)
      await rename(`${path}.new`, path)
      if (this.failing) await rm(`${path}.outdated`, { force: true })
      if (this.failing) this.log.warn({ file: path }, 'state is kept again')
      this.failing = false
      this.failure = null
      this.written = this.clock.epoch()
    } catch (error) {
      await this.failed(error as Error, take)
    }
  }

  /** The state on disk is not true any more: it gets another name, which a full disk has room for. */
  private async failed({ message }: Error, take: () => State): Promise<void> {
    if (!this.failing) this.log.error({ file: this.path, reason: message }, 'state cannot be kept')
    this.failing = true
    this.failure = { reason: message, since: this.failure?.since ?? this.clock.epoch() }
    await rename(this.path, `${this.path}.outdated`).catch(() => {})
    this.clock.after(RETRY_MS, () => void this.save(take))
  }

  private read(path: string): State | null {
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw new Error(`state file ${path}: ${(error as Error).message}`)
    }
    try {
      return decodeState(text)
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      this.setAside(path, error.message)
      return null
    }
  }

  private setAside(path: string, reason: string): void {
    const aside = `${this.path}.damaged`
    this.log.error({ file: path, reason, aside }, 'state file cannot be used')
    renameSync(path, aside)
  }
}

function unlessAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
