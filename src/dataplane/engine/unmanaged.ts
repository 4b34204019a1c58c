import { formatIp, type Ip } from '../../values/address.ts'
import { formatMac, type Mac } from '../../values/mac.ts'
import { shellWord } from '../../values/shell-word.ts'
import type { ObservedEntry } from '../driver.ts'
import type { FrameDestination } from '../kinds/definition.ts'
import { identity, type TableEntry, tableDefinition } from '../kinds/index.ts'
import type { Device } from './device.ts'

/** How many are kept for each device; more are reported as this many or more. */
const MOST_KEPT = 256

/** Whether another program set it, and it makes the device send frames somewhere or answer for an address. */
export function isUnmanaged({ entry, marked }: ObservedEntry): boolean {
  const { sendsTo, answers } = tableDefinition(entry.kind)
  return !marked && (sendsTo?.(entry) ?? answers?.(entry) ?? null) !== null
}

/** FDB entries of a VXLAN device and neighbours of a bridge that another program set: no route explains them, and chanter does not remove them. */
export class UnmanagedEntries {
  private readonly entries = new Map<string, TableEntry>()

  get all(): Iterable<TableEntry> {
    return this.entries.values()
  }

  /** Records a notification of an entry that is not wanted. */
  note(observed: ObservedEntry, present: boolean): void {
    const { entry } = observed
    if (isUnmanaged(observed)) {
      if (present) this.add(entry)
      else this.delete(entry)
      // before the kernel deletes a neighbour, it forgets the MAC address
    } else if (tableDefinition(entry.kind).answers !== undefined) this.delete(entry)
  }

  replace(entries: readonly TableEntry[]): void {
    this.entries.clear()
    for (const entry of entries) this.add(entry)
  }

  private add(entry: TableEntry): void {
    if (this.entries.size < MOST_KEPT) this.entries.set(identity(entry), entry)
  }

  private delete(entry: TableEntry): void {
    if (this.entries.size > 0) this.entries.delete(identity(entry))
  }
}

/** The effect of unmanaged entries, in a sentence for each device that has some. */
export function* unmanagedGaps(devices: Iterable<Device>): Generator<string, void> {
  for (const device of devices) {
    const entries = [...device.unmanaged.all].filter((entry) => !device.tables.get(entry.kind)?.wants(entry))
    const [first] = entries
    if (first === undefined) continue
    const count = entries.length < MOST_KEPT ? `${entries.length}` : `${MOST_KEPT} or more`
    const { sendsTo, answers } = tableDefinition(first.kind)
    const [target, answer] = [sendsTo?.(first), answers?.(first)]
    if (target) yield sendingGap(device, count, target)
    // the neighbours of an external bridge may be those of the host
    else if (answer && device.owned === true) yield answeringGap(device, count, answer)
  }
}

function sendingGap(
  { name, outdated }: Device,
  count: string,
  { mac: to, to: end }: FrameDestination,
): string {
  const mac = formatMac(to)
  const [where, dst] =
    'vtep' in end ? [formatIp(end.vtep), `dst ${formatIp(end.vtep)} `] : [`nexthop group ${end.nhid}`, '']
  const sends = `${name} sends frames to VTEPs that no route tells of: FDB entries of`
  if (outdated)
    return `${sends} bagpipe-bgp: ${count}, such as ${mac} to ${where}; they go when the device is recreated, within a minute after initial convergence`
  return `${sends} another program: ${count}, such as ${mac} to ${where} (bridge fdb del ${mac} dev ${shellWord(name)} ${dst}self)`
}

function answeringGap(
  { name }: Device,
  count: string,
  { ip, mac }: { readonly ip: Ip; readonly mac: Mac },
): string {
  return `${name} answers ARP and ND of VMs for addresses that no route tells of: neighbours of another program: ${count}, such as ${formatIp(ip)} at ${formatMac(mac)} (ip neigh del ${formatIp(ip)} dev ${shellWord(name)})`
}
