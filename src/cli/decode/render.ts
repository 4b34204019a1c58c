import type { Decoded } from './decoded.ts'
import { renderText } from './text.ts'

export type Format = 'text' | 'json' | 'jsonl'

/** The output, in pieces that can be written one by one. */
export function render(format: Format, decoded: Iterable<Decoded>): Iterable<string> {
  switch (format) {
    case 'text':
      return renderText(decoded)
    case 'json':
      return renderArray(decoded)
    case 'jsonl':
      return renderLines(decoded)
  }
}

function* renderArray(decoded: Iterable<Decoded>): Iterable<string> {
  let separator = '[\n'
  for (const one of decoded) {
    yield separator + JSON.stringify(one, null, 2).replace(/^/gm, '  ')
    separator = ',\n'
  }
  yield separator === '[\n' ? '[]\n' : '\n]\n'
}

function* renderLines(decoded: Iterable<Decoded>): Iterable<string> {
  for (const one of decoded) yield `${JSON.stringify(one)}\n`
}
