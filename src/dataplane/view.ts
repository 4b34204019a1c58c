import { type Entry, identity, KINDS } from './model.ts'
import type { Reconciler } from './reconciler.ts'

/** What whoever looks at the forwarding loop may ask it. */
export function dataplaneView(reconciler: Reconciler) {
  const { statuses, verifier } = reconciler
  return {
    entries: (devices?: ReadonlySet<string>) => statuses.entries(devices),
    failures: () => statuses.failures(),
    find: (entry: Entry) => statuses.find(entry),
    describe: identity,
    kinds: KINDS,
    counts: () => statuses.counts(),
    waitingSince: () => statuses.waitingSince(),
    unremovedCount: () => statuses.unremovedCount(),
    staleCount: () => statuses.staleCount(),
    orphans: () => verifier.orphans(),
    verify: () => verifier.verify(),
    isolationOf: (bridge: string) => reconciler.isolationOf(bridge),
    vrfGaps: () => reconciler.vrfGaps(),
    vxlanGaps: () => reconciler.vxlanGaps(),
    settings: () => reconciler.settings(),
    storms: () => reconciler.storms.all(),
    compared: () => verifier.last,
  }
}
