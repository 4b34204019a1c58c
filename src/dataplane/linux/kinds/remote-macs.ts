import { ANY_IPV4 } from '../../../values/address.ts'
import type { Mac } from '../../../values/mac.ts'
import type { ObservedEntry } from '../../driver.ts'
import type { RemoteMac } from '../../model.ts'

/** A remote MAC of which one of its two FDB entries is seen: where it is cannot be told. */
export function partOf(device: string, mac: Mac, marked: boolean): ObservedEntry<RemoteMac> {
  const entry = { kind: 'remote-mac', device, mac, dst: ANY_IPV4, vni: 0 } as const
  return { entry, marked, isPartial: true, ...(!marked && { isStuck: true }) }
}

/** The VXLAN device's entry without its bridge's. */
function alone({ entry, marked, isStuck }: ObservedEntry<RemoteMac>): ObservedEntry<RemoteMac> {
  const part = marked ? partOf(entry.device, entry.mac, true) : { entry, marked, isPartial: true }
  return { ...part, ...(isStuck && { isStuck }) }
}

/** Whether it was seen as a part alone. */
export function isPart({ dst, vni }: RemoteMac): boolean {
  return dst === ANY_IPV4 && vni === 0
}

/**
 * Puts remote MACs together of what a dump shows: the FDB entry of the VXLAN device, and where it is in a bridge that of the bridge, too. An
 * entry of ours beside one of others is part of a MAC.
 */
export class RemoteMacs {
  private readonly own = new Map<Mac, ObservedEntry<RemoteMac>>()
  private readonly bridged = new Map<Mac, ObservedEntry<RemoteMac>>()

  /** Takes the one that `observed entry` tells of; answers with what is known of the MAC now. */
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

  /** Those of which one entry was seen. */
  *rest(): Generator<ObservedEntry, void> {
    for (const observed of this.own.values()) yield alone(observed)
    yield* this.bridged.values()
  }
}
