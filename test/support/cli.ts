import { onTestFinished, vi } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'

/** What a command line printed, and why it failed. */
export interface Outcome {
  readonly output: string
  readonly error: string | undefined
  readonly exitCode: typeof process.exitCode
}

/** Runs a command line of chanter in this process. */
export async function chanter(...args: readonly string[]): Promise<Outcome> {
  let output = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk, done: unknown) => {
    output += chunk
    if (typeof done === 'function') done()
    return true
  })
  const log = vi.spyOn(console, 'log').mockImplementation((line) => {
    output += `${line}\n`
  })
  const before = process.exitCode
  onTestFinished(() => {
    process.exitCode = before
  })
  try {
    const error = await runProgram(args).then(
      () => undefined,
      (reason: Error) => reason.message,
    )
    return { output, error, exitCode: process.exitCode }
  } finally {
    write.mockRestore()
    log.mockRestore()
  }
}
