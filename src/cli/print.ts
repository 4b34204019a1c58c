import { CliError } from './command.ts'

/** Control characters that a terminal would act on; names of VPN instances may have any. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g

/**
 * Writes to standard output; false when the reader is gone, as with `| head`. Throws on other errors, since an exit code
 * of 0 means that everything was written.
 */
export async function write(text: string): Promise<boolean> {
  const shown = text.replace(CONTROLS, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`)
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
