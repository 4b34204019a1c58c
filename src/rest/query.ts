import type { FastifyRequest } from 'fastify'
import type * as z from 'zod'
import { RequestError } from '../api/errors.ts'

/** The parameters of a query, each given once or not at all. Throws `RequestError`. */
export function readQuery<Shape extends z.ZodRawShape = Record<never, never>>(
  { query }: Pick<FastifyRequest, 'query'>,
  documented?: z.ZodObject<Shape>,
): Partial<Readonly<Record<keyof Shape & string, string>>> {
  const names = Object.keys(documented?.shape ?? {}) as (keyof Shape & string)[]
  const read: Partial<Record<keyof Shape & string, string>> = {}
  for (const [given, value] of Object.entries(query as Record<string, unknown>)) {
    const name = names.find((known) => known === given)
    if (name === undefined) {
      throw new RequestError(
        'PARAMETER_UNKNOWN',
        `unknown parameter '${given}': expected ${names.join(', ') || 'none'}`,
      )
    }
    if (typeof value !== 'string')
      throw new RequestError('PARAMETER_INVALID', `'${name}' is given more than once`)
    read[name] = value
  }
  return read
}

/** The one of `choices` that a parameter names; null when it was not given. Throws `RequestError`. */
export function choice<const Choice extends string>(
  name: string,
  given: string | undefined,
  choices: readonly Choice[],
): Choice | null {
  if (given === undefined) return null
  const found = choices.find((one) => one === given)
  if (found === undefined) {
    throw new RequestError(
      'PARAMETER_INVALID',
      `'${name}' is ${JSON.stringify(given)}: expected one of ${choices.join(', ')}`,
    )
  }
  return found
}
