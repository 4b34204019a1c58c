/** JSON as Python's `json.dumps` writes it. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    return `{${members.map(([name, member]) => `${pythonJson(name)}: ${pythonJson(member)}`).join(', ')}}`
  }
  return JSON.stringify(value ?? null).replace(
    /[\x7f-\uffff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The octets of a text as Python shows them: `b'null'`. */
export function pythonBytes(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const octets = [...Buffer.from(text)].map((octet) => {
    const one = String.fromCharCode(octet)
    if (one === '\\' || one === quote) return `\\${one}`
    if (one === '\n') return '\\n'
    if (one === '\r') return '\\r'
    if (one === '\t') return '\\t'
    return octet >= 0x20 && octet < 0x7f ? one : `\\x${octet.toString(16).padStart(2, '0')}`
  })
  return `b${quote}${octets.join('')}${quote}`
}
