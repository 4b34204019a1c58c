import { formatIp, IPV4_LENGTH, IPV6_LENGTH, type Ip } from '../../../values/address.ts'
import type { JsonObject } from '../../../values/json.ts'
import { Malformed } from '../../errors.ts'
import { type Esi, ZERO_ESI } from '../../values/esi.ts'
import type { Reader } from '../../wire/reader.ts'
import type { Writer } from '../../wire/writer.ts'
import type { NlriContext } from '../codec.ts'

/** One EVPN route type; `decode` and `encode` see the body behind the type and length octets. */
export interface EvpnRouteCodec<R> {
  readonly type: number
  /** The name in the looking glass. */
  readonly name: string
  /** The name in the RFC. */
  readonly title: string
  decode(reader: Reader, context: NlriContext): R
  encode(writer: Writer, route: R): void
  /** Writes the route's key fields (RFC 7432 §7). */
  writeKey(writer: Writer, route: R): void
  format(route: R): string
  /** The body's parts by name. */
  fields(route: R): JsonObject
}

/** Reads an ESI; most routes have none. */
export function readEsi(r: Reader): Esi {
  return r.octetsLike(ZERO_ESI)
}

/** Reads an address behind its length in bits. */
export function readIp(r: Reader): Ip {
  return readOptionalIp(r) ?? fail('address of 0 bits')
}

/** As `readIp`; length 0 is no address. */
export function readOptionalIp(r: Reader): Ip | null {
  const bits = r.u8()
  if (bits === 0) return null
  if (bits !== IPV4_LENGTH * 8 && bits !== IPV6_LENGTH * 8) return fail(`address of ${bits} bits`)
  return r.octets(bits / 8) as Ip
}

export function writeIp(w: Writer, ip: Ip | null): void {
  w.u8(ip === null ? 0 : ip.length * 8)
  if (ip !== null) w.octets(ip)
}

export function formatOptionalIp(ip: Ip | null): string {
  return ip === null ? '-' : formatIp(ip)
}

function fail(reason: string): never {
  throw new Malformed(reason)
}
