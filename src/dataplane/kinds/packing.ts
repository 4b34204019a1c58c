import type { Ip } from '../../values/address.ts'

/**
 * How entries of one kind are sent to another thread: as numbers, and texts by their positions. Sending objects costs more than twice as much, and each
 * would copy its own texts.
 */
export interface Packing<E> {
  pack(entry: E, to: Packer): void
  unpack(from: Unpacker): E
}

export interface Packer {
  number(value: number): void
  address(value: Ip): void
  /** A text that many entries share. */
  sharedText(value: string): void
}

export interface Unpacker {
  number(): number
  text(): string
  address(): Ip
}
