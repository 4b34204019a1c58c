import { RequestError } from '../api/errors.ts'

/** Maximum octets of a body: a request of an agent has some hundred. */
export const MAX_BODY_OCTETS = 1 << 16
/** Maximum nesting of objects and lists: the description of a VM is stored and written to files by recursive functions. */
const MAX_DEPTH = 32

/** The JSON of a body; undefined without one. Throws `RequestError`. */
export function readBody(body: unknown): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined
  const value = parse(body)
  if (depthOf(value) > MAX_DEPTH)
    throw new RequestError('BODY_TOO_DEEP', `the body has more than ${MAX_DEPTH} levels of objects and lists`)
  return value
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    throw new RequestError('BODY_NOT_JSON', `the body is not JSON (${(error as Error).message})`)
  }
}

/** Level by level, since a value may be nested deeper than recursion allows. */
function depthOf(value: unknown): number {
  let depth = 0
  for (let level = [value].filter(isNested); level.length > 0; depth++)
    level = level.flatMap((outer) => Object.values(outer).filter(isNested))
  return depth
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null
