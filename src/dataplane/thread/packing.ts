import { type Ip, ipv4FromNumber, ipv4ToNumber, isIpv4 } from '../../values/address.ts'
import { ensure } from '../../values/map.ts'
import { KINDS, type Kind, numberKeyOf, packingOf, type TableEntry, type TableKind } from '../kinds/index.ts'
import type { Packer, Unpacker } from '../kinds/packing.ts'
import type { Entry, EntryStatus, Status } from '../model.ts'

/**
 * Entries as a message carries them, in their order. Kinds that come by the hundred thousand are numbers, and texts by their positions; the others
 * go as they are.
 */
export interface PackedEntries {
  /** Of each entry, the position of its kind among all. */
  readonly kinds: Uint8Array
  readonly numbers: Float64Array
  readonly texts: readonly string[]
  /** Entries of kinds that are not packed. */
  readonly others: readonly Entry[]
}

const POSITIONS = Object.fromEntries(KINDS.map((kind, i) => [kind, i])) as Readonly<Record<Kind, number>>
const PACKINGS = KINDS.map(packingOf)

export function pack(entries: readonly Entry[]): PackedEntries {
  const kinds = new Uint8Array(entries.length)
  const numbers = new NumberPacker(entries.length)
  const others: Entry[] = []
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    const position = POSITIONS[entry.kind]
    kinds[i] = position
    const packing = PACKINGS[position]
    if (packing === undefined) others.push(entry)
    else packing.pack(entry, numbers)
  }
  return { kinds, numbers: numbers.all(), texts: numbers.texts, others }
}

export function unpack({ kinds, numbers, texts, others }: PackedEntries): Entry[] {
  const from = new NumberUnpacker(numbers, texts)
  const entries: Entry[] = []
  let other = 0
  for (let i = 0; i < kinds.length; i++) entries[i] = PACKINGS[kinds[i]!]?.unpack(from) ?? others[other++]!
  return entries
}

/** Entries of one kind on one device, by their keys. */
export interface PackedKeys {
  readonly kind: TableKind
  readonly device: string
  readonly keys: Float64Array
}

/** Entries to identify: most have a number for a key, and need no other field. */
export interface PackedIdentities {
  readonly tables: readonly PackedKeys[]
  readonly others: readonly Entry[]
}

/** As `PackedKeys`, while they are gathered. */
interface GatheredKeys extends Omit<PackedKeys, 'keys'> {
  readonly keys: number[]
}

export function packIdentities(entries: readonly Entry[]): PackedIdentities {
  const byDevice = new Map<string, GatheredKeys[]>()
  const others: Entry[] = []
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    const key = numberKeyOf(entry)
    if (key === undefined) others.push(entry)
    else keysOf(byDevice, entry as TableEntry).push(key)
  }
  const tables = [...byDevice.values()]
    .flat()
    .map(({ kind, device, keys }) => ({ kind, device, keys: new Float64Array(keys) }))
  return { tables, others }
}

/** The keys of entries of the same kind and device. */
function keysOf(byDevice: Map<string, GatheredKeys[]>, { kind, device }: TableEntry): number[] {
  const ofDevice = byDevice.get(device)
  if (ofDevice !== undefined) for (const one of ofDevice) if (one.kind === kind) return one.keys
  const added: GatheredKeys = { kind, device, keys: [] }
  if (ofDevice === undefined) byDevice.set(device, [added])
  else ofDevice.push(added)
  return added.keys
}

/** Entries with their states, of which most have the same one. */
export interface PackedStatuses {
  readonly entries: PackedEntries
  readonly statuses: readonly Status[]
  /** Of each entry, the position of its state. */
  readonly positions: Uint32Array
}

export function packStatuses(items: readonly EntryStatus[]): PackedStatuses {
  const known = new Map<Status, number>()
  const positions = Uint32Array.from(items, ({ status }) => ensure(known, status, () => known.size))
  return { entries: pack(items.map(({ entry }) => entry)), statuses: [...known.keys()], positions }
}

/** Unpacks during iteration, so that a slice that waits for its reader holds few objects. */
export function* unpackStatuses({
  entries,
  statuses,
  positions,
}: PackedStatuses): Generator<EntryStatus, void> {
  let at = 0
  for (const entry of unpack(entries)) yield { entry, status: statuses[positions[at++]!]! }
}

/** The reverse of `NumberPacker`. */
class NumberUnpacker implements Unpacker {
  private readonly numbers: Float64Array
  private readonly texts: readonly string[]
  private at = 0

  constructor(numbers: Float64Array, texts: readonly string[]) {
    this.numbers = numbers
    this.texts = texts
  }

  number(): number {
    return this.numbers[this.at++]!
  }

  text(): string {
    return this.texts[this.number()]!
  }

  address(): Ip {
    const number = this.number()
    return number >= 0 ? ipv4FromNumber(number) : (this.texts[-1 - number] as Ip)
  }
}

/** Numbers in a growing array, and the texts that some of them stand for. */
class NumberPacker implements Packer {
  readonly texts: string[] = []
  private readonly positions = new Map<string, number>()
  private array: Float64Array<ArrayBuffer>
  private length = 0

  constructor(entries: number) {
    this.array = new Float64Array(entries * 4 + 4)
  }

  number(value: number): void {
    if (this.length === this.array.length) {
      const grown = new Float64Array(this.length * 2)
      grown.set(this.array)
      this.array = grown
    }
    this.array[this.length++] = value
  }

  /** An IPv4 address is a number, and any other a text, by its position below 0. */
  address(value: Ip): void {
    this.number(isIpv4(value) ? ipv4ToNumber(value) : -this.texts.push(value))
  }

  sharedText(value: string): void {
    const known = this.positions.get(value)
    if (known !== undefined) return this.number(known)
    const position = this.texts.push(value) - 1
    this.positions.set(value, position)
    this.number(position)
  }

  all(): Float64Array {
    return this.array.slice(0, this.length)
  }
}
