import type { ChangeListener, ObservedEntry } from '../driver.ts'
import { BRIDGED_KINDS, identity, type TableEntry } from '../kinds/index.ts'
import type { Device } from './device.ts'
import type { Devices } from './devices.ts'
import type { NodeAddresses } from './node-addresses.ts'
import type { Underlay } from './underlay.ts'

/** Before the identity of an entry of which the kernel holds a part. */
const PART = 'a part of '

interface News {
  readonly links: ReadonlySet<string>
  readonly disrupted: Iterable<string>
  readonly drifted: Iterable<TableEntry>
  readonly overran: boolean
}

export interface NoticesDependencies {
  readonly devices: Pick<Devices, 'all' | 'ports'>
  /** Called when there is something to take. */
  readonly arrived: () => void
  /** Notified when external routes change. */
  readonly underlay: Pick<Underlay, 'hint'>
  /** Notified when the node's addresses may have changed. */
  readonly nodeAddresses: Pick<NodeAddresses, 'hint'>
}

/** Compares notifications with the desired state, and keeps what contradicts it until `take`. */
export class Notices implements ChangeListener {
  private readonly devices: NoticesDependencies['devices']
  private readonly arrived: () => void
  private readonly underlay: NoticesDependencies['underlay']
  private readonly nodeAddresses: NoticesDependencies['nodeAddresses']
  private links = new Set<string>()
  private disrupted = new Set<string>()
  /** By identity; the part of an entry has an identity of its own. */
  private drifted = new Map<string, TableEntry>()
  private overran = false

  constructor({ devices, arrived, underlay, nodeAddresses }: NoticesDependencies) {
    this.devices = devices
    this.arrived = arrived
    this.underlay = underlay
    this.nodeAddresses = nodeAddresses
  }

  /** Whether there is something to take. */
  get any(): boolean {
    return this.links.size > 0 || this.disrupted.size > 0 || this.drifted.size > 0 || this.overran
  }

  /** Everything since the last call: interfaces to check (so many at most), interfaces that may have lost entries, and entries that drifted or appeared. */
  take(mostLinks: number): News {
    const { disrupted, drifted, overran } = this
    const links = new Set<string>()
    for (const name of this.links) {
      if (links.size === mostLinks) break
      links.add(name)
      this.links.delete(name)
    }
    this.disrupted = new Set()
    this.drifted = new Map()
    this.overran = false
    return { links, disrupted, drifted: drifted.values(), overran }
  }

  linkChanged(device: string): void {
    this.links.add(device)
    this.arrived()
  }

  linkDisrupted(device: string): void {
    this.disrupted.add(device)
    this.arrived()
  }

  routesChanged(): void {
    this.underlay.hint()
  }

  addressesChanged(): void {
    this.nodeAddresses.hint()
  }

  overrun(): void {
    this.overran = true
    this.addressesChanged()
    this.arrived()
  }

  entryChanged(observed: ObservedEntry, present: boolean): void {
    const device = this.devices.all.get(observed.entry.device)
    if (device !== undefined) this.handle(device, observed, present, false)
  }

  fdbChanged(bridge: string, observed: ObservedEntry, present: boolean): void {
    const { entry } = observed
    const device = this.devices.all.get(entry.device)
    if (device !== undefined && this.handle(device, observed, present, true)) return
    // another device that wants it has lost it now, or lost it to the port that the MAC has left
    for (const other of this.devices.ports.of(bridge))
      if (other !== device) for (const lost of behind(other, entry)) this.compare(lost, false)
  }

  /** Whether the device wants an entry of that identity. `isOfBridge`: it is a bridge's entry, and setting does not change one without our mark. */
  private handle(device: Device, observed: ObservedEntry, present: boolean, isOfBridge: boolean): boolean {
    const {
      entry,
      marked,
      external = false,
      isPartial = false,
      isStuck = false,
      isHalfSet = false,
    } = observed
    const table = device.tables.get(entry.kind)
    if (present && isStuck) table?.stick(entry)
    const wanted = table?.find(entry)
    if (table === undefined || wanted === undefined) {
      if (marked || present) device.disturb()
      device.unmanaged.note(observed, present)
      if (marked || !present) this.compare(entry, !present, isPartial ? PART : '')
      return false
    }
    // it is to be set in any case
    if (table.isOvertaken(wanted)) return true
    const isHeld = (marked || external || !table.isMarked) && (isPartial || table.holds(entry))
    if (present && isOfBridge && !isHeld && !isHalfSet) table.stick(wanted)
    this.compare(wanted, present && isHeld, isPartial ? PART : '')
    return true
  }

  /** The last notification counts: an entry that went and came back unchanged is programmed, an unwanted one that came and went is none. A route is not: the nexthops under its ids may differ. */
  private compare(entry: TableEntry, isAsWanted: boolean, part = ''): void {
    if (!isAsWanted) {
      this.drifted.set(part + identity(entry), entry)
      this.arrived()
    } else if (this.drifted.size > 0 && !('hops' in entry)) this.drifted.delete(part + identity(entry))
  }
}

/** The wanted entries of a MAC that a bridge may have behind a device. */
function* behind(device: Device, entry: TableEntry): Generator<TableEntry, void> {
  for (const kind of BRIDGED_KINDS) {
    const wanted = device.tables.get(kind)?.find({ ...entry, kind, device: device.name } as TableEntry)
    if (wanted !== undefined) yield wanted
  }
}
