import { constants } from 'node:os'
import { isIpv4 } from '../../values/address.ts'
import type { ObservedEntry } from '../driver.ts'
import { identity, type TableEntry } from '../kinds/index.ts'
import type { Flood, Hop, LabelRoute, LocalMac, Neighbour, RemoteMac, VrfRoute } from '../model.ts'
import { kernelRefusal, missing, partly, type Refusal } from '../refusal.ts'

/** The state of a kernel for IP VPNs, except links. */
export type IpTableEntry = Exclude<TableEntry, LocalMac | RemoteMac | Flood | Neighbour>

/** Kinds that no kernel can mark as owned. */
const UNMARKED: ReadonlySet<string> = new Set<IpTableEntry['kind']>(['mpls-interface', 'udp-port'])
/** Kinds whose removal the kernel does not notify. */
const SILENT: ReadonlySet<string> = new Set<IpTableEntry['kind']>(['proxy-neighbour', 'udp-port'])

/** Addresses, neighbours, routes and labels as plain maps, with the effects that Linux gives an interface that goes down or is removed. */
export class MemoryIp {
  private readonly held = new Map<string, ObservedEntry<IpTableEntry>>()
  private readonly isUp: (device: string) => boolean | undefined
  private readonly notify: (observed: ObservedEntry, present: boolean) => void

  /** `isUp` is undefined of an interface that does not exist. */
  constructor(
    isUp: (device: string) => boolean | undefined,
    notify: (observed: ObservedEntry, present: boolean) => void,
  ) {
    this.isUp = isUp
    this.notify = notify
  }

  get(entry: IpTableEntry): IpTableEntry | undefined {
    const held = this.held.get(ipEntryKey(entry))?.entry
    return held && ({ ...held, device: entry.device } as IpTableEntry)
  }

  /** Returns why it was refused, if it was. */
  set(entry: IpTableEntry, marked: boolean): Refusal | null {
    if (entry.kind !== 'route' && entry.kind !== 'mpls') return this.hold(entry, marked)
    const refusals = entry.hops.map((hop) => this.unusable(hop, entry))
    const refusal = refusals.find((each) => each !== null) ?? null
    if (refusal === null) return this.hold(entry, marked)
    const hops = entry.hops.filter((_, i) => refusals[i] === null)
    if (entry.kind === 'mpls' || hops.length === 0) return refusal
    this.hold({ ...entry, hops }, marked)
    return partly(refusal)
  }

  remove(entry: IpTableEntry): void {
    this.drop(this.held.get(ipEntryKey(entry)))
  }

  /** Removes what the interface had. */
  lose(device: string): void {
    this.goDown(device)
    this.dropIf((entry) => entry.device === device && !('table' in entry))
    this.dropIf((entry) => entry.kind === 'mpls' && entry.hops.some((hop) => hop.device === device))
  }

  /** The interface went down: removes, without a notification, hops through it (with the last hop the route) and addresses that it answers for. */
  goDown(device: string): void {
    for (const [key, { entry }] of this.held) {
      if (entry.kind === 'route') this.shrink(key, entry, device)
      else if (entry.kind === 'proxy-neighbour' && entry.device === device) this.held.delete(key)
    }
    this.dropIf(
      (entry) =>
        entry.device === device &&
        (entry.kind === 'fixed-neighbour' || (entry.kind === 'address' && !isIpv4(entry.ip))),
    )
  }

  /** Removes the owned entries of a table. */
  clear(table: number): void {
    for (const observed of [...this.held.values()]) {
      const { entry, marked } = observed
      if (marked && 'table' in entry && entry.table === table) this.drop(observed)
    }
  }

  /** The observed entries of a device; a VRF's routes are those of its table. */
  *of(device: string, table: number | null): Generator<ObservedEntry, void> {
    for (const observed of this.held.values()) {
      const { entry } = observed
      const within = 'table' in entry ? entry.table === table : entry.device === device
      if (within) yield { ...observed, entry: { ...entry, device } as IpTableEntry }
    }
  }

  private unusable({ device }: Hop, { kind }: VrfRoute | LabelRoute): Refusal | null {
    const up = this.isUp(device)
    if (up === undefined) return missing(device)
    return up || kind === 'mpls' ? null : kernelRefusal(constants.errno.ENETDOWN, 'Nexthop device is not up')
  }

  private hold(entry: IpTableEntry, marked: boolean): null {
    const observed = { entry, marked: marked && !UNMARKED.has(entry.kind) }
    this.held.set(ipEntryKey(entry), observed)
    this.notify(observed, true)
    return null
  }

  private shrink(key: string, route: VrfRoute, device: string): void {
    const held = this.held.get(key)
    const hops = route.hops.filter((hop) => hop.device !== device)
    if (held === undefined || hops.length === route.hops.length) return
    if (hops.length === 0) this.held.delete(key)
    else this.held.set(key, { ...held, entry: { ...route, hops } })
  }

  private dropIf(condition: (entry: IpTableEntry) => boolean): void {
    for (const observed of [...this.held.values()]) if (condition(observed.entry)) this.drop(observed)
  }

  private drop(observed: ObservedEntry<IpTableEntry> | undefined): void {
    if (observed === undefined || !this.held.delete(ipEntryKey(observed.entry))) return
    if (!SILENT.has(observed.entry.kind)) this.notify(observed, false)
  }
}

/** Routes belong to their table, whichever VRF has it. */
function ipEntryKey(entry: IpTableEntry): string {
  return identity('table' in entry ? { ...entry, device: '' } : entry)
}
