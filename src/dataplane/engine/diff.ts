import { type Key, KeyMap } from '../../values/key-map.ts'
import type { Layout } from '../kinds/definition.ts'
import type { TableEntry } from '../kinds/index.ts'
import type { Fault } from '../model.ts'

/** Entries compared before other work gets its turn. */
const SLICE = 1000

export interface Difference<K extends Key, V> {
  /** Wanted entries that are absent or different. */
  readonly missing: KeyMap<K, V>
  /** Unwanted entries that are there. */
  readonly extra: KeyMap<K, V>
}

/** The changes that turn `actual` into `wanted`. */
export function diff<K extends Key, V>(
  wanted: KeyMap<K, V>,
  actual: KeyMap<K, V>,
  same: (a: V, b: V) => boolean,
): Difference<K, V> {
  const missing = new KeyMap<K, V>()
  for (const [key, value] of wanted) {
    const current = actual.get(key)
    if (current === undefined || !same(current, value)) missing.set(key, value)
  }
  const extra = new KeyMap<K, V>()
  for (const [key, value] of actual) if (!wanted.has(key)) extra.set(key, value)
  return { missing, extra }
}

/** What observed entries are compared with: those of one kind on one device. */
interface FaultSearch<E extends TableEntry, K extends Key, V> {
  readonly device: string
  readonly layout: Layout<E, K, V>
  readonly wanted: KeyMap<K, V>
  /** Whether one that is not wanted is known to await removal. */
  readonly isGoing: (key: K) => boolean
}

/** Observed entries that differ from the wanted ones, except those known to await removal; undefined once in a while, to pause at. */
export function* faults<E extends TableEntry, K extends Key, V>(
  actual: Iterable<E>,
  { device, layout, wanted, isGoing }: FaultSearch<E, K, V>,
): Generator<Fault | undefined, void> {
  const found = new KeyMap<K, V>()
  for (const entry of actual) {
    found.set(layout.key(entry), layout.value(entry))
    if (found.size % SLICE === 0) yield
  }
  // at once, since the desired state must not change meanwhile
  yield* [...lacking(wanted, found, layout, device)]
  let passed = 0
  for (const [key, value] of found) {
    if (++passed % SLICE === 0) yield
    if (!wanted.has(key) && !isGoing(key))
      yield { fault: 'extra', entry: layout.entry(device, key, value), found: null }
  }
}

/** Wanted entries of a device that differ from the observed ones. */
function* lacking<E extends TableEntry, K extends Key, V>(
  wanted: KeyMap<K, V>,
  observed: KeyMap<K, V>,
  { entry, same }: Layout<E, K, V>,
  device: string,
): Generator<Fault, void> {
  for (const [key, value] of wanted) {
    const other = observed.get(key)
    if (other === undefined) yield { fault: 'missing', entry: entry(device, key, value), found: null }
    else if (!same(other, value))
      yield { fault: 'different', entry: entry(device, key, value), found: entry(device, key, other) }
  }
}
