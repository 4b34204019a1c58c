import { readFileSync } from 'node:fs'

/** The kernel takes no longer ones (TCP_MD5SIG_MAXKEYLEN). */
const MAX_KEY_OCTETS = 80

/** The secret in a file, without line breaks at its end. It shows in no log and no JSON: there it is the file's path. */
export class KeyFile {
  readonly path: string
  readonly #key: string

  /** Throws where the file cannot be read, or holds no key of 1 to 80 octets. */
  constructor(path: string) {
    this.path = path
    this.#key = readFileSync(path, 'utf8').replace(/[\r\n]+$/, '')
    const octets = Buffer.byteLength(this.#key)
    if (octets === 0 || octets > MAX_KEY_OCTETS)
      throw new Error(`${path} holds ${octets} octets, a key has 1 to ${MAX_KEY_OCTETS}`)
  }

  get key(): string {
    return this.#key
  }

  toJSON(): string {
    return this.path
  }
}
