import { formatIp } from '../../values/address.ts'
import { formatMac } from '../../values/mac.ts'
import type { ObservedEntry } from '../driver.ts'
import { identity, type TableEntry, tableDefinition } from '../kinds/index.ts'
import type { Device } from './device.ts'

/** How many are kept for each device; more are reported as this many or more. */
const MOST_KEPT = 256

/** Whether another program set it, and it makes the device send frames somewhere. */
export function isUnmanaged({ entry, marked }: ObservedEntry): boolean {
  return !marked && (tableDefinition(entry.kind).sendsTo?.(entry) ?? null) !== null
}

/** FDB entries of a VXLAN device that another program set: no route explains them, and chanter does not remove them. */
export class UnmanagedEntries {
  private readonly entries = new Map<string, TableEntry>()

  get all(): Iterable<TableEntry> {
    return this.entries.values()
  }

  add(entry: TableEntry): void {
    if (this.entries.size < MOST_KEPT) this.entries.set(identity(entry), entry)
  }

  delete(entry: TableEntry): void {
    if (this.entries.size > 0) this.entries.delete(identity(entry))
  }

  replace(entries: readonly TableEntry[]): void {
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
    const target = tableDefinition(first.kind).sendsTo?.(first)
    if (!target) continue
    const mac = formatMac(target.mac)
    const { to } = target
    const [where, dst] =
      'vtep' in to ? [formatIp(to.vtep), `dst ${formatIp(to.vtep)} `] : [`nexthop group ${to.nhid}`, '']
    if (device.outdated) {
      yield `${device.name} sends frames to VTEPs that no route tells of: FDB entries of bagpipe-bgp: ${count}, such as ${mac} to ${where}; they go when the device is recreated, within a minute after initial convergence`
      continue
    }
    yield `${device.name} sends frames to VTEPs that no route tells of: FDB entries of another program: ${count}, such as ${mac} to ${where} (bridge fdb del ${mac} dev ${device.name} ${dst}self)`
  }
}
