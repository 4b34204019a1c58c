import { type Decoded, isClean, type Location } from './decoded.ts'
import { bodyLines } from './message-text.ts'
import { hexWords } from './words.ts'

/** Messages in readable form, each with its errors, and at the end their number. */
export function* renderText(decoded: Iterable<Decoded>): Iterable<string> {
  const counts = new Map<string, number>()
  let total = 0
  let unclean = 0
  for (const one of decoded) {
    yield [...(total === 0 ? [] : ['']), head(one), ...body(one)].map((line) => `${line}\n`).join('')
    counts.set(one.type, (counts.get(one.type) ?? 0) + 1)
    total++
    if (!isClean(one)) unclean++
  }
  if (total > 1) {
    const parts = [...counts].map(([type, count]) => `${count} ${type}`)
    yield `\n${parts.join(', ')}; ${unclean === 0 ? 'nothing' : unclean} malformed\n`
  }
}

function head(one: Decoded): string {
  const what = one.type === 'NOTE' ? one.reason : `${one.type}, ${one.length} bytes`
  const verdict = one.type === 'NOTE' || one.verdict === null ? [] : [`! ${one.verdict}`]
  return [...locationWords(one), what, ...verdict].join('  ')
}

function locationWords({ file, frame, time, source, destination, offset }: Location): string[] {
  return [
    ...(file === undefined ? [] : [file]),
    ...(frame === undefined ? [] : [`frame ${frame}`]),
    ...(time ? [time] : []),
    ...(source === undefined ? [] : [`${source} → ${destination}`]),
    ...(offset === undefined || offset === 0 ? [] : [`byte ${offset}`]),
  ]
}

function body(one: Decoded): string[] {
  const lines = one.type === 'NOTE' ? [one.bytes].filter(Boolean).map(hexWords) : bodyLines(one)
  return lines.map((line) => `  ${line}`)
}
