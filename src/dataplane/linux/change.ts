import type { Link } from '../driver.ts'
import type { TableEntry } from '../kinds/index.ts'
import { missing, type Refusal, type Refused } from '../refusal.ts'
import * as k from './constants.ts'
import type { Kernel } from './kinds/definition.ts'
import { linuxDefinition } from './kinds/index.ts'

/** The errnos for an absent object that was to be removed. */
const ABSENT = [k.ENOENT, k.ESRCH, k.ENODEV, k.EOPNOTSUPP, k.EAFNOSUPPORT, k.EADDRNOTAVAIL]

const MESSAGES_A_SEND = 256

/** Carries out changes of entries: one message each, many in one send. */
export class Changer {
  private readonly kernel: Kernel

  constructor(kernel: Omit<Kernel, 'indexOf'>) {
    const { links } = kernel
    this.kernel = { ...kernel, indexOf: (device) => links.lookUp(device)?.index ?? 0 }
  }

  set(entries: readonly TableEntry[]): Refused {
    const [first] = entries
    if (first === undefined) return new Map()
    const { kernel } = this
    const kinds = kindsAmong(entries)
    const prepared = new Map<string, unknown>()
    for (const kind of kinds) prepared.set(kind, linuxDefinition(kind).prepare?.(entries, kernel))
    // entries of one kind mostly come together
    let definition = linuxDefinition(first.kind)
    let its = prepared.get(definition.kind)
    const change = (entry: TableEntry, link: Link | undefined, i: number): Refusal | null => {
      if (link === undefined) return missing(entry.device)
      if (entry.kind !== definition.kind) {
        definition = linuxDefinition(entry.kind)
        its = prepared.get(entry.kind)
      }
      if (definition.set !== undefined) return definition.set(entry, link, kernel, its, i)
      definition.encode?.(kernel.requests, entry, link, kernel.indexOf)
      return null
    }
    const refusalOf = (refusal: Refusal, entry: TableEntry) =>
      linuxDefinition(entry.kind).explain?.(refusal, entry) ?? refusal
    const refused = this.send(entries, change, refusalOf)
    for (const kind of kinds) linuxDefinition(kind).conclude?.(entries, kernel, prepared.get(kind), refused)
    return refused
  }

  remove(entries: readonly TableEntry[]): Refused {
    const [first] = entries
    if (first === undefined) return new Map()
    const { kernel } = this
    let definition = linuxDefinition(first.kind)
    const change = (entry: TableEntry, link: Link | undefined): Refusal | null => {
      if (link === undefined) return null
      if (entry.kind !== definition.kind) definition = linuxDefinition(entry.kind)
      if (definition.remove !== undefined) return definition.remove(entry, link, kernel)
      definition.encodeRemoval?.(kernel.requests, entry, link)
      return null
    }
    const refused = this.send(entries, change, (refusal, entry) => this.removeOtherwise(refusal, entry))
    for (const kind of kindsAmong(entries)) linuxDefinition(kind).concludeRemoval?.(entries, kernel, refused)
    return refused
  }

  /** Why an entry is still there, after the kernel refused to remove it; null where it is not. */
  private removeOtherwise(refusal: Refusal, entry: TableEntry): Refusal | null {
    const { encodeOtherRemoval } = linuxDefinition(entry.kind)
    if (encodeOtherRemoval === undefined) return unlessAbsent(refusal)
    const { requests, links } = this.kernel
    const link = links.lookUp(entry.device)
    if (link === undefined) return null
    encodeOtherRemoval(requests, entry, link)
    for (const other of requests.send().values()) return unlessAbsent(other)
    return null
  }

  /** `change` writes messages, or returns why it does not; `refusalOf` returns why a refusal counts, or null where it does not. */
  private send(
    entries: readonly TableEntry[],
    change: (entry: TableEntry, link: Link | undefined, i: number) => Refusal | null,
    refusalOf: (refusal: Refusal, entry: TableEntry) => Refusal | null,
  ): Map<number, Refusal> {
    const { requests, links } = this.kernel
    const refused = new Map<number, Refusal>()
    const sent: number[] = []
    const flush = () => {
      for (const [position, refusal] of requests.send()) {
        const i = sent[position] ?? -1
        const entry = entries[i]
        const counted = entry === undefined ? null : refusalOf(refusal, entry)
        if (counted !== null) refused.set(i, counted)
      }
      sent.length = 0
    }
    let device: string | undefined
    let link: Link | undefined
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!
      if (entry.device !== device) link = links.lookUp(entry.device)
      device = entry.device
      const before = requests.writer.count
      const refusal = change(entry, link, i)
      if (refusal !== null) refused.set(i, refusal)
      for (let count = before; count < requests.writer.count; count++) sent.push(i)
      if (sent.length >= MESSAGES_A_SEND || requests.writer.isFull) flush()
    }
    flush()
    return refused
  }
}

function kindsAmong(entries: readonly TableEntry[]): ReadonlySet<TableEntry['kind']> {
  const kinds = new Set<TableEntry['kind']>()
  let last: TableEntry['kind'] | undefined
  for (const { kind } of entries) {
    if (kind !== last) kinds.add(kind)
    last = kind
  }
  return kinds
}

function unlessAbsent(refusal: Refusal): Refusal | null {
  return ABSENT.includes(refusal.errno ?? 0) ? null : refusal
}
