import { addressOf, checked, close } from '../libc.ts'
import { bpf } from './program.ts'

const BPF_MAP_CREATE = 0
const BPF_MAP_LOOKUP_ELEM = 1
const BPF_MAP_UPDATE_ELEM = 2
const BPF_MAP_TYPE_ARRAY = 2
const KEY_BYTES = 4
const VALUE_BYTES = 8
const NAME_BYTES = 16

/** An array of numbers of 64 bits, all zero at first, that programs read and change too. */
export class ArrayMap {
  readonly fd: number
  private readonly key = Buffer.alloc(KEY_BYTES)
  private readonly value = Buffer.alloc(VALUE_BYTES)
  private readonly attribute = Buffer.alloc(32)

  private constructor(fd: number) {
    this.fd = fd
    this.attribute.writeUInt32LE(fd, 0)
    this.attribute.writeBigUInt64LE(addressOf(this.key), 8)
    this.attribute.writeBigUInt64LE(addressOf(this.value), 16)
  }

  /** The name is the one in `bpftool map`, as that of a program. The negated errno where the kernel refuses it. */
  static create(name: string, length: number): ArrayMap | number {
    const attribute = Buffer.alloc(28 + NAME_BYTES)
    const words = [BPF_MAP_TYPE_ARRAY, KEY_BYTES, VALUE_BYTES, length]
    for (const [i, word] of words.entries()) attribute.writeUInt32LE(word, i * 4)
    attribute.write(name, 28, NAME_BYTES - 1)
    const fd = bpf(BPF_MAP_CREATE, attribute)
    return fd < 0 ? fd : new ArrayMap(fd)
  }

  /** Exact up to 2^53. */
  get(key: number): number {
    this.key.writeUInt32LE(key)
    checked(bpf(BPF_MAP_LOOKUP_ELEM, this.attribute), 'BPF map')
    return Number(this.value.readBigUInt64LE())
  }

  set(key: number, value: number): void {
    this.key.writeUInt32LE(key)
    this.value.writeBigUInt64LE(BigInt(value))
    checked(bpf(BPF_MAP_UPDATE_ELEM, this.attribute), 'BPF map')
  }

  close(): void {
    close(this.fd)
  }
}
