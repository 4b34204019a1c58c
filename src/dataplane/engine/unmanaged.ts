import { ANY_IPV4, formatIp } from '../../values/address.ts'
import { formatMac } from '../../values/mac.ts'
import type { ObservedEntry } from '../driver.ts'
import { identity } from '../kinds/index.ts'
import type { Flood, RemoteMac } from '../model.ts'
import type { Device } from './device.ts'

/** How many are kept for each device; more are reported as this many or more. */
const MOST_KEPT = 256
const NO_MAC = '00:00:00:00:00:00'

/** What tells a VXLAN device where to send frames. */
export type TunnelEntry = Flood | RemoteMac

/** Whether another program set it; unknown for a part without a VTEP. */
export function isUnmanaged(observed: ObservedEntry): observed is ObservedEntry<TunnelEntry> {
  const { entry, marked } = observed
  if (marked) return false
  return (entry.kind === 'flood' || entry.kind === 'remote-mac') && entry.dst !== ANY_IPV4
}

/** FDB entries of a VXLAN device that another program set: no route explains them, and chanter does not remove them. */
export class UnmanagedEntries {
  private readonly entries = new Map<string, TunnelEntry>()

  get all(): Iterable<TunnelEntry> {
    return this.entries.values()
  }

  add(entry: TunnelEntry): void {
    if (this.entries.size < MOST_KEPT) this.entries.set(identity(entry), entry)
  }

  delete(entry: TunnelEntry): void {
    if (this.entries.size > 0) this.entries.delete(identity(entry))
  }

  replace(entries: readonly TunnelEntry[]): void {
    this.entries.clear()
    for (const entry of entries) this.add(entry)
  }
}

/** The effect of unmanaged entries, in a sentence for each device that has some. */
export function* unmanagedGaps(devices: Iterable<Device>): Generator<string, void> {
  for (const device of devices) {
    const entries = [...device.unmanaged.all].filter((entry) => !device.tables.get(entry.kind)?.wants(entry))
    const [first] = entries
    if (first === undefined) continue
    const count = entries.length < MOST_KEPT ? `${entries.length}` : `${MOST_KEPT} or more`
    const mac = first.kind === 'flood' ? NO_MAC : formatMac(first.mac)
    const dst = formatIp(first.dst)
    if (device.outdated) {
      yield `${device.name} sends frames to VTEPs that no route tells of: FDB entries of bagpipe-bgp: ${count}, such as ${mac} to ${dst}; they go when the device is recreated, within a minute after initial convergence`
      continue
    }
    yield `${device.name} sends frames to VTEPs that no route tells of: FDB entries of another program: ${count}, such as ${mac} to ${dst} (bridge fdb del ${mac} dev ${device.name} dst ${dst} self)`
  }
}
