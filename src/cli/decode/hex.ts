import { CliError } from '../command.ts'

/**
 * The bytes that `text` contains in hex, in groups of any length between spaces, colons and commas, with or without `0x`.
 * `complaint` describes an invalid group.
 */
export function parseHexText(text: string, complaint = 'not hex'): Buffer {
  const digits = text
    .split(/[\s:,]+/)
    .map((group) => {
      const plain = group.replace(/^0x/i, '')
      if (!/^[0-9a-f]*$/i.test(plain)) throw new CliError(`${complaint}: ${shorten(group)}`)
      if (plain.length % 2 !== 0) throw new CliError(`an odd number of hex digits: ${shorten(group)}`)
      return plain
    })
    .join('')
  return Buffer.from(digits, 'hex')
}

const SHOWN = 40

function shorten(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)
}
