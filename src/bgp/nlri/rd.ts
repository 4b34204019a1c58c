import { RD_LENGTH, type Rd } from '../values/rd.ts'
import type { Reader } from '../wire/reader.ts'

/** Reads a route distinguisher; routes that follow each other most often have the same, and then share it. */
export function readRd(r: Reader): Rd {
  const { recent } = r
  recent.rd = recent.rd === '' ? r.octets(RD_LENGTH) : r.octetsLike(recent.rd)
  return recent.rd as Rd
}
