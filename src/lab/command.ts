import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'

const TIMEOUT_MS = 120_000

/** Runs a program to its end and returns its output; a failure's message has the command line and the program's own message. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, { timeout: TIMEOUT_MS, maxBuffer: 1 << 26 })
    return stdout
  } catch (error) {
    throw failed(program, args, error)
  }
}

/** As `run`, at once: for the clean-up of a process that is ending. */
export function runSync(program: string, ...args: readonly string[]): string {
  try {
    return execFileSync(program, args, {
      timeout: TIMEOUT_MS,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (error) {
    throw failed(program, args, error)
  }
}

function failed(program: string, args: readonly string[], error: unknown): Error {
  const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string }
  return new Error(`${[program, ...args].join(' ')}: ${stderr.trim() || stdout.trim() || message}`)
}
