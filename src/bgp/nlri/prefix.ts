import { formatIp, IPV4_LENGTH, type Ip, maskPrefix } from '../../values/address.ts'
import { Malformed } from '../errors.ts'
import { IPV4_UNICAST, IPV6_UNICAST } from '../family.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
import type { NlriCodec } from './codec.ts'

export { maskPrefix } from '../../values/address.ts'

/** An IP prefix: a whole address with the host bits zero, and the length of the prefix. */
export interface Prefix {
  readonly ip: Ip
  readonly length: number
}

export function formatPrefix({ ip, length }: Prefix): string {
  return `${formatIp(ip)}/${length}`
}

/** Equal for equal prefixes. */
export function prefixKeyOf({ ip, length }: Prefix): string {
  return String.fromCharCode(length) + ip
}

/** Octets that `bits` bits take on the wire. */
export const octetsFor = (bits: number): number => (bits + 7) >>> 3

/** Reads the leading octets of an address of `addressLength` octets; bits behind the prefix are cleared. */
export function readPrefix(r: Reader, length: number, addressLength: number): Prefix {
  if (length > addressLength * 8)
    throw new Malformed(`prefix length ${length} of an address of ${addressLength} octets`)
  const octets = r.octets(octetsFor(length))
  return { ip: maskPrefix(octets.padEnd(addressLength, '\0') as Ip, length), length }
}

export function writePrefix(w: Writer, { ip, length }: Prefix): void {
  w.octets(ip.slice(0, octetsFor(length)))
}

function unicast(family: number, addressLength: number): NlriCodec<Prefix> {
  return {
    family,
    measure(r) {
      const bits = r.u8()
      if (bits > addressLength * 8) throw new Malformed(`prefix length ${bits}`)
      return 1 + octetsFor(bits)
    },
    decode: (r) => readPrefix(r, r.u8(), addressLength),
    encode(w, prefix) {
      w.u8(prefix.length)
      writePrefix(w, prefix)
    },
    writeKey(w, { ip, length }) {
      w.u8(length)
      w.octets(ip)
    },
    format: formatPrefix,
    fields: (prefix) => ({ prefix: formatPrefix(prefix) }),
  }
}

/** Plain IPv4 and IPv6 routes (RFC 4271 §4.3, RFC 2545): decoded, never used. */
export const ipv4Unicast = unicast(IPV4_UNICAST, IPV4_LENGTH)
export const ipv6Unicast = unicast(IPV6_UNICAST, 16)

/** Whether an address of the same family lies in the prefix. */
export function isWithin(ip: Ip, prefix: Prefix): boolean {
  return ip.length === prefix.ip.length && maskPrefix(ip, prefix.length) === prefix.ip
}
