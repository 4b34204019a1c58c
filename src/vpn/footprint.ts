import type { Dataplane, Entry, Status } from '../dataplane/model.ts'
import type { FootprintEntry } from './state.ts'

type Batch = readonly FootprintEntry[]

/**
 * Links, ports, local addresses and labels of attachments that are on their way into the kernel or out of it. They are kept
 * before they are touched, so that a process that dies half-way leaves its successor a list of what to clear away.
 */
export class Footprint {
  private readonly dataplane: Dataplane
  /** Resolves when what is so now is kept. */
  readonly kept: () => Promise<void>
  private readonly batches = new Set<Batch>()

  constructor(dataplane: Dataplane, kept: () => Promise<void>) {
    this.dataplane = dataplane
    this.kept = kept
  }

  /** Everything that is on its way. */
  entries(): FootprintEntry[] {
    return [...this.batches].flat()
  }

  /** Puts entries into the kernel; resolves to those that it refused. They stay in the footprint until `settled`. */
  async set(batch: Batch): Promise<readonly { readonly entry: Entry; readonly status: Status }[]> {
    this.batches.add(batch)
    await this.kept()
    for (const entry of batch) this.dataplane.want(entry)
    return this.dataplane.settled(batch)
  }

  /** What `set` put there belongs to an attachment now, or was dropped again. */
  settled(batch: Batch): Promise<void> {
    this.batches.delete(batch)
    return this.kept()
  }

  /** Takes entries out of the kernel, which comes to pass later. */
  drop(batch: Batch): void {
    if (batch.length === 0) return
    this.batches.add(batch)
    for (const entry of batch) this.dataplane.unwant(entry)
    this.follow(batch)
  }

  /** Clears away what an earlier process left on its way; what is wanted again stays. */
  restore(entries: Batch): void {
    if (entries.length === 0) return
    this.batches.add(entries)
    this.dataplane.clear(entries)
    this.follow(entries)
  }

  private follow(batch: Batch): void {
    void this.dataplane.gone(batch).then(() => this.settled(batch))
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
