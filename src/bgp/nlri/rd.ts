import { RD_LENGTH, type Rd } from '../values/rd.ts'
import type { Reader } from '../wire/reader.ts'

let last = '\0'.repeat(RD_LENGTH) as Rd

/** Reads a route distinguisher; routes that follow each other most often have the same, and then share it. */
export function readRd(r: Reader): Rd {
  last = r.octetsLike(last)
  return last
}
