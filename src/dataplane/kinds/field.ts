import { formatIp, type Ip, parseIp } from '../../values/address.ts'
import { formatMac, type Mac, parseMac } from '../../values/mac.ts'

/** How one field of an entry is shown in JSON. */
export interface Field<T> {
  /** For messages: `a MAC address`. */
  readonly what: string
  format(value: T): unknown
  /** Undefined where it is no such value. */
  parse(raw: unknown): T | undefined
  /** The meaning of an absent field: earlier daemons did not write it. */
  readonly absent?: T
  /** Whether the entry may do without it. */
  readonly isOptional?: boolean
}

/** A field for each property of an entry, in the order in which they are shown. */
export type Fields<E> = { readonly [F in Exclude<keyof E, 'kind'>]-?: Field<E[F]> }

export const name: Field<string> = {
  what: 'a name',
  format: (value) => value,
  parse: (raw) => (typeof raw === 'string' && raw !== '' ? raw : undefined),
}

export const natural: Field<number> = {
  what: 'a whole number from 0',
  format: (value) => value,
  parse: (raw) => (Number.isSafeInteger(raw) && (raw as number) >= 0 ? (raw as number) : undefined),
}

export const flag: Field<boolean> = {
  what: 'true or false',
  format: (value) => value,
  parse: (raw) => (typeof raw === 'boolean' ? raw : undefined),
}

export const ip: Field<Ip> = {
  what: 'an IP address',
  format: formatIp,
  parse: (raw) => (typeof raw === 'string' ? parseIp(raw) : undefined),
}

export const mac: Field<Mac> = {
  what: 'a MAC address',
  format: formatMac,
  parse: (raw) => (typeof raw === 'string' ? parseMac(raw) : undefined),
}

export function oneOf<T extends string>(...values: readonly T[]): Field<T> {
  return {
    what: values.join(' or '),
    format: (value) => value,
    parse: (raw) => values.find((value) => value === raw),
  }
}

export function nullable<T>({ what, format, parse }: Field<T>): Field<T | null> {
  return {
    what: `${what} or null`,
    format: (value) => (value === null ? null : format(value)),
    parse: (raw) => (raw === null ? null : parse(raw)),
  }
}

export function list<T>({ what, format, parse }: Field<T>): Field<readonly T[]> {
  return {
    what: `a list, of which each item is ${what}`,
    format: (values) => values.map(format),
    parse(raw) {
      if (!Array.isArray(raw)) return undefined
      const values = raw.map(parse)
      return values.includes(undefined) ? undefined : (values as T[])
    },
  }
}

/** A value with fields of its own. */
export function record<T extends object>(what: string, fields: Fields<T>): Field<T> {
  return {
    what,
    format: (value) => formatFields(fields, value, {}),
    parse(raw) {
      const read = parseFields(fields, raw)
      return 'value' in read ? read.value : undefined
    },
  }
}

/** For a field that earlier daemons did not write. */
export function since<T>(field: Field<T>, absent: T): Field<T> {
  return { ...field, absent }
}

export function optional<T>(field: Field<T>): Field<T> {
  return { ...field, isOptional: true }
}

export type Parsed<T> = { readonly value: T } | { readonly field: string; readonly expected: string }

/** Adds the fields to `shown`. */
export function formatFields<T extends object, S extends object>(
  fields: Fields<T>,
  value: T,
  shown: S,
): S & Record<string, unknown> {
  const formats: Readonly<Record<string, Field<T[keyof T]>>> = fields
  const all: Record<string, unknown> = shown as Record<string, unknown>
  for (const field in formats) {
    const own = value[field as keyof T]
    if (own !== undefined) all[field] = formats[field]!.format(own)
  }
  return shown as S & Record<string, unknown>
}

/** Passes over fields that it does not know. */
export function parseFields<T extends object>(fields: Fields<T>, raw: unknown): Parsed<T> {
  if (typeof raw !== 'object' || raw === null) return { field: '', expected: 'an object' }
  const given = new Map<string, unknown>(Object.entries(raw))
  const value: Record<string, unknown> = {}
  for (const [field, { what, parse, absent, isOptional }] of entriesOf(fields)) {
    const one = given.get(field)
    if (one === undefined && isOptional) continue
    const own = one === undefined ? absent : parse(one)
    if (own === undefined) return { field, expected: what }
    value[field] = own
  }
  return { value: value as T }
}

function entriesOf<T>(fields: Fields<T>): [string, Field<T[keyof T]>][] {
  return Object.entries(fields)
}
