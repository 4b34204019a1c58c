import { NoAnswer } from '../client.ts'

const UNREACHABLE = 2

/** Runs a command that asks a daemon; without an answer it prints that, and the exit code is 2. */
export async function asking(ask: () => Promise<void>): Promise<void> {
  try {
    await ask()
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    process.stderr.write(`chanter: ${error.message}\n`)
    process.exitCode = UNREACHABLE
  }
}
