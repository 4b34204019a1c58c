import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runSync } from '../../src/lab/command.ts'

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** A certificate authority and what it signs, as PEM files of a directory. */
export class Authority {
  readonly directory: string
  readonly name: string
  readonly ca: string

  constructor(directory: string, name: string) {
    this.directory = directory
    this.name = name
    this.ca = join(directory, `${name}.pem`)
    this.openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      this.keyOf(name),
      '-out',
      this.ca,
      '-subj',
      `/CN=${name}`,
    )
  }

  /** Paths of a certificate for an IP address, and of its key. */
  issue(name: string, address: string): { readonly cert: string; readonly key: string } {
    const [request, extensions] = [join(this.directory, `${name}.csr`), join(this.directory, `${name}.ext`)]
    const cert = join(this.directory, `${name}.crt`)
    const key = this.keyOf(name)
    writeFileSync(extensions, `subjectAltName=IP:${address}\n`)
    this.openssl('req', ...NEW_KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`)
    const signer = ['-CA', this.ca, '-CAkey', this.keyOf(this.name), '-CAcreateserial']
    this.openssl('x509', '-req', '-in', request, '-extfile', extensions, ...signer, '-out', cert)
    return { cert, key }
  }

  private keyOf(name: string): string {
    return join(this.directory, `${name}.key`)
  }

  private openssl(...words: readonly string[]): void {
    runSync('openssl', ...words)
  }
}

export const pem = (path: string): string => readFileSync(path, 'utf8')
