import type { Octets } from '../../values/bytes.ts'
import { Malformed } from '../errors.ts'

/** The values read last that many routes share, so that each is stored once; of one message, or of a whole session. */
export interface Recent {
  /** A route distinguisher; empty before the first. */
  rd: Octets
}

export const nothingRecent = (): Recent => ({ rd: '' })

/**
 * A bounded cursor over one message. Reading past the bound throws `Malformed`; nothing it returns refers to the
 * bytes it was made on, except `view`.
 */
export class Reader {
  readonly bytes: Buffer
  readonly recent: Recent
  pos: number
  end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length, recent = nothingRecent()) {
    this.bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.recent = recent
    this.pos = start
    this.end = end
  }

  get remaining(): number {
    return this.end - this.pos
  }

  u8(): number {
    this.need(1)
    return this.bytes[this.pos++]!
  }

  u16(): number {
    this.need(2)
    const { bytes, pos } = this
    this.pos = pos + 2
    return (bytes[pos]! << 8) | bytes[pos + 1]!
  }

  u24(): number {
    this.need(3)
    const { bytes, pos } = this
    this.pos = pos + 3
    return (bytes[pos]! << 16) | (bytes[pos + 1]! << 8) | bytes[pos + 2]!
  }

  u32(): number {
    this.need(4)
    const { bytes, pos } = this
    this.pos = pos + 4
    return ((bytes[pos]! << 24) | (bytes[pos + 1]! << 16) | (bytes[pos + 2]! << 8) | bytes[pos + 3]!) >>> 0
  }

  u48(): number {
    return this.u16() * 0x1_0000_0000 + this.u32()
  }

  /** The next `length` bytes as a string of their own. */
  octets(length: number): Octets {
    this.need(length)
    const { bytes, pos } = this
    this.pos = pos + length
    // so few are several times cheaper this way
    if (length === 4)
      return String.fromCharCode(bytes[pos]!, bytes[pos + 1]!, bytes[pos + 2]!, bytes[pos + 3]!)
    return bytes.toString('latin1', pos, this.pos)
  }

  /** As `octets`, as many as `known` has; returns `known` itself where they are equal, so that shared values are stored once. */
  octetsLike<O extends Octets>(known: O): O {
    const { bytes, pos } = this
    const { length } = known
    this.need(length)
    for (let i = 0; i < length; i++)
      if (bytes[pos + i] !== known.charCodeAt(i)) return this.octets(length) as O
    this.pos = pos + length
    return known
  }

  /** Everything up to the bound, as a string of its own. */
  rest(): Octets {
    return this.octets(this.remaining)
  }

  /** A copy of the bytes from `start` to `end`, for reports. */
  copy(start: number, end: number): Uint8Array {
    return Uint8Array.prototype.slice.call(this.bytes, start, end)
  }

  skip(length: number): void {
    this.need(length)
    this.pos += length
  }

  /** Narrows reading to the next `length` bytes; give the returned bound back to `leave`. */
  enter(length: number): number {
    this.need(length)
    const outer = this.end
    this.end = this.pos + length
    return outer
  }

  /** Ends an `enter`, skipping what was not read, so that one bad TLV never shifts the next. */
  leave(outer: number): void {
    this.pos = this.end
    this.end = outer
  }

  /** Refuses bytes that no field claimed. */
  expectEnd(): void {
    if (this.pos !== this.end) throw new Malformed(`${this.remaining} bytes too many`)
  }

  private need(length: number): void {
    if (length > this.end - this.pos)
      throw new Malformed(`${length} bytes expected, ${this.end - this.pos} left`)
  }
}
