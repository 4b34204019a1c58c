import type {
  Counts,
  Entry,
  EntryStatus,
  HeldSetting,
  Kind,
  Status,
  Verification,
} from '../dataplane/model.ts'
import type { DataplaneSummary } from '../dataplane/view.ts'

/** What the API asks of the forwarding loop, which another thread may have to answer. Lists come in slices. */
export interface DataplaneView {
  counts(): Promise<Counts>
  /** What fits on one page, with what isolates these bridges from the host. */
  summary(bridges: readonly string[]): Promise<DataplaneSummary>
  /** The wanted entries of some devices or of all, with what became of each. */
  entries(devices?: ReadonlySet<string>): AsyncIterable<readonly EntryStatus[]>
  /** What failed: wanted entries, and removals. */
  failures(): AsyncIterable<readonly EntryStatus[]>
  /** What is wanted under the identity of each of the entries. */
  find(entries: readonly Entry[]): Promise<readonly (EntryStatus | undefined)[]>
  /** Settings of the machine that wanted entries need, each with the entry it is needed for first. */
  settings(): AsyncIterable<readonly { readonly setting: HeldSetting; readonly entry: Entry }[]>
  /** Compares the whole kernel with what it is taken to hold. */
  verify(): Promise<Verification>
  /** An entry in words. */
  describe(entry: Entry): string
  /** All kinds of entries. */
  readonly kinds: readonly Kind[]
}

/** What became of an entry, in the words of the API; times are in epoch milliseconds. */
export function showStatus({ state, reason, errno, since, nextTry, attempts }: Status) {
  return { state, reason, errno, since, next_try: nextTry, attempts }
}
