import { ANY_IPV4 } from '../../../values/address.ts'
import type { Mac } from '../../../values/mac.ts'
import type { ObservedEntry } from '../../driver.ts'
import type { RemoteMac } from '../../model.ts'

/** A remote MAC with one of its two FDB entries observed: its destination is unknown. */
export function partOf(device: string, mac: Mac, marked: boolean): ObservedEntry<RemoteMac> {
  const entry = { kind: 'remote-mac', device, mac, dst: ANY_IPV4, vni: 0 } as const
  return { entry, marked, isPartial: true, ...(!marked && { isStuck: true }) }
}

/** The VXLAN device's entry without its bridge's. */
function alone({ entry, marked, isStuck }: ObservedEntry<RemoteMac>): ObservedEntry<RemoteMac> {
  const part = marked ? partOf(entry.device, entry.mac, true) : { entry, marked, isPartial: true }
  return { ...part, ...(isStuck && { isStuck }) }
}

/** Whether it was observed in part only. */
export function isPart({ dst, vni }: RemoteMac): boolean {
  return dst === ANY_IPV4 && vni === 0
}

/**
 * Joins the observed entries of remote MACs: the FDB entry of the VXLAN device, and in a bridge that of the bridge, too. An
 * owned entry beside an external one is part of a MAC.
 */
export class RemoteMacs {
  private readonly own = new Map<Mac, ObservedEntry<RemoteMac>>()
  private readonly bridged = new Map<Mac, ObservedEntry<RemoteMac>>()

  /** Adds an observed entry; returns the MAC as known now. */
  add(observed: ObservedEntry<RemoteMac>): ObservedEntry[] {
    const { mac } = observed.entry
    const [here, there] = observed.isPartial ? [this.bridged, this.own] : [this.own, this.bridged]
    const other = there.get(mac)
    if (other === undefined) {
      here.set(mac, observed)
      return []
    }
    there.delete(mac)
    const [own, bridged] = observed.isPartial ? [other, observed] : [observed, other]
    if (!bridged.marked) return [{ ...alone(own), isStuck: true }]
    return own.marked ? [own] : [own, bridged]
  }

  /** Those with only one entry observed. */
  *rest(): Generator<ObservedEntry, void> {
    for (const observed of this.own.values()) yield alone(observed)
    yield* this.bridged.values()
  }
}
