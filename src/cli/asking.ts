import { NoAnswer } from '../client.ts'
import { printable } from '../values/controls.ts'

const UNREACHABLE = 2

/** Runs a command that asks a daemon; without an answer it prints that, and the exit code is 2. */
export async function asking(ask: () => Promise<void>): Promise<void> {
  try {
    await ask()
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    process.stderr.write(`chanter: ${printable(error.message)}\n`)
    process.exitCode = UNREACHABLE
  }
}
