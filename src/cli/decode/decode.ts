import { CliError } from '../command.ts'
import { readCapture } from './capture.ts'
import { decodeCapture } from './captured.ts'
import type { Decoded } from './decoded.ts'
import { parseHexText } from './hex.ts'
import type { Input } from './input.ts'
import { decodeLines } from './lines.ts'
import { contextOf, type SessionHints } from './session-hints.ts'
import { decodeStream } from './stream.ts'

export interface Manner {
  readonly hints: SessionHints
  /** The TCP port of BGP in a capture. */
  readonly port: number
  /** Text has an object or a string of hex in each line. */
  readonly lines: boolean
}

/** Decodes an input by the type that its first bytes show: a capture, text, or the messages themselves. */
export function decodeInput(input: Input, { hints, port, lines }: Manner): Iterable<Decoded> {
  const { file, bytes, isHex } = input
  const context = contextOf(hints)
  if (isHex) return decodeStream(bytes, context)
  const capture = readCapture(bytes)
  if (capture !== undefined) return decodeCapture(capture, port, context)
  const text = textOf(bytes)
  if (lines && text !== undefined) return decodeLines(text, hints)
  const stream = text === undefined ? bytes : parseHexText(text)
  if (stream.length === 0) throw new CliError(`nothing to decode in ${file ?? 'the input'}`)
  return decodeStream(stream, context)
}

/** The bytes as text; undefined when they are not all printable ASCII, as a marker is not. */
function textOf(bytes: Buffer): string | undefined {
  const text = bytes.toString('latin1')
  return /^[\t\r\n -~]*$/.test(text) ? text : undefined
}
