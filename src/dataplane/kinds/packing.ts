/**
 * How entries of one kind go to another thread: as numbers, and texts by their positions. To send objects costs more than twice as much, and each
 * would bring texts of its own.
 */
export interface Packing<E> {
  pack(entry: E, to: Packer): void
  unpack(from: Unpacker): E
}

export interface Packer {
  number(value: number): void
  text(value: string): void
  /** A text that many entries have. */
  sharedText(value: string): void
}

export interface Unpacker {
  number(): number
  text(): string
}
