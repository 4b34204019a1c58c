import type { PersistentClock, TaskFaults } from '../clock.ts'
import type { DriftSummary } from './engine/drift.ts'
import type { Reconciler } from './engine/reconciler.ts'
import type { NeededSetting } from './engine/settings.ts'
import { type AskingSteps, answerTo, type Eventual, gathered, takeSteps, whenAnswered } from './eventual.ts'
import { identity, KINDS } from './kinds/index.ts'
import type {
  Comparison,
  Counts,
  Entry,
  EntryStatus,
  FullNeighbourTable,
  Interface,
  Isolation,
  Kind,
  Outage,
  Storm,
  TightUnderlay,
  Verification,
} from './model.ts'

/**
 * Items of a list returned at once; other work gets its turn before the next. Few, since each of many readers holds a slice, and what they hold
 * makes each garbage collection longer.
 */
const SLICE = 200

/** A summary of the forwarding loop. */
export interface DataplaneSummary {
  readonly counts: Counts
  /** Since when the longest waiting entry is not programmed, in epoch milliseconds; null when none waits. */
  readonly waitingSince: number | null
  /** How many unwanted entries could not be removed. */
  readonly unremovedCount: number
  /** How many entries carry our mark and are kept until initial convergence is complete. */
  readonly staleCount: number
  /** One of the failures; null when there is none. */
  readonly failure: EntryStatus | null
  /** Unwanted links with our mark. */
  readonly orphans: readonly Interface[]
  /** What isolates the requested bridges from the host, in their order. */
  readonly isolation: readonly Isolation[]
  /** Missing protections between VRFs and the host, in sentences. */
  readonly vrfGaps: readonly string[]
  /** Options that VXLAN devices lack and that cannot be changed, in sentences. */
  readonly vxlanGaps: readonly string[]
  /** VPN instances with more broadcast and multicast than their use explains. */
  readonly storms: readonly Storm[]
  readonly fullNeighbourTables: readonly FullNeighbourTable[]
  /** Since when the kernel has not answered, in epoch milliseconds, so that all other fields are outdated; null where it has. */
  readonly silentSince: number | null
  readonly drift: DriftSummary
  /** How many removals are left that did not fail, and since when, in epoch milliseconds. */
  readonly removing: { readonly count: number; readonly since: number | null }
  readonly outages: readonly Outage[]
  /** By device, how many IPv6 neighbours it has no use for, since IPv6 is disabled on it. */
  readonly withoutIpv6: ReadonlyMap<string, number>
  readonly tightUnderlays: readonly TightUnderlay[]
  /** Errors of the forwarding loop itself, which are retried. */
  readonly faults: TaskFaults
  /** Why the kernel could not be asked, so that its answers are missing here; null where it was. */
  readonly unreadable: string | null
  /** The last comparison of the whole kernel with the desired state; null before the first. */
  readonly compared: Comparison | null
}

/** The parts of a summary that the kernel is asked for each time. */
type KernelInfo = Pick<
  DataplaneSummary,
  'orphans' | 'isolation' | 'vrfGaps' | 'vxlanGaps' | 'tightUnderlays' | 'unreadable'
>

/** Queries of the forwarding loop, which another thread may have to answer. Lists come in slices. */
export interface DataplaneView {
  counts(): Promise<Counts>
  /** A summary, with what isolates these bridges from the host. */
  summary(bridges: readonly string[]): Promise<DataplaneSummary>
  /** The wanted entries of some devices or of all, each with its state. */
  entries(devices?: ReadonlySet<string>): AsyncIterable<Iterable<EntryStatus>>
  /** Failures: wanted entries, and removals. */
  failures(): AsyncIterable<readonly EntryStatus[]>
  /** The wanted entry of the identity of each of the entries. */
  find(entries: readonly Entry[]): Promise<readonly (EntryStatus | undefined)[]>
  /** Node settings that wanted entries need, each with the first entry that needs it. */
  settings(): AsyncIterable<readonly NeededSetting[]>
  /** Compares the whole kernel with its recorded state. */
  verify(): Promise<Verification>
  /** An entry in words. */
  describe(entry: Entry): string
  /** All kinds of entries. */
  readonly kinds: readonly Kind[]
}

/** The lists of the forwarding loop that can be walked. */
export interface Lists {
  entries(devices?: ReadonlySet<string>): Iterable<readonly EntryStatus[]>
  failures(): Iterable<readonly EntryStatus[]>
  settings(): Iterable<Eventual<readonly NeededSetting[]>>
}

/** Queries of a forwarding loop in this thread. */
export interface Answers {
  readonly lists: Lists
  counts(): Counts
  /** The wanted entry of the identity of each of the entries. */
  find(entries: readonly Entry[]): readonly (EntryStatus | undefined)[]
  /** The isolation of these bridges. */
  summary(bridges: readonly string[]): Eventual<DataplaneSummary>
}

/** The queries of a loop that runs on this clock. */
export function answers(reconciler: Reconciler, clock: Pick<PersistentClock, 'faults'>): Answers {
  const { statuses, verifier } = reconciler
  const lists: Lists = {
    entries: (devices) => slices(statuses.entries(devices)),
    failures: () => slices(statuses.failures()),
    settings: () => reconciler.settings(slices(statuses.entries())),
  }
  return {
    lists,
    counts: () => statuses.counts(),
    find: (entries: readonly Entry[]) => entries.map((entry) => statuses.find(entry)),
    summary: (bridges: readonly string[]) =>
      whenAnswered(kernelInfo(reconciler, bridges), (info) => summaryWith(info)),
  }

  function summaryWith(info: KernelInfo): DataplaneSummary {
    return {
      counts: statuses.counts(),
      waitingSince: statuses.waitingSince(),
      unremovedCount: statuses.unremovedCount(),
      staleCount: statuses.staleCount(),
      failure: statuses.failures().next().value ?? null,
      ...info,
      storms: [...reconciler.storms.all()],
      fullNeighbourTables: [...reconciler.neighbourTables.allFull()],
      silentSince: null,
      drift: reconciler.drift.summary(),
      removing: statuses.removing(),
      outages: [...statuses.outages()],
      withoutIpv6: statuses.unneeded(),
      faults: clock.faults,
      compared: verifier.last,
    }
  }
}

function kernelInfo(reconciler: Reconciler, bridges: readonly string[]): Eventual<KernelInfo> {
  return takeSteps(askKernel(reconciler, bridges))
}

function* askKernel(reconciler: Reconciler, bridges: readonly string[]): AskingSteps<KernelInfo> {
  try {
    return {
      orphans: yield* answerTo(reconciler.verifier.orphans()),
      isolation: yield* answerTo(gathered(bridges.map((bridge) => reconciler.isolationOf(bridge)))),
      vrfGaps: yield* answerTo(reconciler.vrfGaps()),
      vxlanGaps: yield* answerTo(reconciler.vxlanGaps()),
      tightUnderlays: yield* answerTo(reconciler.tightUnderlays()),
      unreadable: null,
    }
  } catch (error) {
    const unreadable = error instanceof Error ? error.message : String(error)
    return { orphans: [], isolation: [], vrfGaps: [], vxlanGaps: [], tightUnderlays: [], unreadable }
  }
}

/** The queries of a forwarding loop in this thread, in the form of those in another. */
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

/** Leaves out undefined items, which count as work. */
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

async function* inTurns<T>(items: Iterable<Eventual<T>>): AsyncGenerator<T, void> {
  for (const item of items) {
    yield item
    await new Promise((resolve) => setImmediate(resolve))
  }
}
