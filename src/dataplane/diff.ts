import { foreign, isOurs, type Link } from './driver.ts'
import { type Key, KeyMap } from './key-map.ts'
import type { Bridge, Port, Vxlan } from './model.ts'

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

/** What becomes of a link of ours: `adjust` keeps the device, `recreate` does not. */
export type LinkStep =
  | { readonly do: 'nothing' | 'create' | 'adjust' | 'recreate' }
  | { readonly do: 'refuse'; readonly reason: string }

export function linkStep(wanted: Bridge | Vxlan, actual: Link | undefined): LinkStep {
  if (actual === undefined) return { do: 'create' }
  if (!isOurs(actual)) {
    // the dummy kernel's interfaces are of no kind
    const usable = wanted.kind === 'bridge' && wanted.given && (actual.kind ?? 'bridge') === 'bridge'
    return usable ? { do: 'nothing' } : { do: 'refuse', reason: foreign(actual) }
  }
  if (actual.kind !== wanted.kind || (wanted.kind === 'vxlan' && !sameTunnel(wanted, actual))) {
    return { do: 'recreate' }
  }
  const fits = wanted.kind === 'bridge' || wanted.mtu === null || wanted.mtu === actual.mtu
  return { do: actual.up && actual.tuned && actual.alias === wanted.alias && fits ? 'nothing' : 'adjust' }
}

function sameTunnel(wanted: Vxlan, actual: Link): boolean {
  return actual.vni === wanted.vni && actual.local === wanted.local && actual.port === wanted.port
}

/** Whether a device is enslaved as wanted. */
export function isPlaced(wanted: Port, actual: Link): boolean {
  if (actual.master !== wanted.bridge) return false
  const tuned = actual.learning === wanted.learning && actual.neighSuppress === wanted.neighSuppress
  return wanted.given || tuned
}
