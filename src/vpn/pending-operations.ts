import { identity } from '../dataplane/kinds/index.ts'
import type { Entry, Status } from '../dataplane/model.ts'
import { assert } from '../values/assert.ts'
import type { ChangedState } from './changed-state.ts'
import type { Dataplanes } from './dataplanes.ts'
import type { Keep } from './state.ts'

type Batch = readonly Entry[]

/**
 * Links, ports, local addresses and labels of attachments that are on their way into the kernel or out of it. They are kept
 * before they are touched, so that a process that dies half-way leaves its successor a list of what to clear away.
 */
export class PendingOperations {
  private readonly dataplanes: Dataplanes
  private readonly changes: ChangedState
  private readonly keep: Keep
  /** Of each its number in the state, and what of it is kept there. */
  private readonly batches = new Map<Batch, { readonly number: number; readonly kept: Batch }>()
  private lastNumber = 0

  constructor(dataplanes: Dataplanes, changes: ChangedState, keep: Keep) {
    this.dataplanes = dataplanes
    this.changes = changes
    this.keep = keep
  }

  /** Everything that is on its way. */
  entries(): Entry[] {
    return [...this.batches.values()].flatMap(({ kept }) => kept)
  }

  /**
   * Puts entries into the kernel; resolves to those that it refused. They stay in the footprint until `settled`, but for those that the state
   * tells of already, since they are `needed`.
   */
  async set(
    batch: Batch,
    needed: Batch,
  ): Promise<readonly { readonly entry: Entry; readonly status: Status }[]> {
    const known = new Set(needed.map(identity))
    const kept = batch.filter((entry) => !known.has(identity(entry)))
    if (kept.length > 0) {
      this.add(batch, kept)
      await this.keep('written')
    }
    for (const entry of batch) this.dataplanes.want(entry)
    return this.dataplanes.settled(batch)
  }

  /** What `set` put there belongs to an attachment now, or was dropped again. */
  settled(batch: Batch): void {
    const known = this.batches.get(batch)
    if (known === undefined) return
    this.batches.delete(batch)
    this.changes.touch('pending', `${known.number}`, () => undefined)
  }

  /** Takes entries out of the kernel, which comes to pass later. */
  drop(batch: Batch): void {
    if (batch.length === 0) return
    this.add(batch)
    for (const entry of batch) this.dataplanes.unwant(entry)
    this.follow(batch)
  }

  /** Clears away what an earlier process left on its way; what is wanted again stays. */
  restore(entries: Batch): void {
    if (entries.length === 0) return
    this.add(entries)
    this.dataplanes.clear(entries)
    this.follow(entries)
  }

  private follow(batch: Batch): void {
    void this.dataplanes.gone(batch).then(() => {
      this.settled(batch)
      return this.keep('written')
    })
  }

  private add(batch: Batch, kept = batch): void {
    assert(!this.batches.has(batch), 'entries are written down as pending twice')
    const number = ++this.lastNumber
    this.batches.set(batch, { number, kept })
    this.changes.touch('pending', `${number}`, () => kept)
  }
}
