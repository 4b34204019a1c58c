import { identity } from '../dataplane/kinds/index.ts'
import type { Entry, Status } from '../dataplane/model.ts'
import { assert } from '../values/assert.ts'
import type { ChangedState } from './changed-state.ts'
import type { Dataplanes } from './dataplanes.ts'
import type { Keep } from './state.ts'

type PendingEntries = readonly Entry[]

/**
 * Links, ports, local addresses and labels of attachments whose programming or removal is under way. They are written to the state
 * before the kernel is changed, so that after a crash the next process knows what to remove.
 */
export class PendingOperations {
  private readonly dataplanes: Dataplanes
  private readonly changes: ChangedState
  private readonly keep: Keep
  /** The number of each in the state, and its entries there. */
  private readonly batches = new Map<
    PendingEntries,
    { readonly number: number; readonly kept: PendingEntries }
  >()
  private lastNumber = 0

  constructor(dataplanes: Dataplanes, changes: ChangedState, keep: Keep) {
    this.dataplanes = dataplanes
    this.changes = changes
    this.keep = keep
  }

  /** All pending entries. */
  entries(): Entry[] {
    return [...this.batches.values()].flatMap(({ kept }) => kept)
  }

  /**
   * Programs entries; resolves to the refused ones. They stay pending until `settled`, except those that a later process has to keep: they
   * are `needed` by what is in the state, or on `stale` devices.
   */
  async set(
    batch: PendingEntries,
    needed: PendingEntries,
    stale: ReadonlySet<string>,
  ): Promise<readonly { readonly entry: Entry; readonly status: Status }[]> {
    const known = new Set(needed.map(identity))
    const kept = batch.filter((entry) => !known.has(identity(entry)) && !stale.has(entry.device))
    if (kept.length > 0) {
      this.add(batch, kept)
      await this.keep('written')
    }
    for (const entry of batch) this.dataplanes.want(entry)
    return this.dataplanes.settled(batch)
  }

  /** The entries that `set` programmed belong to an attachment now, or were dropped again. */
  settled(batch: PendingEntries): void {
    const known = this.batches.get(batch)
    if (known === undefined) return
    this.batches.delete(batch)
    this.changes.touch('pending', `${known.number}`, () => undefined)
  }

  /** Removes entries from the kernel, which happens later. */
  drop(batch: PendingEntries): void {
    if (batch.length === 0) return
    this.add(batch)
    for (const entry of batch) this.dataplanes.unwant(entry)
    this.follow(batch)
  }

  /** Removes the pending entries of an earlier process; those that are wanted again stay. */
  restore(entries: PendingEntries): void {
    if (entries.length === 0) return
    this.add(entries)
    this.dataplanes.clear(entries)
    this.follow(entries)
  }

  private follow(batch: PendingEntries): void {
    void this.dataplanes.gone(batch).then(() => {
      this.settled(batch)
      return this.keep('written')
    })
  }

  private add(batch: PendingEntries, kept = batch): void {
    assert(!this.batches.has(batch), 'entries are written down as pending twice')
    const number = ++this.lastNumber
    this.batches.set(batch, { number, kept })
    this.changes.touch('pending', `${number}`, () => kept)
  }
}
