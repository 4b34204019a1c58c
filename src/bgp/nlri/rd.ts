import { RD_LENGTH, type Rd } from '../values/rd.ts'
import type { Reader } from '../wire/reader.ts'

/** Reads a route distinguisher; consecutive routes mostly have the same one, and then share it. */
export function readRd(r: Reader): Rd {
  const { recent } = r
  recent.rd = recent.rd === '' ? r.octets(RD_LENGTH) : r.octetsLike(recent.rd)
  return recent.rd as Rd
}
