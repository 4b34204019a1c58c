import type { Octets } from '../../values/bytes.ts'
import { hashOctets, type WrittenKey } from '../../values/octet-map.ts'

/** A growing buffer that is written front to back; lengths are reserved and patched. Reuse it after `reset`. */
export class Writer implements WrittenKey {
  private buffer: Buffer
  length = 0

  constructor(capacity = 4096) {
    this.buffer = Buffer.allocUnsafe(capacity)
  }

  reset(): void {
    this.length = 0
  }

  u8(value: number): void {
    const at = this.grow(1)
    this.buffer[at] = value
  }

  u16(value: number): void {
    const at = this.grow(2)
    this.buffer[at] = value >>> 8
    this.buffer[at + 1] = value
  }

  u24(value: number): void {
    const at = this.grow(3)
    this.buffer[at] = value >>> 16
    this.buffer[at + 1] = value >>> 8
    this.buffer[at + 2] = value
  }

  u32(value: number): void {
    const at = this.grow(4)
    this.buffer[at] = value >>> 24
    this.buffer[at + 1] = value >>> 16
    this.buffer[at + 2] = value >>> 8
    this.buffer[at + 3] = value
  }

  u48(value: number): void {
    this.u16(Math.floor(value / 0x1_0000_0000))
    this.u32(value % 0x1_0000_0000)
  }

  octets(value: Octets): void {
    const at = this.grow(value.length)
    for (let i = 0; i < value.length; i++) this.buffer[at + i] = value.charCodeAt(i)
  }

  bytes(value: Uint8Array): void {
    const at = this.grow(value.length)
    this.buffer.set(value, at)
  }

  /** Leaves a length field of one, two or three octets for `patch` to fill. */
  reserve(size: 1 | 2): number {
    const at = this.grow(size)
    this.buffer.fill(0, at, at + size)
    return at
  }

  /** Sets a reserved length field to the number of bytes written since; a `RangeError` when it is too short for that. */
  patch(at: number, size: 1 | 2): void {
    this.buffer.writeUIntBE(this.length - at - size, at, size)
  }

  /** Removes everything after `length`. */
  truncate(length: number): void {
    this.length = length
  }

  /** The written bytes; valid until the next write. */
  view(): Buffer {
    return this.buffer.subarray(0, this.length)
  }

  /** The written bytes as one flat string: V8 keeps a sum of strings as a tree, which takes several times as much memory. */
  string(): Octets {
    return this.buffer.toString('latin1', 0, this.length)
  }

  /** `hashOctets` of the written bytes. */
  hash(): number {
    return hashOctets(this.buffer, this.length)
  }

  /** Whether the written bytes are those of `octets`. */
  equals(octets: Octets): boolean {
    const { buffer, length } = this
    if (octets.length !== length) return false
    for (let i = 0; i < length; i++) if (buffer[i] !== octets.charCodeAt(i)) return false
    return true
  }

  /** A copy of the written bytes. */
  copy(): Buffer {
    return Buffer.from(this.view())
  }

  private grow(size: number): number {
    const at = this.length
    this.length = at + size
    if (this.length > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.length, 2 * this.buffer.length))
      this.buffer.copy(larger, 0, 0, at)
      this.buffer = larger
    }
    return at
  }
}
