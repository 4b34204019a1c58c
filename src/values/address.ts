import { isIPv4 as isDottedQuad } from 'node:net'
import { Address6 } from 'ip-address'
import type { Octets } from './bytes.ts'

/** An IPv4 or IPv6 address: its 4 or 16 octets as a latin1 string. */
export type Ip = Octets & { readonly ip: unique symbol }

export const IPV4_LENGTH = 4
export const IPV6_LENGTH = 16

export const ANY_IPV4 = '\0\0\0\0' as Ip
export const ANY_IPV6 = '\0'.repeat(IPV6_LENGTH) as Ip
const LOOPBACK_IPV6 = `${'\0'.repeat(IPV6_LENGTH - 1)}\x01` as Ip
const LOOPBACK = 'a loopback address'
const BROADCAST = '\xff\xff\xff\xff' as Ip

/** Reads an IPv4 or IPv6 address without prefix length or zone; undefined when `text` is none. */
export function parseIp(text: string): Ip | undefined {
  // ip-address refuses by an exception, which takes a hundred times as long
  if (isDottedQuad(text)) return fromArray(text.split('.').map(Number))
  if (!text.includes(':') || text.includes('/') || text.includes('%')) return undefined
  if (Address6.isValid(text)) return fromArray(new Address6(text).toUnsignedByteArray())
  return undefined
}

/** The usual text of an address: dotted quad, or RFC 5952. */
export function formatIp(ip: Ip): string {
  if (ip.length === IPV4_LENGTH) {
    return `${ip.charCodeAt(0)}.${ip.charCodeAt(1)}.${ip.charCodeAt(2)}.${ip.charCodeAt(3)}`
  }
  return Address6.fromUnsignedByteArray([...Buffer.from(ip, 'latin1')]).correctForm()
}

const MAPPED = '\0\0\0\0\0\0\0\0\0\0\xff\xff'

/** The IPv4 address behind an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2); other addresses unchanged. */
export function unmapped(ip: Ip): Ip {
  return ip.length === IPV6_LENGTH && ip.startsWith(MAPPED) ? (ip.slice(MAPPED.length) as Ip) : ip
}

/** An IPv4 address as an IPv4-mapped IPv6 address; other addresses unchanged. */
export function mapped(ip: Ip): Ip {
  return ip.length === IPV4_LENGTH ? ((MAPPED + ip) as Ip) : ip
}

export function isIpv4(ip: Ip): boolean {
  return ip.length === IPV4_LENGTH
}

export function isLinkLocal(ip: Ip): boolean {
  return ip.length === IPV6_LENGTH && ip.charCodeAt(0) === 0xfe && (ip.charCodeAt(1) & 0xc0) === 0x80
}

export function isUnspecified(ip: Ip): boolean {
  return ip === ANY_IPV4 || ip === ANY_IPV6
}

/** The class of an address that no host can have (RFC 6890), such as `a multicast address`; null for others. */
export function whyNoHost(ip: Ip): string | null {
  if (isUnspecified(ip)) return 'the unspecified address'
  const first = ip.charCodeAt(0)
  if (ip.length === IPV6_LENGTH) {
    if (first === 0xff) return 'a multicast address'
    if (first !== 0) return null
    if (ip === LOOPBACK_IPV6) return LOOPBACK
    return ip.startsWith(MAPPED) ? 'an IPv4-mapped address' : null
  }
  if (first === 0) return 'an address of 0.0.0.0/8'
  if (first === 127) return LOOPBACK
  if (ip === BROADCAST) return 'the limited broadcast address'
  if (first >= 240) return 'a reserved address of 240.0.0.0/4'
  return first >= 224 ? 'a multicast address' : null
}

/** Whether `text` is an address that only this machine can reach. */
export function isLoopback(text: string): boolean {
  const ip = parseIp(text)
  return ip !== undefined && whyNoHost(unmapped(ip)) === LOOPBACK
}

/** IPv4 as an unsigned 32-bit number (BGP identifiers, comparisons). */
export function ipv4ToNumber(ip: Ip): number {
  return (
    ((ip.charCodeAt(0) << 24) | (ip.charCodeAt(1) << 16) | (ip.charCodeAt(2) << 8) | ip.charCodeAt(3)) >>> 0
  )
}

export function ipv4FromNumber(value: number): Ip {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255) as Ip
}

/** An address with the length of its network's prefix, as in `192.0.2.1/24`; without `/` the length is the whole address. */
export interface InterfaceAddress {
  readonly ip: Ip
  readonly prefixLength: number
}

export function parseInterfaceAddress(text: string): InterfaceAddress | undefined {
  const [address, length, ...rest] = text.split('/')
  const ip = parseIp(address ?? '')
  if (ip === undefined || rest.length > 0) return undefined
  if (length === undefined) return { ip, prefixLength: ip.length * 8 }
  if (!/^\d{1,3}$/.test(length) || Number(length) > ip.length * 8) return undefined
  return { ip, prefixLength: Number(length) }
}

/** The octets with all bits after the first `length` cleared. */
export function maskPrefix<O extends Octets>(ip: O, length: number): O {
  const whole = length >>> 3
  if (whole === ip.length) return ip
  const partial = ip.charCodeAt(whole) & (0xff00 >>> (length & 7)) & 0xff
  return (ip.slice(0, whole) + String.fromCharCode(partial) + '\0'.repeat(ip.length - whole - 1)) as O
}

/**
 * The addresses of a subnet that no host has, and their meaning: of IPv4 its network and broadcast address (RFC 3021: of a
 * /31 there are none), of IPv6 the anycast address of its routers (RFC 4291 §2.6.1).
 */
export function reservedIn({ ip, prefixLength }: InterfaceAddress): readonly (readonly [Ip, string])[] {
  if (prefixLength > ip.length * 8 - 2) return []
  const network = maskPrefix(ip, prefixLength)
  const subnet = `${formatIp(network)}/${prefixLength}`
  if (!isIpv4(ip)) return [[network, `the anycast address of the routers of ${subnet}`]]
  const broadcast = ipv4FromNumber(ipv4ToNumber(network) + 2 ** (32 - prefixLength) - 1)
  return [
    [network, `the network address of ${subnet}`],
    [broadcast, `the broadcast address of ${subnet}`],
  ]
}

function fromArray(bytes: readonly number[]): Ip {
  return String.fromCharCode(...bytes.map((byte) => byte & 255)) as Ip
}
