import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'

const CORPUS = new URL('../../fixtures/fuzz/', import.meta.url)
const CRASHERS = new URL('../../fixtures/bgp/crashers/', import.meta.url)

/** Inputs that once reached something new, a line of hex each. */
export function readCorpus(target: string): Buffer[] {
  const file = new URL(`${target}.hex`, CORPUS)
  if (!existsSync(file)) return []
  return readFileSync(file, 'ascii')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line, 'hex'))
}

export function writeCorpus(target: string, inputs: readonly Buffer[]): void {
  const lines = [...new Set(inputs.map((input) => input.toString('hex')))].sort()
  writeFileSync(new URL(`${target}.hex`, CORPUS), lines.map((line) => `${line}\n`).join(''))
}

export interface Crasher {
  readonly target: string
  readonly name: string
  readonly input: Buffer
}

/** Inputs that once found a fault, which the name describes. */
export function readCrashers(): Crasher[] {
  if (!existsSync(CRASHERS)) return []
  return readdirSync(CRASHERS, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.hex'))
    .sort()
    .map((path) => {
      const [target = '', file = ''] = path.split('/')
      const input = Buffer.from(readFileSync(new URL(path, CRASHERS), 'ascii').trim(), 'hex')
      return { target, name: file.replace(/\.hex$/, ''), input }
    })
}

/** Keeps a find; returns its file, which needs a descriptive name. */
export function writeCrasher(target: string, name: string, input: Buffer): string {
  const directory = new URL(`${target}/`, CRASHERS)
  mkdirSync(directory, { recursive: true })
  writeFileSync(new URL(`${name}.hex`, directory), `${input.toString('hex')}\n`)
  return `fixtures/bgp/crashers/${target}/${name}.hex`
}
