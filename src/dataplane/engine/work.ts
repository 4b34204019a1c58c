import type { Clock } from '../../clock.ts'
import type { EventSink } from '../../events/event.ts'
import type { Closable } from '../../values/closable.ts'
import type { Driver } from '../driver.ts'
import { type Eventual, whenAnswered } from '../eventual.ts'
import { identity, TABLE_KINDS, type TableEntry } from '../kinds/index.ts'
import { isLost, NONE_REFUSED, type Refusal, type Refused } from '../refusal.ts'
import type { AnyTable, Device } from './device.ts'
import type { Exceptions } from './exceptions.ts'
import type { Op } from './in-flight.ts'
import { orAllLost } from './lost-answers.ts'
import { MutedRemovals } from './muted-removals.ts'

/** Entries handed to the driver at once; between two such batches other work gets its turn. */
const BATCH = 512
/** From this many entries to set on, the kernel's notifications of them are not read. */
const BULK = 1024

export interface WorkDependencies {
  readonly clock: Clock
  readonly driver: Driver
  readonly exceptions: Exceptions
  readonly events: EventSink
  /** The table that has an entry of a batch. */
  readonly tableOf: (entry: TableEntry) => AnyTable
  /** Called with the entries that were removed. */
  readonly removed: (entries: readonly TableEntry[]) => void
  /** Called when a device has nothing left to set or remove. */
  readonly done: (device: Device) => void
  /** Called for a device whose removals were not read for a while, when external ones may be among them. */
  readonly missed: (device: string) => void
}

/** The devices with entries to set or remove, one batch at a time: the caller waits for each answer. */
export class Work implements Closable {
  private readonly driver: Driver
  private readonly exceptions: Exceptions
  private readonly events: EventSink
  private readonly tableOf: (entry: TableEntry) => AnyTable
  private readonly removed: (entries: readonly TableEntry[]) => void
  private readonly done: (device: Device) => void
  private readonly busy = new Set<Device>()
  private isSettingBulk = false
  /** Whether the loss of answers was reported, and none has come since: one report stands for all entries. */
  private isLossReported = false
  private readonly mutedRemovals: MutedRemovals

  constructor({ clock, driver, exceptions, events, tableOf, removed, done, missed }: WorkDependencies) {
    this.driver = driver
    this.exceptions = exceptions
    this.events = events
    this.tableOf = tableOf
    this.removed = removed
    this.done = done
    const unmuted = () => this.muteOwned()
    this.mutedRemovals = new MutedRemovals({ clock, driver, unmuted, missed })
  }

  close(): void {
    this.mutedRemovals.close()
  }

  get isDone(): boolean {
    return this.busy.size === 0
  }

  /** Records that the device may have entries to set or remove. */
  add(device: Device): void {
    this.busy.add(device)
  }

  /** Sets a batch of entries; answers whether more may be left to set. */
  setSome(): Eventual<boolean> {
    const batch: TableEntry[] = []
    const stuck: TableEntry[] = []
    for (const kind of TABLE_KINDS) {
      for (const device of this.busy) {
        if (device.accepting) device.tables.get(kind)?.takeSets(BATCH, batch, stuck)
      }
    }
    this.isSettingBulk = batch.length === BATCH && this.isBulk()
    this.muteOwned()
    if (batch.length === 0) return false
    const answer = this.request('set', batch, () => this.replace(stuck, batch))
    return whenAnswered(answer, (refused) => {
      this.noteSet(batch, refused)
      return batch.length === BATCH
    })
  }

  /** Sets entries, of which some have to be removed before. */
  private replace(stuck: readonly TableEntry[], batch: readonly TableEntry[]): Eventual<Refused> {
    if (stuck.length === 0) return this.driver.set(batch)
    return whenAnswered(this.driver.remove(stuck), () => this.driver.set(batch))
  }

  private noteSet(batch: readonly TableEntry[], refused: Refused): void {
    this.count('set', batch, refused)
    if (refused.size === 0 && this.exceptions.size === 0) return
    for (const [i, entry] of batch.entries()) {
      const refusal = refused.get(i)
      if (refusal === undefined) this.exceptions.done(entry)
      // one that was unwanted or changed meanwhile is tried anew
      else if (this.tableOf(entry).holds(entry)) this.refuse('set', entry, refusal)
    }
  }

  /** Hands a batch to the driver. Where that throws, its entries stay queued. */
  private request(op: Op, batch: readonly TableEntry[], change: () => Eventual<Refused>): Eventual<Refused> {
    let answer: Eventual<Refused>
    try {
      answer = change()
    } catch (error) {
      for (const [table, entries] of this.byTable(batch)) table.putBack(op, entries)
      throw error
    }
    if (!(answer instanceof Promise)) return answer
    const tables = this.byTable(batch)
    for (const [table, entries] of tables) table.send(op, entries)
    return whenAnswered(orAllLost(answer, batch.length), (refused) => {
      for (const table of tables.keys()) table.land()
      return refused
    })
  }

  private byTable(batch: readonly TableEntry[]): Map<AnyTable, TableEntry[]> {
    return Map.groupBy(batch, this.tableOf)
  }

  /** Removes a batch of entries, in the reverse order of setting; answers whether more may be left to remove. */
  removeSome(): Eventual<boolean> {
    const batch: TableEntry[] = []
    for (const device of this.busy) this.mutedRemovals.expect(device)
    this.muteOwned()
    for (const kind of TABLE_KINDS.toReversed()) {
      for (const device of this.busy) {
        const table = device.tables.get(kind)
        if (device.index === null || table === undefined || device.goesWithLink(kind)) continue
        const before = batch.length
        table.takeRemovals(BATCH, batch)
        this.mutedRemovals.note(device, batch.length - before)
      }
    }
    const answer =
      batch.length === 0 ? NONE_REFUSED : this.request('remove', batch, () => this.driver.remove(batch))
    return whenAnswered(answer, (refused) => {
      this.noteRemoved(batch, refused)
      this.finish()
      return batch.length === BATCH
    })
  }

  /** Lets go of devices that have no work left. */
  private finish(): void {
    for (const device of this.busy) {
      if (device.hasSets || device.removing > 0) continue
      this.busy.delete(device)
      this.done(device)
    }
  }

  private muteOwned(): void {
    this.driver.muteOwned(this.isSettingBulk, this.mutedRemovals.names)
  }

  private noteRemoved(batch: readonly TableEntry[], refused: Refused): void {
    this.count('remove', batch, refused)
    this.removed(refused.size === 0 ? batch : batch.filter((_, i) => !refused.has(i)))
    if (refused.size === 0 && this.exceptions.size === 0) return
    for (const [i, entry] of batch.entries()) {
      const refusal = refused.get(i)
      if (refusal === undefined) this.exceptions.done(entry)
      // one that was wanted again meanwhile is set anew
      else if (!this.tableOf(entry).wants(entry)) {
        this.tableOf(entry).noteUnremoved(entry)
        this.refuse('remove', entry, refusal)
      }
    }
  }

  private refuse(op: Op, entry: TableEntry, refusal: Refusal): void {
    if (refusal.code === 'IPV6_DISABLED') {
      const isFirst = this.exceptions.unneeded(entry, refusal)
      if (isFirst) this.events.emit({ type: 'ipv6-disabled', device: entry.device })
      return
    }
    this.exceptions.failed(entry, refusal)
    if (this.exceptions.status(entry)?.attempts !== 1 || (isLost(refusal) && this.isLossReported)) return
    this.isLossReported = isLost(refusal)
    const { text: reason, code } = refusal
    const { kind, device } = entry
    this.events.emit({ type: 'entry-failed', op, kind, device, entry: identity(entry), reason, code })
  }

  /** Reports the result of a batch, by kind: a full table may refuse a hundred thousand entries again and again. */
  private count(op: Op, batch: readonly TableEntry[], refused: Refused): void {
    const done = refused.size === 0 ? batch : batch.filter((_, i) => !refused.has(i))
    if (done.length > 0) {
      this.isLossReported = false
      const type = op === 'set' ? 'entries-programmed' : 'entries-removed'
      this.events.emit({ type, kinds: kindCounts(done) })
    }
    if (done.length === batch.length) return
    const failed = batch.filter((_, i) => (refused.get(i)?.code ?? 'IPV6_DISABLED') !== 'IPV6_DISABLED')
    if (failed.length > 0) this.events.emit({ type: 'entries-refused', op, kinds: kindCounts(failed) })
  }

  private isBulk(): boolean {
    let waiting = 0
    for (const device of this.busy) {
      for (const table of device.tables.values()) waiting += table.waiting
    }
    return waiting > BULK
  }
}

/** How many entries there are of each kind. */
function kindCounts(entries: readonly TableEntry[]): Record<string, number> {
  const counts: Record<string, number> = {}
  let begin = 0
  for (let i = 1; i <= entries.length; i++) {
    const { kind } = entries[begin]!
    // those of a kind mostly come together
    if (i < entries.length && entries[i]!.kind === kind) continue
    counts[kind] = (counts[kind] ?? 0) + i - begin
    begin = i
  }
  return counts
}
