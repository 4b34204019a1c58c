import type { MessageDescription } from '../../bgp/describe/description.ts'

/** Bytes outside of messages, or missing bytes: reported, never dropped. */
export interface Note {
  readonly type: 'NOTE'
  readonly reason: string
  readonly bytes: string
}

/** The position in the input. */
export interface Location {
  readonly file?: string
  readonly line?: number
  readonly offset?: number
  readonly frame?: number
  readonly time?: string | null
  readonly source?: string
  readonly destination?: string
}

/** One object of the output. */
export type Decoded = Location & (MessageDescription | Note)

export function note(reason: string, bytes: Uint8Array = new Uint8Array(0)): Note {
  return { type: 'NOTE', reason, bytes: Buffer.from(bytes).toString('hex') }
}

/** Whether it is without errors. */
export function isClean(decoded: Decoded): boolean {
  return decoded.type !== 'NOTE' && decoded.verdict === null
}
