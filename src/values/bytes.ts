/**
 * Octets as a latin1 string: small, immutable, comparable with `===` and usable as a Map key.
 * Used for values of a fixed layout whose length exceeds a number: addresses, RDs, ESIs, extended communities.
 */
export type Octets = string

/** Copies `bytes` into a string of one character an octet. */
export function octets(bytes: Uint8Array): Octets {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** The octets of `value` as lower-case hex. */
export function hex(value: Octets): string {
  return Buffer.from(value, 'latin1').toString('hex')
}

/** The octets that `text` contains in hex; undefined when it is not hex. */
export function parseHex(text: string): Octets | undefined {
  return /^([0-9a-f]{2})*$/i.test(text) ? Buffer.from(text, 'hex').toString('latin1') : undefined
}

/** The 16-bit big-endian field at `at`. */
export function u16(value: Octets, at: number): number {
  return (value.charCodeAt(at) << 8) | value.charCodeAt(at + 1)
}

/** The 32-bit big-endian field at `at`. */
export function u32(value: Octets, at: number): number {
  return u16(value, at) * 0x1_0000 + u16(value, at + 2)
}

/** A number as two octets, big-endian. */
export function pack16(value: number): Octets {
  return String.fromCharCode(value >>> 8, value & 0xff)
}

/** A number as four octets, big-endian. */
export function pack32(value: number): Octets {
  return pack16(value >>> 16) + pack16(value & 0xffff)
}

/** Negative when `a` comes first: the shorter first, then by content. */
export function compareOctets(a: Octets, b: Octets): number {
  return a.length - b.length || Number(a > b) - Number(a < b)
}
