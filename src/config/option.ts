import * as z from 'zod'
import { InvalidValue, shown, type Type, text } from './types.ts'

/** The documentation of an option. */
export interface About {
  readonly description: string
  readonly allowed: string
  readonly required: boolean
  /** The displayed default value; null or undefined for none. */
  readonly fallback?: unknown
  /** The displayed form of a value. */
  readonly show: (value: unknown) => unknown
  /** Names of bagpipe-bgp or oslo.log with the same meaning. */
  readonly aliases?: readonly string[]
  /** Known from bagpipe-bgp and accepted, but nothing reads it. */
  readonly unused?: true
  /** A misspelling of it is an error, since the default in its stead would go unnoticed. */
  readonly strict?: true
  /** The option whose value it has when it is not given. */
  readonly follows?: readonly [section: string, option: string]
  /** Whether a text given to it may be a secret, which is shown nowhere. */
  readonly isSecret: (text: string) => boolean
  /** The machine decides what a text given to it means; the displayed form means the same for good. */
  readonly isLookedUp: boolean
}

/** The metadata that an option does not have from its type. */
type More = Pick<About, 'aliases' | 'unused' | 'strict' | 'follows'>

/** Of every option that was declared, also where the schema of another section picks it. */
const about = z.registry<About>()

export type Options = ReadonlyMap<string, About>

/** The metadata of each option of a section, by name. */
export function optionsOfSection(shape: Readonly<Record<string, z.ZodType>>): Options {
  return new Map(Object.entries(shape).map(([name, option]) => [name, about.get(option) as About]))
}

/** The values of a section as the looking glass shows them. */
export function shownSection(options: Options, values: Readonly<Record<string, unknown>>) {
  return Object.fromEntries([...options].map(([name, { show }]) => [name, show(values[name])]))
}

/** The displayed form of values of a type; nothing for none. */
function showing<T>(type: Type<T>) {
  return (value: unknown) => (value === null || value === undefined ? value : shown(type, value as T))
}

/** A mandatory option. */
export function required<T>(type: Type<T>, description: string): z.ZodType<T, string> {
  return reader(type).register(about, {
    description,
    allowed: type.allowed,
    required: true,
    show: showing(type),
    isSecret: type.isSecret ?? (() => false),
    isLookedUp: type.isLookedUp ?? false,
  })
}

/** An option with the default `fallback`. */
export function option<T, Fallback extends T | null | undefined>(
  type: Type<T>,
  fallback: Fallback,
  description: string,
  more: More = {},
): z.ZodType<T | Fallback, string | undefined> {
  return reader(type)
    .optional()
    .transform((value): T | Fallback => (value === undefined ? fallback : value))
    .register(about, {
      description,
      allowed: type.allowed,
      required: false,
      fallback: showing(type)(fallback),
      show: showing(type),
      isSecret: type.isSecret ?? (() => false),
      isLookedUp: type.isLookedUp ?? false,
      ...more,
    })
}

/** An option of bagpipe-bgp that nothing reads; the description says why. */
export function unused(description: string, fallback?: string | null, aliases: readonly string[] = []) {
  return option(text, fallback, description, { unused: true, aliases })
}

/** Several of them, for one reason. */
export function unusedGroup<Name extends string>(description: string, names: readonly Name[]) {
  return Object.fromEntries(names.map((name) => [name, unused(description)])) as Record<
    Name,
    ReturnType<typeof unused>
  >
}

/** Reads a text as `type`; an error of the type becomes an issue with the reason and the allowed values. */
function reader<T>(type: Type<T>) {
  return z.string().transform((value, context): T => {
    try {
      return type.parse(value)
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error
      const expected = `expected ${type.allowed}`
      context.issues.push({
        code: 'custom',
        message: error.message ? `${error.message}; ${expected}` : expected,
        input: value,
      })
      return z.NEVER
    }
  })
}
