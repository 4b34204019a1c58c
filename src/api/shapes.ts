import * as z from 'zod'

/** A read-only list. */
export function list<Item extends z.ZodType>(item: Item) {
  return z.array(item).readonly()
}

export const epochMs = z.number().describe('milliseconds since 1970')
export const count = z.int().min(0)
/** Replaces a part of the looking glass that is behind a link. */
export const link = z.strictObject({ href: z.string() })
export const anything = z.unknown().describe('any JSON')

/** Why something does not work, and since when. */
export const failure = z.strictObject({ reason: z.string(), since: epochMs })
