import { type Key, KeyMap } from '../../values/key-map.ts'
import type { Layout } from '../kinds/definition.ts'
import type { TableEntry } from '../kinds/index.ts'
import type { Fault } from '../model.ts'

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

/** Wanted entries of a device that differ from the observed ones. */
export function* lacking<E extends TableEntry, K extends Key, V>(
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
