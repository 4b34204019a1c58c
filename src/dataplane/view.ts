import type { PersistentClock, TaskFaults } from '../clock.ts'
import type { DriftSummary } from './engine/drift.ts'
import type { Reconciler } from './engine/reconciler.ts'
import { identity, KINDS } from './kinds/index.ts'
import type {
  Comparison,
  Counts,
  Entry,
  EntryStatus,
  HeldSetting,
  Interface,
  Isolation,
  Kind,
  Outage,
  Storm,
  TightUnderlay,
  Verification,
} from './model.ts'

/** So many items of a list are told at once; others get their turn behind them. */
const SLICE = 500

/** The forwarding loop on one page. */
export interface DataplaneSummary {
  readonly counts: Counts
  /** Since when the entry is not in place that waits longest, in epoch milliseconds; null when none waits. */
  readonly waitingSince: number | null
  /** How many entries are not wanted and could not be removed. */
  readonly unremovedCount: number
  /** How many entries carry our mark and are kept until initial convergence is complete. */
  readonly staleCount: number
  /** Something that failed; null when nothing did. */
  readonly failure: EntryStatus | null
  /** Links that carry our mark and that nobody wants. */
  readonly orphans: readonly Interface[]
  /** What isolates the bridges from the host that were asked for, in their order. */
  readonly isolation: readonly Isolation[]
  /** What is missing that keeps VRFs and the host apart, in sentences. */
  readonly vrfGaps: readonly string[]
  /** What VXLAN devices lack that cannot be changed, in sentences. */
  readonly vxlanGaps: readonly string[]
  /** Networks with more broadcast and multicast than their use explains. */
  readonly storms: readonly Storm[]
  /** Since when the kernel has not answered, in epoch milliseconds, so that all else is of before; null where it has. */
  readonly silentSince: number | null
  readonly drift: DriftSummary
  /** How much is still to be removed that did not fail, and since when, in epoch milliseconds. */
  readonly removing: { readonly count: number; readonly since: number | null }
  readonly outages: readonly Outage[]
  /** By device, how many IPv6 neighbours it has no use for, since IPv6 is disabled on it. */
  readonly withoutIpv6: ReadonlyMap<string, number>
  readonly tightUnderlays: readonly TightUnderlay[]
  /** What went wrong with the forwarding loop itself, and is tried again. */
  readonly faults: TaskFaults
  /** Why the kernel could not be asked, so that what it would have told is missing here; null where it was. */
  readonly unreadable: string | null
  /** The last comparison of the whole kernel with what is wanted; null before the first. */
  readonly compared: Comparison | null
}

/** What of a summary the kernel is asked for each time. */
type KernelInfo = Pick<
  DataplaneSummary,
  'orphans' | 'isolation' | 'vrfGaps' | 'vxlanGaps' | 'tightUnderlays' | 'unreadable'
>

/** What whoever looks at the forwarding loop may ask it, which another thread may have to answer. Lists come in slices. */
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

/** The lists that whoever looks at the forwarding loop may walk. */
export interface Lists {
  entries(devices?: ReadonlySet<string>): Iterable<readonly EntryStatus[]>
  failures(): Iterable<readonly EntryStatus[]>
  settings(): Iterable<readonly { readonly setting: HeldSetting; readonly entry: Entry }[]>
}

/** What a forwarding loop in this thread answers at once. */
export interface Answers {
  readonly lists: Lists
  counts(): Counts
  /** What is wanted under the identity of each of the entries. */
  find(entries: readonly Entry[]): readonly (EntryStatus | undefined)[]
  /** Of what isolates bridges from the host, that of these. */
  summary(bridges: readonly string[]): DataplaneSummary
}

/** Those of a loop that runs on this clock. */
export function answers(reconciler: Reconciler, clock: Pick<PersistentClock, 'faults'>): Answers {
  const { statuses, verifier } = reconciler
  const lists: Lists = {
    entries: (devices) => slices(statuses.entries(devices)),
    failures: () => slices(statuses.failures()),
    settings: () => slices(reconciler.settings()),
  }
  return {
    lists,
    counts: () => statuses.counts(),
    find: (entries: readonly Entry[]) => entries.map((entry) => statuses.find(entry)),
    summary: (bridges: readonly string[]): DataplaneSummary => ({
      counts: statuses.counts(),
      waitingSince: statuses.waitingSince(),
      unremovedCount: statuses.unremovedCount(),
      staleCount: statuses.staleCount(),
      failure: statuses.failures().next().value ?? null,
      ...kernelInfo(reconciler, bridges),
      storms: [...reconciler.storms.all()],
      silentSince: null,
      drift: reconciler.drift.summary(),
      removing: statuses.removing(),
      outages: [...statuses.outages()],
      withoutIpv6: statuses.unneeded(),
      faults: clock.faults,
      compared: verifier.last,
    }),
  }
}

function kernelInfo(reconciler: Reconciler, bridges: readonly string[]): KernelInfo {
  try {
    return {
      orphans: reconciler.verifier.orphans(),
      isolation: bridges.map((bridge) => reconciler.isolationOf(bridge)),
      vrfGaps: reconciler.vrfGaps(),
      vxlanGaps: reconciler.vxlanGaps(),
      tightUnderlays: reconciler.tightUnderlays(),
      unreadable: null,
    }
  } catch (error) {
    const unreadable = error instanceof Error ? error.message : String(error)
    return { orphans: [], isolation: [], vrfGaps: [], vxlanGaps: [], tightUnderlays: [], unreadable }
  }
}

/** A forwarding loop in this thread, asked as one in another is. */
export function dataplaneView(reconciler: Reconciler, clock: Pick<PersistentClock, 'faults'>): DataplaneView {
  const { lists, counts, find, summary } = answers(reconciler, clock)
  return {
    entries: (devices?: ReadonlySet<string>) => inTurns(lists.entries(devices)),
    failures: () => inTurns(lists.failures()),
    settings: () => inTurns(lists.settings()),
    counts: async () => counts(),
    find: async (entries: readonly Entry[]) => find(entries),
    summary: async (bridges: readonly string[]) => summary(bridges),
    verify: () => reconciler.verifier.verify(),
    describe: identity,
    kinds: KINDS,
  }
}

/** Items that are undefined are left out, and count as work. */
function* slices<T>(items: Iterable<T | undefined>): Generator<T[], void> {
  let slice: T[] = []
  let passed = 0
  for (const item of items) {
    if (item !== undefined) slice.push(item)
    if (++passed % SLICE !== 0) continue
    yield slice
    slice = []
  }
  yield slice
}

async function* inTurns<T>(items: Iterable<T>): AsyncGenerator<T, void> {
  for (const item of items) {
    yield item
    await new Promise((resolve) => setImmediate(resolve))
  }
}
