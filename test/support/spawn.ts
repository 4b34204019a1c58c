import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import koffi from 'koffi'
import { errnoName } from '../../src/linux/libc.ts'

const libc = koffi.load(null)
const initActions = libc.func('int posix_spawn_file_actions_init(void *)')
const addDup2 = libc.func('int posix_spawn_file_actions_adddup2(void *, int, int)')
const destroyActions = libc.func('int posix_spawn_file_actions_destroy(void *)')
const posixSpawn = libc.func(
  'int posix_spawnp(_Out_ int *pid, const char *, void *, void *, const char **argv, const char **envp)',
)
const waitpid = libc.func('int waitpid(int, _Out_ int *status, int)')

/** More than any C library needs. */
const ACTIONS_BYTES = 512

export interface Ended {
  /** The exit code, or 128 and the signal. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a program to its end. Unlike what Node has for it, this does not make a copy of our process first, which in the guest takes
 * several times as long as a small program does.
 */
export function spawnSync(program: string, words: readonly string[], input = ''): Ended {
  const directory = mkdtempSync(join(tmpdir(), 'spawn-'))
  const path = (name: string) => join(directory, name)
  const toWrite = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND
  try {
    writeFileSync(path('stdin'), input)
    const fds = [
      openSync(path('stdin'), 'r'),
      ...['stdout', 'stderr'].map((name) => openSync(path(name), toWrite)),
    ]
    const code = spawnAndWait(program, words, fds)
    return {
      code,
      stdout: readFileSync(path('stdout'), 'utf8'),
      stderr: readFileSync(path('stderr'), 'utf8'),
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** The same for a program that has to succeed: what it printed. */
export function outputOf(program: string, words: readonly string[], input = ''): string {
  const { code, stdout, stderr } = spawnSync(program, words, input)
  if (code === 0) return stdout
  throw new Error(
    `${[program, ...words].join(' ')}: ${stderr.trim() || stdout.trim() || `exit code ${code}`}`,
  )
}

/** Closes the files, which become those that every program has. */
function spawnAndWait(program: string, words: readonly string[], fds: readonly number[]): number {
  const actions = Buffer.alloc(ACTIONS_BYTES)
  initActions(actions)
  try {
    for (const [target, fd] of fds.entries()) addDup2(actions, fd, target)
    const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`)
    const pid = [0]
    const errno = posixSpawn(pid, program, actions, null, [program, ...words, null], [...environment, null])
    if (errno !== 0) throw new Error(`${program}: ${errnoName(errno)}`)
    const status = [0]
    while (waitpid(pid[0], status, 0) !== pid[0]);
    const [value = 0] = status
    return (value & 0x7f) === 0 ? value >> 8 : 128 + (value & 0x7f)
  } finally {
    destroyActions(actions)
    for (const fd of fds) closeSync(fd)
  }
}
