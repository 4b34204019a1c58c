import type { ExplainedEntry, ListedSetting, VerificationAnswer } from '../api/entries.ts'
import { formatEntry } from '../dataplane/kinds/index.ts'
import type { EntryStatus, Kind, Status, Verification } from '../dataplane/model.ts'
import { ensure } from '../values/map.ts'
import { devicesOf, type VpnInstance } from '../vpn/instance.ts'
import type { VpnService } from '../vpn/service.ts'
import { type DataplaneView, showStatus } from './dataplane-view.ts'
import { JsonText } from './json-stream.ts'

/** Which entries to return; null: all. */
export interface EntryFilter {
  readonly state: Status['state'] | null
  readonly instance: VpnInstance | null
  readonly kind: Kind | null
}

/** Entries and their states, each a `ListedEntry`; an item that is left out is undefined, so that callers can count it as work. */
export async function* statusEntries(
  vpns: VpnService,
  dataplane: DataplaneView,
  { state, instance, kind }: EntryFilter,
): AsyncGenerator<Iterable<JsonText | undefined>> {
  const only = instance === null ? undefined : devicesOf(instance)
  const isAskedFor = ({ entry, status }: EntryStatus) =>
    (state === null || status.state === state) &&
    (kind === null || entry.kind === kind) &&
    only?.has(entry.device) !== false
  const show = listedEntry(ownersByDevice(vpns.instances.values()), dataplane)
  for await (const { items, wanted } of candidates(dataplane, state, only))
    yield shown(items, (item) => (isAskedFor(item) ? show(item, wanted(item)) : undefined))
}

/** Shows entries as `ListedEntry`. Most have the same state as the one before, so the text of the last one is kept. */
function listedEntry(
  owners: ReadonlyMap<string, readonly string[]>,
  dataplane: DataplaneView,
): (item: EntryStatus, wanted: boolean) => JsonText {
  const statusMembers = lastOf((status: Status) => membersOf(showStatus(status)))
  const ownerMembers = lastOf((device: string) => membersOf({ instances: owners.get(device) ?? [] }))
  return ({ entry, status }, wanted) => {
    const own = membersOf(formatEntry(entry))
    const words = JSON.stringify(dataplane.describe(entry))
    return new JsonText(
      `{"entry":${words},${own},"wanted":${wanted},${statusMembers(status)},${ownerMembers(entry.device)}}`,
    )
  }
}

/** The members of a JSON object, which has at least one. */
function membersOf(value: object): string {
  return JSON.stringify(value).slice(1, -1)
}

/** The function, which remembers its last result. */
function lastOf<K, V>(of: (key: K) => V): (key: K) => V {
  let last: { readonly key: K; readonly value: V } | null = null
  return (key) => {
    if (last?.key !== key) last = { key, value: of(key) }
    return last.value
  }
}

/** The items of a slice, generated during iteration, so that a large slice does not hold up others. */
export function* shown<T, S>(items: Iterable<T>, show: (item: T) => S): Iterable<S> {
  for (const item of items) yield show(item)
}

/** Node settings that are kept as entries need them. */
export async function* statusSettings(dataplane: DataplaneView): AsyncGenerator<Iterable<ListedSetting>> {
  for await (const slice of dataplane.settings())
    yield shown(slice, ({ setting, entry }) => ({ ...setting, needed_for: dataplane.describe(entry) }))
}

/** Unwanted entries appear only as failed removals. */
async function* candidates(
  dataplane: DataplaneView,
  state: Status['state'] | null,
  only?: ReadonlySet<string>,
): AsyncGenerator<{
  readonly items: Iterable<EntryStatus>
  readonly wanted: (item: EntryStatus) => boolean
}> {
  if (state !== 'failed') {
    for await (const items of dataplane.entries(only)) yield { items, wanted: () => true }
    if (state !== null) return
  }
  for await (const slice of dataplane.failures()) {
    const found = await dataplane.find(slice.map(({ entry }) => entry))
    const wanted = new Set(slice.filter((_, i) => found[i] !== undefined))
    const items = state === 'failed' ? slice : slice.filter((item) => !wanted.has(item))
    yield { items, wanted: (item) => wanted.has(item) }
  }
}

export function showItem(
  { entry, status }: EntryStatus,
  wanted: boolean,
  dataplane: DataplaneView,
): ExplainedEntry {
  return {
    entry: dataplane.describe(entry),
    ...formatEntry(entry),
    wanted,
    ...showStatus(status),
  }
}

export function showVerification(
  { faults, orphans, ...counts }: Verification,
  dataplane: DataplaneView,
): VerificationAnswer {
  return {
    ...counts,
    extra: counts.extra + orphans.length,
    faults: [
      ...faults.map(({ fault, entry, found }) => ({
        fault,
        entry: dataplane.describe(entry),
        wanted: fault === 'extra' ? null : formatEntry(entry),
        found: fault === 'extra' ? formatEntry(entry) : found && formatEntry(found),
      })),
      ...orphans.map(({ name, kind, alias }) => ({
        fault: 'extra' as const,
        entry: `link ${name}`,
        wanted: null,
        found: { kind, device: name, alias },
      })),
    ],
  }
}

/** By device, the ids of the instances that have entries on it. */
function ownersByDevice(instances: Iterable<VpnInstance>): ReadonlyMap<string, readonly string[]> {
  const owners = new Map<string, string[]>()
  for (const instance of instances) {
    for (const device of devicesOf(instance)) {
      ensure(owners, device, () => []).push(instance.routing.config.id)
    }
  }
  return owners
}
