import { existsSync, rmSync } from 'node:fs'
import { systemClock } from './clock.ts'
import { LinuxDriver } from './dataplane/linux/driver.ts'
import { ownedObjects } from './dataplane/linux/ownership.ts'
import { isThisBoot, isThisKernel } from './linux/kernel.ts'
import { lockFileOf, lockMachine } from './linux/lock.ts'
import { externalDevices } from './vpn/linux/external-devices.ts'
import { formerWork } from './vpn/linux/former-work.ts'
import { peekState, stateFiles } from './vpn/state-reader.ts'

export interface CleanupOptions {
  /** Null: no state file. */
  readonly stateFile: string | null
  /** Report what would be removed, and remove nothing. */
  readonly dryRun: boolean
}

/** One owned object. `refused` says why it is still there; null where it is gone, or would be. */
export interface Cleaned {
  readonly what: string
  readonly refused: string | null
}

const NOWHERE = { bridges: [], vxlans: [], localMacs: [] }

/** Removes everything owned from the network namespace of this process, then the state file. Throws `InUse` while a daemon runs. */
export async function* runCleanup(options: CleanupOptions): AsyncIterable<Cleaned> {
  const { stateFile, dryRun } = options
  const lock = dryRun ? null : lockMachine({ stateFile, create: false })
  try {
    yield* cleaned(options)
  } finally {
    lock?.release()
  }
}

async function* cleaned({ stateFile, dryRun }: CleanupOptions): AsyncIterable<Cleaned> {
  const state = stateFile === null ? null : peekState(stateFile)
  const isHere = state !== null && isThisKernel(state.kernel)
  const driver = new LinuxDriver({ clock: systemClock, former: formerWork(isHere ? state : null) })
  let isDone = true
  try {
    const places = isHere ? externalDevices(state) : NOWHERE
    for (const { what, remove } of await ownedObjects(driver, places)) {
      const refused = dryRun ? null : ((await remove())?.text ?? null)
      if (refused !== null) isDone = false
      yield { what, refused }
    }
  } finally {
    driver.close()
  }
  if (stateFile === null) return
  const files = [...stateFiles(stateFile), lockFileOf(stateFile)].filter((file) => existsSync(file))
  const why =
    // of this boot, but of another network namespace: another daemon's
    state !== null && !isHere && isThisBoot(state.kernel)
      ? 'it is of another network namespace; if that is gone, delete it'
      : null
  for (const file of files) yield cleanFile(file, isDone ? why : 'it is needed to try again', dryRun)
}

function cleanFile(file: string, kept: string | null, dryRun: boolean): Cleaned {
  if (kept === null && !dryRun) rmSync(file)
  return { what: `file ${file}`, refused: kept }
}
