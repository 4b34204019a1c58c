import { isUtf8 } from 'node:buffer'
import { statSync } from 'node:fs'
import { type ConfigFinding, finding } from './finding.ts'
import { readRegularFile } from './regular-file.ts'
import type { ShownSetting } from './shown-settings.ts'

/** The maximum of the kernel (TCP_MD5SIG_MAXKEYLEN). */
const MAX_KEY_OCTETS = 80

/** The secret in a file, without line breaks at its end. Logs and JSON show the file's path instead. */
export class KeyFile {
  readonly path: string
  readonly #key: string

  /** Throws where the file cannot be read, or holds no key of 1 to 80 octets: one that is no text would become another key. */
  constructor(path: string) {
    this.path = path
    const content = readRegularFile(path)
    if (!isUtf8(content)) throw new Error(`${path} is no text in UTF-8`)
    this.#key = content.toString().replace(/[\r\n]+$/, '')
    const octets = Buffer.byteLength(this.#key)
    if (octets === 0 || octets > MAX_KEY_OCTETS)
      throw new Error(`${path} holds ${octets} octets, a key has 1 to ${MAX_KEY_OCTETS}`)
  }

  get key(): string {
    return this.#key
  }

  toString(): string {
    return this.path
  }

  toJSON(): string {
    return this.path
  }
}

const OTHERS_READ = 0o004

/** Which of some files every user of the machine can read at present, in sentences. */
export function exposed(paths: Iterable<string>): string[] {
  return [...new Set(paths)]
    .filter(isOpen)
    .map(
      (path) =>
        `every user of this machine can read the key in ${path}: chmod o-rwx ${path}, and change the key`,
    )
}

/** The same at the options that name the files. */
export function* exposures(
  keyFiles: readonly string[],
  settings: readonly ShownSetting[],
): Iterable<ConfigFinding> {
  for (const { section, option, value, position, follows } of settings) {
    if (typeof value !== 'string' || position === null || follows !== null || !keyFiles.includes(value))
      continue
    for (const reason of exposed([value]))
      yield finding('warning', 'exposed-key', position, reason, { section, option, value })
  }
}

/** False where it cannot be examined: a loop of links, perhaps, or a directory that is closed to this process. */
function isOpen(path: string): boolean {
  try {
    return (statSync(path).mode & OTHERS_READ) !== 0
  } catch {
    return false
  }
}
