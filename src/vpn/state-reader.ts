import { linkSync, readFileSync, renameSync, rmSync } from 'node:fs'
import type { EventSink } from '../events/event.ts'
import { pathReason } from '../values/path-reason.ts'
import type { SavedState } from './state.ts'
import { NewerState, type ReadState, readState, Unreadable } from './state-text.ts'

/** The state file, and the files beside it. */
export function stateFiles(path: string): string[] {
  return ['', '.new', '.previous', '.outdated', '.damaged'].map((suffix) => `${path}${suffix}`)
}

/** The latest state that can be read, without renaming files; null when there is none. */
export function peekState(path: string): SavedState | null {
  for (const suffix of ['', '.outdated', '.previous']) {
    try {
      return readState(readFileSync(`${path}${suffix}`, 'utf8')).state
    } catch (error) {
      const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (!isAbsent && !(error instanceof Unreadable)) throw error
    }
  }
  return null
}

/** Finds the state of the last process among the state file and those beside it. */
export class StateReader {
  private readonly path: string
  private readonly events: EventSink
  /** The file is of a newer daemon: older ones are outdated by more than a restart. */
  private isNewer = false
  /** A file could not be read as a state. */
  private isDamaged = false

  constructor(path: string, events: EventSink) {
    this.path = path
    this.events = events
  }

  /** The last good state, and whether later changes are missing; null when there is none, or a newer daemon wrote it. An unreadable file is renamed to `.damaged`. */
  load(): { readonly state: SavedState; readonly isOlder: boolean } | null {
    const current = this.read(this.path)
    if (current !== null) return { state: current.state, isOlder: false }
    if (this.isNewer) return null
    const outdated = this.older('outdated')
    // where nothing is damaged, someone has removed the file: that is no reason to go back to the one before it
    const older = outdated !== null || !this.isDamaged ? outdated : this.older('previous')
    return older === null ? null : { state: older, isOlder: true }
  }

  private older(suffix: 'outdated' | 'previous'): SavedState | null {
    const file = `${this.path}.${suffix}`
    const read = this.read(file)
    if (read === null) return null
    this.events.emit({ type: 'state-older', file })
    try {
      // should this process end before it writes, the next one restores the same
      renameSync(file, `${this.path}.outdated`)
    } catch {
      // on a read-only disk, the damaged file has stayed too
    }
    return read.state
  }

  private read(path: string): ReadState | null {
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw new Error(`state file ${path}: ${pathReason(error)}`)
    }
    try {
      const read = readState(text)
      this.reportLosses(path, read)
      return read
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      this.isNewer = error instanceof NewerState
      this.isDamaged = true
      const aside = this.keepDamaged((name) => renameSync(path, name))
      this.events.emit({ type: 'state-unusable', file: path, reason: error.message, aside })
      return null
    }
  }

  private reportLosses(file: string, { torn, damage }: ReadState): void {
    if (torn > 0) this.events.emit({ type: 'state-torn', file, octets: torn })
    if (damage === null) return
    const aside = this.keepDamaged((name) => linkSync(file, name))
    this.events.emit({ type: 'state-damaged', file, reason: damage, aside })
  }

  /** Keeps a damaged file under another name; null where that is not possible, as on a read-only disk: what can be read is used all the same. */
  private keepDamaged(keepAs: (name: string) => void): string | null {
    const aside = `${this.path}.damaged`
    try {
      rmSync(aside, { force: true })
      keepAs(aside)
      return aside
    } catch {
      return null
    }
  }
}
