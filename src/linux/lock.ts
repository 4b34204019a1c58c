import { closeSync, constants, fstatSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { constants as system } from 'node:os'
import { dirname } from 'node:path'
import * as libc from './libc.ts'

/**
 * The process that programs the kernel of a network namespace holds flock(2) on that namespace, and on the lock file of its state, which several
 * namespaces can share. The kernel releases both when the process ends for any reason; no stale name remains, and only the
 * directory of the state has to be writable.
 */
export interface MachineLock {
  /** What could not be locked, and why. */
  readonly warnings: readonly string[]
  release(): void
}

/** Another process has the lock; the message says which. */
export class InUse extends Error {}

export interface MachineLockOptions {
  /** Null: none. */
  readonly stateFile: string | null
  /** Create the lock file of the state where there is none. */
  readonly create: boolean
}

const NAMESPACE = '/proc/thread-self/ns/net'
const LOCK_EX = 2
const LOCK_NB = 4
const POLL_MS = 50
const TICKS_A_SECOND = 100
const LONGEST_COMMAND = 200

export function lockFileOf(stateFile: string): string {
  return `${stateFile}.lock`
}

/** Throws `InUse`. */
export function lockMachine({ stateFile, create }: MachineLockOptions): MachineLock {
  const held: number[] = []
  const warnings: string[] = []
  const release = () => {
    for (const fd of held.splice(0)) closeSync(fd)
  }
  const take = (what: string, open: () => number | null): void => {
    try {
      const fd = open()
      if (fd !== null) held.push(fd)
    } catch (error) {
      if (!(error instanceof Locked)) warnings.push(`${what} cannot be locked: ${(error as Error).message}`)
      else {
        release()
        throw new InUse(`${what} is in use ${error.message}: stop that first`)
      }
    }
  }
  take('this network namespace', () => lock(openSync(NAMESPACE, 'r')))
  if (stateFile !== null) take(`state file ${stateFile}`, () => lockPath(lockFileOf(stateFile), create))
  return { warnings, release }
}

/** As `lockMachine`, for a successor: waits this long for the previous process to end; calls `waiting` once. */
export async function awaitMachine(
  options: MachineLockOptions,
  { patienceMs, waiting }: { readonly patienceMs: number; readonly waiting: (why: string) => void },
): Promise<MachineLock> {
  const deadline = performance.now() + patienceMs
  for (let isFirst = true; ; isFirst = false) {
    try {
      return lockMachine(options)
    } catch (error) {
      if (!(error instanceof InUse) || performance.now() > deadline) throw error
      if (isFirst) waiting(error.message)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** The message names the holder. */
class Locked extends Error {}

function lock(fd: number): number {
  const result = libc.flock(fd, LOCK_EX | LOCK_NB)
  if (result >= 0) return fd
  const holder = holderOf(fd)
  closeSync(fd)
  if (result === -system.errno.EWOULDBLOCK) throw new Locked(holder)
  throw new Error(`flock: ${libc.errnoName(-result)}`)
}

/** A file that was removed before we locked it protects nothing. Null where there is none. */
function lockPath(path: string, create: boolean): number | null {
  if (create) mkdirSync(dirname(path), { recursive: true })
  else if (statSync(path, { throwIfNoEntry: false }) === undefined) return null
  for (;;) {
    const fd = lock(openSync(path, constants.O_RDWR | (create ? constants.O_CREAT : 0), 0o600))
    if (statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return fd
    closeSync(fd)
  }
}

/** From /proc/locks, which leaves out processes outside of our PID namespace, and is hidden in some containers. */
function holderOf(fd: number): string {
  const { dev, ino } = fstatSync(fd)
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)]
  const hex = (value: number) => value.toString(16).padStart(2, '0')
  const place = ` ${hex(major)}:${hex(minor)}:${ino} `
  const line = locks().find((one) => one.includes(' FLOCK ') && !one.includes('->') && one.includes(place))
  const pid = Number(line?.trim().split(/\s+/)[4])
  return pid > 0 ? processText(pid) : 'by a process that cannot be seen from here, such as one of a container'
}

function locks(): string[] {
  try {
    return readFileSync('/proc/locks', 'utf8').split('\n')
  } catch {
    return []
  }
}

function processText(pid: number): string {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      .replaceAll(/[^\x20-\x7e]+/g, ' ')
      .trim()
    return `by pid ${pid} (${command.slice(0, LONGEST_COMMAND)}), since ${startOf(pid).toISOString()}`
  } catch {
    return `by pid ${pid}`
  }
}

function startOf(pid: number): Date {
  // the name of the process, in parentheses, may contain any character
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  const boot = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]
  return new Date((Number(boot) + Math.floor(Number(fields[19]) / TICKS_A_SECOND)) * 1000)
}
