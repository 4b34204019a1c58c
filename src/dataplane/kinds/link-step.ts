import { type Ip, isIpv4 } from '../../values/address.ts'
import { foreign, isOurs, type Link } from '../driver.ts'
import { kernelKind, type LinkEntry, masterOf, type PortEntry } from './layout.ts'

/** What becomes of a link of ours: `adjust` keeps the device, `recreate` does not. */
export type LinkStep =
  | { readonly do: 'nothing' | 'create' | 'adjust' | 'recreate' }
  | { readonly do: 'refuse'; readonly reason: string }

export function linkStep(wanted: LinkEntry, actual: Link | undefined): LinkStep {
  if (actual === undefined) return { do: 'create' }
  if (!isOurs(actual)) {
    // the dummy kernel's interfaces are of no kind
    const usable = wanted.kind === 'bridge' && wanted.given && (actual.kind ?? 'bridge') === 'bridge'
    return usable ? { do: 'nothing' } : { do: 'refuse', reason: foreign(actual) }
  }
  if (!isSuch(wanted, actual)) return { do: 'recreate' }
  const sized = !('mtu' in wanted) || wanted.mtu === null || wanted.mtu === actual.mtu
  const placed = wanted.kind !== 'vxlan' || wanted.local === actual.local
  const fits = sized && placed && (wanted.kind !== 'veth' || wanted.mac === actual.mac)
  return { do: actual.tuned && actual.alias === wanted.alias && fits ? 'nothing' : 'adjust' }
}

/** Whether a link is as wanted in what cannot be changed. */
function isSuch(wanted: LinkEntry, actual: Link): boolean {
  if (actual.kind !== kernelKind(wanted)) return false
  switch (wanted.kind) {
    case 'bridge':
      return true
    case 'vxlan':
      // Linux takes another underlay interface (`dev`), but not that there is none
      return (
        actual.vni === wanted.vni &&
        isLike(actual.local, wanted.local) &&
        actual.port === wanted.port &&
        actual.lower === null
      )
    case 'vrf':
      return actual.table === wanted.table
    case 'tunnel':
      return (
        actual.local === wanted.local &&
        actual.peer === wanted.remote &&
        actual.encapsulation === wanted.encapsulation
      )
    case 'veth':
      return actual.pair === wanted.peer
    default:
      return wanted satisfies never
  }
}

/** Whether the kernel lets the one take the other's place. */
function isLike(actual: Ip | null, wanted: Ip): boolean {
  return actual !== null && isIpv4(actual) === isIpv4(wanted)
}

/** Whether a device is enslaved as wanted. */
export function isPlaced(wanted: PortEntry, actual: Link): boolean {
  if (actual.master !== masterOf(wanted)) return false
  if (wanted.kind === 'vrf-port') return actual.routing === true
  const tuned = actual.learning === wanted.learning && actual.neighSuppress === wanted.neighSuppress
  return actual.forwarding && (wanted.given || tuned)
}
