/** Line separators and marks that reorder text (UTS 55), of which terminals and viewers of logs make something else. */
const MARKS = '\\u2028-\\u202e\\u2066-\\u2069'
/** Characters that a terminal acts on: C0 and C1 controls, DEL. */
const CONTROLS = new RegExp(`[\\0-\\x1f\\x7f-\\x9f${MARKS}]`, 'g')
const IN_JSON = new RegExp(`[\\x7f-\\x9f${MARKS}]`, 'g')

const unicode = (found: string): string => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`

/** The same JSON text without characters that act on a terminal; those below U+0020 are escaped in all JSON. */
export function safeJson(json: string): string {
  return json.replace(IN_JSON, unicode)
}

export function hasControls(text: string): boolean {
  return text.search(CONTROLS) >= 0
}

/** The text with `\x1b` and `\u202e` for characters that act on a terminal; `kept` are not replaced. */
export function printable(text: string, kept = ''): string {
  return text.replace(CONTROLS, (found) => {
    if (kept.includes(found)) return found
    return found < '\u0100' ? `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}` : unicode(found)
  })
}

/** A value of JSON, all its texts `printable`: none of them can begin a line. */
export function printableValue<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, part) => (typeof part === 'string' ? printable(part) : part))
}
