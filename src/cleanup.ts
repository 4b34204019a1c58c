import { existsSync, rmSync } from 'node:fs'
import { systemClock } from './clock.ts'
import { LinuxDriver } from './dataplane/linux/driver.ts'
import { oursIn } from './dataplane/ours.ts'
import { kernelIdentity } from './linux/kernel.ts'
import { foreignPlaces } from './vpn/foreign.ts'
import type { State } from './vpn/state.ts'
import { peekState, stateFiles } from './vpn/state-file.ts'

export interface CleanupOptions {
  /** Null: none is looked at. */
  readonly stateFile: string | null
  /** Say what would be removed, and remove nothing. */
  readonly dryRun: boolean
}

/** One thing of ours. `refused` says why it is still there; null where it is gone, or would be. */
export interface Cleaned {
  readonly what: string
  readonly refused: string | null
}

const NOWHERE = { bridges: [], vxlans: [], localMacs: [] }

/** Removes what is ours from the network namespace that this process is in, then the state that tells of it. */
export function* runCleanup({ stateFile, dryRun }: CleanupOptions): Iterable<Cleaned> {
  const state = stateFile === null ? null : peekState(stateFile)
  const here = kernelIdentity()
  const isHere = state?.kernel === here
  const driver = new LinuxDriver({ clock: systemClock, programs: isHere ? (state.programs ?? []) : [] })
  let isDone = true
  try {
    const places = isHere ? foreignPlaces(state) : NOWHERE
    for (const { what, remove } of [...oursIn(driver, places)]) {
      const refused = dryRun ? null : remove()
      if (refused !== null) isDone = false
      yield { what, refused }
    }
  } finally {
    driver.close()
  }
  if (stateFile === null) return
  const files = stateFiles(stateFile).filter((file) => existsSync(file))
  const why =
    state !== null && isElsewhere(state, here)
      ? 'it is of another network namespace; if that is gone, delete it'
      : null
  for (const file of files) yield cleanFile(file, isDone ? why : 'it is needed to try again', dryRun)
}

/** The state is of this boot, but of other networks: another daemon's. */
function isElsewhere({ kernel }: State, here: string): boolean {
  const [boot] = here.split('/')
  return kernel !== here && kernel.startsWith(`${boot}/`)
}

function cleanFile(file: string, kept: string | null, dryRun: boolean): Cleaned {
  if (kept === null && !dryRun) rmSync(file)
  return { what: `file ${file}`, refused: kept }
}
