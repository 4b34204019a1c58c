import type { ChangeListener, ObservedEntry } from '../driver.ts'
import { BRIDGED_KINDS, identity, type TableEntry } from '../kinds/index.ts'
import type { Device } from './device.ts'
import type { Devices } from './devices.ts'
import { isUnmanaged } from './unmanaged.ts'

/** So many interfaces are told of at a time, so that what concerns all of them does not hold up everybody else. */
const LINKS_A_TURN = 32

interface News {
  readonly links: ReadonlySet<string>
  readonly disrupted: Iterable<string>
  readonly drifted: Iterable<TableEntry>
  readonly overran: boolean
}

type KnownDevices = Pick<Devices, 'all' | 'ports'>

/** Weighs what the kernel tells against what is wanted, and keeps what contradicts it until `take`. */
export class Notices implements ChangeListener {
  private readonly devices: KnownDevices
  private readonly arrived: () => void
  readonly routesChanged: () => void
  readonly addressesChanged: () => void
  private links = new Set<string>()
  private disrupted = new Set<string>()
  /** By their identity, that of a part being another one. */
  private drifted = new Map<string, TableEntry>()
  private overran = false

  /** `arrived` is called when there is something to take, `rerouted` when others changed their routes, `addressesChanged` when the machine's addresses may have changed. */
  constructor(
    devices: KnownDevices,
    arrived: () => void,
    routesChanged: () => void,
    addressesChanged: () => void,
  ) {
    this.devices = devices
    this.arrived = arrived
    this.routesChanged = routesChanged
    this.addressesChanged = addressesChanged
  }

  /** Whether there is something to take. */
  get any(): boolean {
    return this.links.size > 0 || this.disrupted.size > 0 || this.drifted.size > 0 || this.overran
  }

  /** What came since the last call: interfaces to look at, of many the first, those that others may have suffered from, entries that are not as wanted. */
  take(): News {
    const { disrupted, drifted, overran } = this
    const links = new Set<string>()
    for (const name of this.links) {
      if (links.size === LINKS_A_TURN) break
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
    // who else wants it has lost it now, or lost it to the port that it has left
    for (const other of this.devices.ports.of(bridge))
      if (other !== device) for (const lost of behind(other, entry)) this.compare(lost, false)
  }

  /** Whether the device wants an entry of that identity. `isOfBridge`: the entry is a bridge's, and setting does not change one that is not held as ours. */
  private handle(device: Device, observed: ObservedEntry, present: boolean, isOfBridge: boolean): boolean {
    const { entry, marked, external = false, isPartial = false, isStuck = false } = observed
    const table = device.tables.get(entry.kind)
    if (present && isStuck) table?.stick(entry)
    const wanted = table?.find(entry)
    if (table === undefined || wanted === undefined) {
      if (marked || present) device.disturbed = true
      if (isUnmanaged(observed)) device.unmanaged[present ? 'add' : 'delete'](observed.entry)
      return false
    }
    const isHeld = (marked || external || !table.isMarked) && (isPartial || table.holds(entry))
    if (present && isOfBridge && !isHeld) table.stick(wanted)
    this.compare(wanted, present && isHeld, isPartial ? 'a part of ' : '')
    return true
  }

  /** The last word counts: what went and came back as it was is in place. Of a route it does not: its nexthops may be others under their ids. */
  private compare(entry: TableEntry | undefined, isAsWanted: boolean, part = ''): void {
    if (entry === undefined) return
    if (!isAsWanted) {
      this.drifted.set(part + identity(entry), entry)
      this.arrived()
    } else if (this.drifted.size > 0 && !('hops' in entry)) this.drifted.delete(part + identity(entry))
  }
}

/** What is wanted of a MAC that a bridge may have behind a device. */
function* behind(device: Device, entry: TableEntry): Generator<TableEntry, void> {
  for (const kind of BRIDGED_KINDS) {
    const wanted = device.tables.get(kind)?.find({ ...entry, kind, device: device.name } as TableEntry)
    if (wanted !== undefined) yield wanted
  }
}
