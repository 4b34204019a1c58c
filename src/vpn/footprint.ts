import type { Dataplane, Entry, Status } from '../dataplane/model.ts'
import { assert } from '../values/assert.ts'
import type { Changes } from './changes.ts'
import type { FootprintEntry, Keep } from './state.ts'

type Batch = readonly FootprintEntry[]

/**
 * Links, ports, local addresses and labels of attachments that are on their way into the kernel or out of it. They are kept
 * before they are touched, so that a process that dies half-way leaves its successor a list of what to clear away.
 */
export class Footprint {
  private readonly dataplane: Dataplane
  private readonly changes: Changes
  private readonly keep: Keep
  /** By the number that each has in the state. */
  private readonly batches = new Map<Batch, number>()
  private lastNumber = 0

  constructor(dataplane: Dataplane, changes: Changes, keep: Keep) {
    this.dataplane = dataplane
    this.changes = changes
    this.keep = keep
  }

  /** Everything that is on its way. */
  entries(): FootprintEntry[] {
    return [...this.batches.keys()].flat()
  }

  /** Puts entries into the kernel; resolves to those that it refused. They stay in the footprint until `settled`. */
  async set(batch: Batch): Promise<readonly { readonly entry: Entry; readonly status: Status }[]> {
    this.add(batch)
    await this.keep('written')
    for (const entry of batch) this.dataplane.want(entry)
    return this.dataplane.settled(batch)
  }

  /** What `set` put there belongs to an attachment now, or was dropped again. */
  settled(batch: Batch): void {
    const number = this.batches.get(batch)
    if (number === undefined) return
    this.batches.delete(batch)
    this.changes.touch('pending', `${number}`, () => undefined)
  }

  /** Takes entries out of the kernel, which comes to pass later. */
  drop(batch: Batch): void {
    if (batch.length === 0) return
    this.add(batch)
    for (const entry of batch) this.dataplane.unwant(entry)
    this.follow(batch)
  }

  /** Clears away what an earlier process left on its way; what is wanted again stays. */
  restore(entries: Batch): void {
    if (entries.length === 0) return
    this.add(entries)
    this.dataplane.clear(entries)
    this.follow(entries)
  }

  private follow(batch: Batch): void {
    void this.dataplane.gone(batch).then(() => {
      this.settled(batch)
      return this.keep('written')
    })
  }

  private add(batch: Batch): void {
    assert(!this.batches.has(batch), 'entries are written down as pending twice')
    const number = ++this.lastNumber
    this.batches.set(batch, number)
    this.changes.touch('pending', `${number}`, () => batch)
  }
}

/** What makes two entries the same thing in the kernel. */
export function place(entry: FootprintEntry): string {
  switch (entry.kind) {
    case 'local-mac':
      return `${entry.kind} ${entry.device} ${entry.mac}`
    case 'address':
      return `${entry.kind} ${entry.device} ${entry.ip}/${entry.prefixLength}`
    case 'fixed-neighbour':
    case 'udp-port':
      return `${entry.kind} ${entry.device} ${entry.ip}`
    case 'unreachable':
      return `${entry.kind} ${entry.device} ${entry.prefix}/${entry.prefixLength}`
    case 'mpls':
      return `${entry.kind} ${entry.label}`
    case 'port':
    case 'vrf-port':
      return `port ${entry.device}`
    case 'bridge':
    case 'vxlan':
    case 'vrf':
    case 'veth':
    case 'mpls-interface':
    case 'tunnel':
      return `${entry.kind} ${entry.device}`
    default:
      return entry satisfies never
  }
}
