import { formatIp, type Ip, isIpv4, parseIp } from '../../values/address.ts'
import { hex, type Octets, pack16, pack32, u16, u32 } from '../../values/bytes.ts'

/** A route distinguisher: its 8 octets (RFC 4364 §4.2). */
export type Rd = Octets & { readonly rd: unique symbol }

export const RD_LENGTH = 8

/** A type 1 RD: `<IPv4 address>:<number>`, the number in 16 bits. */
export function ipv4Rd(ip: Ip, number: number): Rd {
  return `\0\x01${ip}${String.fromCharCode(number >>> 8, number & 0xff)}` as Rd
}

/** `64512:7` (types 0 and 2), `10.0.0.1:7` (type 1); anything else as `type:hex`. */
export function formatRd(rd: Rd): string {
  switch (u16(rd, 0)) {
    case 0:
      return `${u16(rd, 2)}:${u32(rd, 4)}`
    case 1:
      return `${formatIp(rd.slice(2, 6) as Ip)}:${u16(rd, 6)}`
    case 2:
      return `${u32(rd, 2)}:${u16(rd, 6)}`
    default:
      return `${u16(rd, 0)}:${hex(rd.slice(2))}`
  }
}

/** Reads the text of `formatRd` for types 0 to 2; an AS above 65535 makes a type 2. */
export function parseRd(text: string): Rd | undefined {
  const colon = text.lastIndexOf(':')
  const head = text.slice(0, colon)
  const tail = text.slice(colon + 1)
  if (colon < 0 || !/^\d{1,10}$/.test(tail)) return undefined
  const number = Number(tail)
  const ip = parseIp(head)
  if (ip !== undefined && isIpv4(ip)) return number > 0xffff ? undefined : ipv4Rd(ip, number)
  if (!/^\d{1,10}$/.test(head)) return undefined
  const as = Number(head)
  if (as <= 0xffff) return number > 0xffff_ffff ? undefined : (`\0\0${pack16(as)}${pack32(number)}` as Rd)
  return as > 0xffff_ffff || number > 0xffff ? undefined : (`\0\x02${pack32(as)}${pack16(number)}` as Rd)
}
