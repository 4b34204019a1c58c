import type { Json, JsonObject } from '../../values/json.ts'

const WRAP_AT = 80
const HEX_SHOWN = 2 * 48

/** A value in words, in as many lines as it takes. */
export function valueLines(value: Json): string[] {
  if (isList(value)) {
    if (value.length === 0) return ['(none)']
    return value.every(isScalar) ? wrap(value.map(scalarWords)) : value.flatMap(valueLines)
  }
  return isScalar(value) ? [scalarWords(value)] : objectLines(value)
}

/** The scalars first, then the lists: those of objects need no name, since each item says what it is. */
function objectLines(object: JsonObject): string[] {
  const scalars = objectWords(object)
  const lists = Object.entries(object).flatMap(([key, value]) => {
    if (isScalar(value)) return []
    const named = isList(value) && value.every(isScalar)
    return named ? [`${nameOf(key)} ${valueLines(value).join(' ')}`] : valueLines(value)
  })
  return scalars === '' ? lists : [scalars, ...lists]
}

/** The scalars of an object, each as `name value`. */
export function cellsOf(object: JsonObject): string[] {
  return Object.entries(object)
    .filter(([, value]) => isScalar(value))
    .map(([key, value]) => {
      const unit = key.endsWith('_seconds') ? ' s' : ''
      return `${nameOf(key)} ${scalarWords(value)}${unit}`
    })
}

export function objectWords(object: JsonObject): string {
  return cellsOf(object).join(', ')
}

/** Hex, truncated where it is long. */
export function hexWords(hex: string): string {
  return hex.length <= HEX_SHOWN ? hex : `${hex.slice(0, HEX_SHOWN)}… (${hex.length / 2} bytes)`
}

function scalarWords(value: Json): string {
  if (value === null || value === '') return '-'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return String(value)
}

/** Consecutive items, in lines of a readable length. */
function wrap(items: readonly string[]): string[] {
  const lines: string[] = []
  for (const item of items) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + item.length < WRAP_AT) lines[lines.length - 1] = `${last} ${item}`
    else lines.push(item)
  }
  return lines
}

const nameOf = (key: string): string => key.replace(/_seconds$/, '').replaceAll('_', ' ')

function isScalar(value: Json): value is null | boolean | number | string {
  return value === null || typeof value !== 'object'
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
