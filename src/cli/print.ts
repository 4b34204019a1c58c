import { printable } from '../values/controls.ts'
import { CliError } from './command.ts'

/**
 * Writes to standard output; false when the reader is gone, as with `| head`. Throws on other errors, since an exit code
 * of 0 means that everything was written.
 */
export async function write(text: string): Promise<boolean> {
  const shown = printable(text, '\t\n')
  const { stdout } = process
  if (!stdout.listeners('error').includes(ignore)) stdout.on('error', ignore)
  const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
    stdout.write(shown, resolve)
  })
  if (!error) return true
  if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED') return false
  throw new CliError(`standard output cannot be written: ${error.message}`)
}

/** The same for one or more whole lines. */
export async function print(text: string): Promise<void> {
  await write(`${text}\n`)
}

/** The failed write reports it. */
function ignore(): void {}
