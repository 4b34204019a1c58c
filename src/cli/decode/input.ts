import { existsSync, readFileSync } from 'node:fs'
import { CliError } from '../command.ts'
import { parseHexText } from './hex.ts'

/** Something to decode. */
export interface Input {
  /** The file it was read from; null for arguments and standard input. */
  readonly file: string | null
  readonly bytes: Buffer
  /** The bytes are messages in any case: they were given in hex as arguments. */
  readonly isHex: boolean
}

/**
 * The inputs in the arguments: `files`, then `words`, which are files or hex; adjacent words of hex belong together. Without
 * both it is standard input.
 */
export async function readInputs(words: readonly string[], files: readonly string[]): Promise<Input[]> {
  const inputs = files.map(readFile)
  let hex: string[] = []
  const closeHex = (): void => {
    if (hex.length > 0)
      inputs.push({ file: null, bytes: parseHexText(hex.join(' '), 'neither a file nor hex'), isHex: true })
    hex = []
  }
  for (const word of words) {
    if (existsSync(word)) {
      closeHex()
      inputs.push(readFile(word))
    } else hex.push(word)
  }
  closeHex()
  return inputs.length > 0 ? inputs : [{ file: null, bytes: await readStandardInput(), isHex: false }]
}

function readFile(file: string): Input {
  try {
    return { file, bytes: readFileSync(file), isHex: false }
  } catch (error) {
    throw new CliError(`cannot read ${file}: ${error instanceof Error ? error.message : error}`)
  }
}

async function readStandardInput(): Promise<Buffer> {
  if (process.stdin.isTTY)
    throw new CliError('give hex or a file, or pipe something in; see chanter decode --help')
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}
