import { isOwned, type Link } from '../driver.ts'
import { notOwned, type Refusal } from '../refusal.ts'
import { type LinkEntry, linkDefinition, masterOf, type PortEntry, portDefinition } from './index.ts'

/** The step that an owned link needs; `adjust` keeps the device, `recreate` does not. */
export type LinkStep =
  | { readonly do: 'nothing' | 'create' | 'adjust' | 'recreate' }
  | { readonly do: 'refuse'; readonly refusal: Refusal }

/** `isComplete`: the desired state of the device is complete, so that it can be recreated with all of its entries. */
export function linkStep(wanted: LinkEntry, actual: Link | undefined, isComplete = false): LinkStep {
  if (actual === undefined) return { do: 'create' }
  const { kernelKind, isSuch, fits } = linkDefinition(wanted.kind)
  if (!isOwned(actual)) {
    // interfaces of the dummy kernel have no kind
    const usable = isExternal(wanted) && (actual.kind ?? 'bridge') === kernelKind(wanted)
    return usable ? { do: 'nothing' } : { do: 'refuse', refusal: notOwned(actual) }
  }
  if (actual.kind !== kernelKind(wanted) || !isSuch(wanted, actual)) return { do: 'recreate' }
  if (actual.outdated && isComplete) return { do: 'recreate' }
  const isSized = !('mtu' in wanted) || wanted.mtu === null || wanted.mtu === actual.mtu
  const isTuned = actual.tuned && actual.alias === wanted.alias
  return { do: isTuned && isSized && (fits?.(wanted, actual) ?? true) ? 'nothing' : 'adjust' }
}

/** Whether the link may be external, which is then used as it is. */
export function isExternal(wanted: LinkEntry): boolean {
  return 'external' in wanted && wanted.external
}

/** Whether a device is enslaved as wanted. */
export function isPlaced(wanted: PortEntry, actual: Link): boolean {
  return actual.master === masterOf(wanted) && portDefinition(wanted.kind).fits(wanted, actual)
}
