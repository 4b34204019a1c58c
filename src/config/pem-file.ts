import { readRegularFile } from './regular-file.ts'

/** Certificates or a key in a file (RFC 7468). Logs and JSON show the file's path instead. */
export class PemFile {
  readonly path: string
  readonly #text: string

  /** Throws where the file cannot be read, or holds no PEM. */
  constructor(path: string) {
    this.path = path
    this.#text = readRegularFile(path).toString()
    if (!this.#text.includes('-----BEGIN ')) throw new Error(`${path} holds no line -----BEGIN`)
  }

  get text(): string {
    return this.#text
  }

  toString(): string {
    return this.path
  }

  toJSON(): string {
    return this.path
  }
}
