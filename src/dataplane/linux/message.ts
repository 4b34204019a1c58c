import type { Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import { NLA_F_NESTED, NLA_TYPE_MASK, NLM_F_ACK, NLM_F_REQUEST, NLMSG_HDRLEN } from './constants.ts'

const CAPACITY = 64 * 1024

/**
 * Writes consecutive netlink messages into one buffer that is reused; numbers are little-endian,
 * as the host's. Everything written keeps the length a multiple of 4, so that a word is one store.
 */
export class NetlinkWriter {
  readonly bytes: Buffer
  /** Bytes written. */
  length = 0
  /** Messages written. */
  count = 0
  private readonly words: Uint32Array
  private message = 0

  constructor() {
    const memory = new ArrayBuffer(CAPACITY)
    this.bytes = Buffer.from(memory)
    this.words = new Uint32Array(memory)
  }

  /** Whether the buffer should be sent now. */
  get isFull(): boolean {
    return this.length > CAPACITY / 2
  }

  clear(): void {
    this.length = 0
    this.count = 0
  }

  begin(type: number, flags: number, sequence: number): void {
    this.message = this.length
    this.u32(0)
    this.u32(type | ((flags | NLM_F_REQUEST) << 16))
    this.u32(sequence)
    this.u32(0)
    this.count++
  }

  end(): void {
    if (this.length > CAPACITY) throw new RangeError('netlink batch too long')
    this.words[this.message >>> 2] = this.length - this.message
  }

  /** Requests an answer to the last message also when it succeeds. */
  acknowledge(): void {
    const at = (this.message + 4) >>> 2
    this.words[at] = (this.words[at] ?? 0) | (NLM_F_ACK << 16)
  }

  u32(value: number): void {
    this.words[this.length >>> 2] = value
    this.length += 4
  }

  attributeU8(type: number, value: number): void {
    this.header(type, 1)
    this.u32(value)
  }

  attributeU16(type: number, value: number): void {
    this.header(type, 2)
    this.u32(value)
  }

  attributeU32(type: number, value: number): void {
    this.header(type, 4)
    this.u32(value)
  }

  /** A port number, in network order. */
  attributePort(type: number, port: number): void {
    this.header(type, 2)
    this.u32((port >>> 8) | ((port & 0xff) << 8))
  }

  attributeMac(type: number, mac: Mac): void {
    const high = Math.floor(mac / 2 ** 32)
    const low = mac >>> 0
    this.header(type, 6)
    this.u32((high >>> 8) | ((high & 0xff) << 8) | ((low >>> 24) << 16) | (((low >>> 16) & 0xff) << 24))
    this.u32(((low >>> 8) & 0xff) | ((low & 0xff) << 8))
  }

  attributeIp(type: number, ip: Ip): void {
    this.header(type, ip.length)
    for (let i = 0; i < ip.length; i += 4) {
      this.u32(
        ip.charCodeAt(i) |
          (ip.charCodeAt(i + 1) << 8) |
          (ip.charCodeAt(i + 2) << 16) |
          (ip.charCodeAt(i + 3) << 24),
      )
    }
  }

  attributeBytes(type: number, bytes: Uint8Array): void {
    this.header(type, bytes.length)
    const end = align(this.length + bytes.length)
    this.bytes.fill(0, this.length, end)
    this.bytes.set(bytes, this.length)
    this.length = end
  }

  /** Text as in C, with a zero at its end. */
  attributeText(type: number, text: string): void {
    this.attributeCharacters(type, `${text}\0`)
  }

  /** Text without a zero at its end. */
  attributeCharacters(type: number, text: string): void {
    const length = Buffer.byteLength(text)
    this.header(type, length)
    const end = align(this.length + length)
    this.bytes.fill(0, this.length, end)
    this.bytes.write(text, this.length)
    this.length = end
  }

  /** Opens an attribute that holds attributes; give the result to `close`. */
  nest(type: number): number {
    const at = this.length
    this.header(type | NLA_F_NESTED, 0)
    return at
  }

  close(nest: number): void {
    this.bytes.writeUInt16LE(this.length - nest, nest)
  }

  private header(type: number, length: number): void {
    this.u32((length + 4) | (type << 16))
  }
}

/** A received message, in a buffer that will be overwritten. */
export interface NetlinkMessage {
  readonly bytes: Buffer
  readonly type: number
  readonly flags: number
  readonly sequence: number
  /** The port of the request that it answers or results from. */
  readonly port: number
  /** Where the payload begins and ends. */
  readonly start: number
  readonly end: number
}

/** The messages in the first `length` bytes. */
export function* messages(bytes: Buffer, length: number): Generator<NetlinkMessage, void> {
  for (let at = 0; at + NLMSG_HDRLEN <= length; ) {
    const size = bytes.readUInt32LE(at)
    const end = at + size
    if (size < NLMSG_HDRLEN || end > length) return
    yield {
      bytes,
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      port: bytes.readUInt32LE(at + 12),
      start: at + NLMSG_HDRLEN,
      end,
    }
    at = align(end)
  }
}

/** A walk over the attributes of a message, without an object for each. */
export class NetlinkAttributes {
  readonly bytes: Buffer
  /** Of the attribute that `next` moved to: its type, where its payload begins, and how long that is. */
  type = 0
  at = 0
  length = 0
  private following: number
  private readonly end: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes
    this.following = start
    this.end = end
  }

  next(): boolean {
    const { following, bytes, end } = this
    if (following + 4 > end) return false
    const size = bytes.readUInt16LE(following)
    if (size < 4 || following + size > end) return false
    this.type = bytes.readUInt16LE(following + 2) & NLA_TYPE_MASK
    this.at = following + 4
    this.length = size - 4
    this.following = align(following + size)
    return true
  }

  u8(): number {
    return this.bytes.readUInt8(this.at)
  }

  u16(): number {
    return this.bytes.readUInt16LE(this.at)
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.at)
  }

  /** The number of 64 bits at an offset; exact up to 2^53. */
  u64(offset: number): number {
    return Number(this.bytes.readBigUInt64LE(this.at + offset))
  }

  /** A number in network order, of at most 6 octets. */
  network(): number {
    return this.bytes.readUIntBE(this.at, this.length)
  }

  octets(): string {
    return this.bytes.toString('latin1', this.at, this.at + this.length)
  }

  text(): string {
    return this.bytes.toString('utf8', this.at, this.at + this.length - 1)
  }

  nested(): NetlinkAttributes {
    return new NetlinkAttributes(this.bytes, this.at, this.at + this.length)
  }
}

function align(length: number): number {
  return (length + 3) & ~3
}
