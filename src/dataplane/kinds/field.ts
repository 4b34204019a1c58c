import { formatIp, type Ip, parseIp } from '../../values/address.ts'
import { formatMac, type Mac, parseMac } from '../../values/mac.ts'

/** How one field of an entry is shown in JSON, as `J`. */
export interface Field<T, J = unknown> {
  /** For messages: `a MAC address`. */
  readonly what: string
  readonly type: FieldType
  /** Its meaning, for readers of the API. */
  readonly description?: string
  format(value: T): J
  /** Undefined where it is no such value. */
  parse(raw: unknown): T | undefined
  /** The one of several values of the same meaning that a table keeps. */
  normal?(value: T): T
  /** The meaning of an absent field: earlier daemons did not write it. */
  readonly absent?: T
  /** Whether an entry may do without it: wanted ones do. */
  readonly isOptional?: true
}

/** What a field is made of: schemas are made from it, and any value for tests. */
export type FieldType =
  | { readonly is: 'name' | 'flag' | 'ip' | 'mac' }
  | { readonly is: 'natural'; readonly most: number }
  | { readonly is: 'one of'; readonly values: readonly string[] }
  | { readonly is: 'nullable' | 'list'; readonly of: Field<unknown> }
  | { readonly is: 'record'; readonly fields: FieldSet }

export type FieldSet = Readonly<Record<string, Field<unknown>>>

type OptionalField<T, J = unknown> = Field<T, J> & { readonly isOptional: true }

/** A field for each property of an entry, in the order in which they are shown. */
export type Fields<E> = {
  readonly [N in Exclude<keyof E, 'kind'>]-?: Record<never, never> extends Pick<E, N>
    ? OptionalField<NonNullable<E[N]>>
    : Field<E[N]>
}

type OptionalIn<F> = { [N in keyof F]: F[N] extends { readonly isOptional: true } ? N : never }[keyof F]
type ValueOf<F> = F extends Field<infer T> ? T : never
type JsonOf<F> = F extends Field<unknown, infer J> ? J : never

/** The values of fields. */
type FieldValues<F> = { readonly [N in Exclude<keyof F, OptionalIn<F>>]: ValueOf<F[N]> } & {
  readonly [N in OptionalIn<F>]?: ValueOf<F[N]>
}
/** The values of fields in JSON. */
export type Shown<F> = { readonly [N in Exclude<keyof F, OptionalIn<F>>]: JsonOf<F[N]> } & {
  readonly [N in OptionalIn<F>]?: JsonOf<F[N]>
}

export const name: Field<string, string> = {
  what: 'a name',
  type: { is: 'name' },
  format: (value) => value,
  parse: (raw) => (typeof raw === 'string' && raw !== '' ? raw : undefined),
}

export const natural: Field<number, number> = {
  ...upTo(Number.MAX_SAFE_INTEGER),
  what: 'a whole number from 0',
}

export function upTo(most: number): Field<number, number> {
  return {
    what: `a whole number from 0 to ${most}`,
    type: { is: 'natural', most },
    format: (value) => value,
    parse(raw) {
      const number = Number.isSafeInteger(raw) ? (raw as number) : -1
      return number >= 0 && number <= most ? number : undefined
    },
  }
}

export const flag: Field<boolean, boolean> = {
  what: 'true or false',
  type: { is: 'flag' },
  format: (value) => value,
  parse: (raw) => (typeof raw === 'boolean' ? raw : undefined),
}

export const ip: Field<Ip, string> = {
  what: 'an IP address',
  type: { is: 'ip' },
  format: formatIp,
  parse: (raw) => (typeof raw === 'string' ? parseIp(raw) : undefined),
}

export const mac: Field<Mac, string> = {
  what: 'a MAC address',
  type: { is: 'mac' },
  format: formatMac,
  parse: (raw) => (typeof raw === 'string' ? parseMac(raw) : undefined),
}

export function oneOf<T extends string>(...values: readonly T[]): Field<T, T> {
  return {
    what: values.join(' or '),
    type: { is: 'one of', values },
    format: (value) => value,
    parse: (raw) => values.find((value) => value === raw),
  }
}

export function nullable<T, J>(field: Field<T, J>): Field<T | null, J | null> {
  const { what, format, parse } = field
  return {
    what: `${what} or null`,
    type: { is: 'nullable', of: field },
    format: (value) => (value === null ? null : format(value)),
    parse: (raw) => (raw === null ? null : parse(raw)),
  }
}

export function list<T, J>(field: Field<T, J>): Field<readonly T[], readonly J[]> {
  const { what, format, parse } = field
  return {
    what: `a list, of which each item is ${what}`,
    type: { is: 'list', of: field },
    format: (values) => values.map(format),
    parse(raw) {
      if (!Array.isArray(raw)) return undefined
      const values = raw.map(parse)
      return values.includes(undefined) ? undefined : (values as T[])
    },
  }
}

/** A value with fields of its own. */
export function record<F extends FieldSet>(what: string, fields: F): Field<FieldValues<F>, Shown<F>> {
  return {
    what,
    type: { is: 'record', fields },
    format: (value) => formatFields(fields, value, {}),
    parse(raw) {
      const read = parseFields(fields, raw)
      return 'value' in read ? read.value : undefined
    },
  }
}

/** Says for readers of the API what a field means. */
export function described<F extends Field<unknown>>(field: F, description: string): F {
  return { ...field, description }
}

/** For a field that earlier daemons did not write. */
export function since<T, J>(field: Field<T, J>, absent: T): Field<T, J> {
  return { ...field, absent }
}

export function optional<T, J>(field: Field<T, J>): OptionalField<T, J> {
  return { ...field, isOptional: true }
}

export type Parsed<T> = { readonly value: T } | { readonly field: string; readonly expected: string }

/** Adds the fields to `shown`. */
export function formatFields<F extends FieldSet, S extends object>(
  fields: F,
  value: FieldValues<F>,
  shown: S,
): S & Shown<F> {
  const values: Readonly<Record<string, unknown>> = value
  const all = shown as Record<string, unknown>
  for (const field in fields) {
    const own = values[field]
    if (own !== undefined) all[field] = fields[field]!.format(own)
  }
  return shown as S & Shown<F>
}

/** Passes over fields that it does not know. */
export function parseFields<F extends FieldSet>(fields: F, raw: unknown): Parsed<FieldValues<F>> {
  if (typeof raw !== 'object' || raw === null) return { field: '', expected: 'an object' }
  const given = new Map<string, unknown>(Object.entries(raw))
  const value: Record<string, unknown> = {}
  for (const [field, { what, parse, absent, isOptional }] of Object.entries(fields)) {
    const one = given.get(field)
    if (one === undefined && isOptional) continue
    const own = one === undefined ? absent : parse(one)
    if (own === undefined) return { field, expected: what }
    value[field] = own
  }
  return { value: value as FieldValues<F> }
}
