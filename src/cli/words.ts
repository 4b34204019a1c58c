/** `3 d 4 h`, `12 min 5 s`: the two largest units of a time in seconds. */
export function durationText(seconds: number): string {
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ]
  const first = parts.findIndex(([value]) => value > 0)
  const shown = parts.slice(first === -1 ? 3 : first, (first === -1 ? 3 : first) + 2)
  return shown.map(([value, unit]) => `${value} ${unit}`).join(' ')
}

/** `1 entry`, `2 entries`. */
export function countText(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

const SHOWN_NAMES = 8

/** The first of many names. */
export function listText(names: readonly string[]): string {
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : ''
  return `${names.slice(0, SHOWN_NAMES).join(', ')}${more}`
}
