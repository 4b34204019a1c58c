import type { Key } from '../kinds/definition.ts'
import { KeyMap } from './key-map.ts'

export interface Difference<K extends Key, V> {
  /** What is wanted and absent or different. */
  readonly missing: KeyMap<K, V>
  /** What is there and not wanted. */
  readonly extra: KeyMap<K, V>
}

/** What it takes to turn `actual` into `wanted`. */
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
