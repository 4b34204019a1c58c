import { MARKER_LENGTH } from '../constants.ts'
import type { Writer } from '../wire/writer.ts'

/** Appends one message: header, then the output of `body` (RFC 4271 §4.1). */
export function writeMessage(w: Writer, type: number, body: () => void): void {
  const start = w.length
  for (let i = 0; i < MARKER_LENGTH; i++) w.u8(0xff)
  w.reserve(2)
  w.u8(type)
  body()
  const length = w.length - start
  w.view().writeUInt16BE(length, start + MARKER_LENGTH)
}
