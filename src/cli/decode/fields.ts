/** Numbers of a capture file in its byte order; those beyond the end are 0. */
export class FieldReader {
  readonly bytes: Buffer
  private readonly littleEndian: boolean

  constructor(bytes: Buffer, littleEndian: boolean) {
    this.bytes = bytes
    this.littleEndian = littleEndian
  }

  u16(at: number): number {
    if (at + 2 > this.bytes.length) return 0
    return this.littleEndian ? this.bytes.readUInt16LE(at) : this.bytes.readUInt16BE(at)
  }

  u32(at: number): number {
    if (at + 4 > this.bytes.length) return 0
    return this.littleEndian ? this.bytes.readUInt32LE(at) : this.bytes.readUInt32BE(at)
  }

  u64(at: number): bigint {
    if (at + 8 > this.bytes.length) return 0n
    return this.littleEndian ? this.bytes.readBigUInt64LE(at) : this.bytes.readBigUInt64BE(at)
  }

  within(start: number, end: number): FieldReader {
    return new FieldReader(this.bytes.subarray(start, end), this.littleEndian)
  }
}
