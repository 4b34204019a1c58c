import type {
  Comparison,
  Counts,
  Entry,
  EntryStatus,
  HeldSetting,
  Interface,
  Isolation,
  Kind,
  Status,
  Storm,
  Verification,
} from '../dataplane/model.ts'

/** What the API asks of the forwarding loop. */
export interface DataplaneView {
  /** The wanted entries of some devices or of all, with what became of each; do not change what is wanted meanwhile. */
  entries(devices?: ReadonlySet<string>): Iterable<EntryStatus>
  /** What failed: wanted entries, and removals. */
  failures(): Iterable<EntryStatus>
  /** What is wanted under the identity of `entry`. */
  find(entry: Entry): EntryStatus | undefined
  /** An entry in words. */
  describe(entry: Entry): string
  /** All kinds of entries. */
  readonly kinds: readonly Kind[]
  counts(): Counts
  /** Since when the entry is not in place that waits longest, in epoch milliseconds; null when none waits. */
  waitingSince(): number | null
  /** How many entries are not wanted and could not be removed. */
  unremovedCount(): number
  /** How many entries carry our mark and are kept until all routes are here. */
  staleCount(): number
  /** Links that carry our mark and that nobody wants. */
  orphans(): readonly Interface[]
  /** What isolates a bridge from the host. */
  isolationOf(bridge: string): Isolation
  /** What is missing that keeps VRFs and the host apart, in sentences. */
  vrfGaps(): readonly string[]
  /** What VXLAN devices lack that cannot be changed, in sentences. */
  vxlanGaps(): readonly string[]
  /** Settings of the machine that wanted entries need, each with the entry it is needed for first. */
  settings(): Iterable<{ readonly setting: HeldSetting; readonly entry: Entry } | undefined>
  /** Compares the whole kernel with what it is taken to hold. */
  verify(): Promise<Verification>
  /** Networks with more broadcast and multicast than their use explains. */
  storms(): Iterable<Storm>
  /** The last such comparison; null before the first. */
  compared(): Comparison | null
}

/** What became of an entry, in the words of the API; times are in epoch milliseconds. */
export function showStatus({ state, reason, errno, since, nextTry, attempts }: Status) {
  return { state, reason, errno, since, next_try: nextTry, attempts }
}
