import * as z from 'zod'
import { CliError } from '../command.ts'
import { type Decoded, note } from './decoded.ts'
import { parseHexText } from './hex.ts'
import { contextOf, type SessionHints } from './session-hints.ts'
import { decodeStream } from './stream.ts'

/** An object of `--jsonl` input; its session parameters override those of the command line. */
const Line = z.strictObject({
  hex: z.string(),
  as4: z.boolean().optional(),
  ibgp: z.boolean().optional(),
  extended: z.boolean().optional(),
  add_path: z.array(z.string()).optional(),
})

/** Decodes each line on its own; an unreadable line becomes a note, so that every line has a result. */
export function* decodeLines(text: string, hints: SessionHints): Iterable<Decoded> {
  for (const [index, content] of text.split('\n').entries()) {
    const place = { line: index + 1 }
    if (content.trim() === '') continue
    try {
      const { hex, as4, ibgp, extended, add_path } = parseLine(content.trim())
      const context = contextOf({
        as4: as4 ?? hints.as4,
        internal: ibgp ?? hints.internal,
        extended: extended ?? hints.extended,
        addPath: add_path ?? hints.addPath,
      })
      yield* decodeStream(parseHexText(hex), context, place)
    } catch (error) {
      if (!(error instanceof CliError)) throw error
      yield { ...place, ...note(error.message) }
    }
  }
}

function parseLine(line: string): z.infer<typeof Line> {
  if (!/^["{]/.test(line)) return { hex: line }
  const data = parseJson(line)
  if (typeof data === 'string') return { hex: data }
  const { success, data: parsed, error } = Line.safeParse(data)
  if (success) return parsed
  throw new CliError(error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; '))
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw new CliError('not JSON')
  }
}
