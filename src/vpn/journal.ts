import { crc32 } from 'node:zlib'

/** An entry under its key as JSON; undefined where it is gone. */
export type EntryChange = readonly [key: string, json: string | undefined]

/** The content of a journal. */
export interface Replay {
  readonly entries: ReadonlyMap<string, unknown>
  /** How many lines were read. */
  readonly records: number
  /** Octets of an incomplete last line: its change was never acknowledged. */
  readonly torn: number
  /** Why reading stopped at a line; null where all were read. */
  readonly damage: string | null
}

/** One line with its checksum: changes that are applied together. */
export function encodeRecord(changes: readonly EntryChange[]): string {
  const pairs = changes.map(
    ([key, json]) => `[${JSON.stringify(key)}${json === undefined ? '' : `,${json}`}]`,
  )
  const body = `[${pairs.join()}]`
  return `${checksum(body)} ${body}\n`
}

/** Applies one record after the other, up to the first incomplete one. */
export function replay(text: string): Replay {
  const entries = new Map<string, unknown>()
  let start = 0
  for (let records = 0; ; records++) {
    const read = { entries, records, torn: 0, damage: null }
    if (start === text.length) return read
    const end = text.indexOf('\n', start)
    if (end < 0) return { ...read, torn: Buffer.byteLength(text.slice(start)) }
    const changes = decodeRecord(text.slice(start, end))
    if (changes === null) return { ...read, damage: `the checksum of record ${records + 1} is wrong` }
    for (const [key, ...value] of changes) {
      if (value.length === 0) entries.delete(key)
      else entries.set(key, value[0])
    }
    start = end + 1
  }
}

function decodeRecord(line: string): [string, unknown?][] | null {
  const body = line.slice(9)
  return line.slice(0, 9) === `${checksum(body)} ` ? JSON.parse(body) : null
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}
