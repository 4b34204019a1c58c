import { vpnOf } from '../dataplane/kinds/index.ts'
import type { Dataplane, Entry, EntryStatus } from '../dataplane/model.ts'
import type { VpnType } from './request.ts'

/** The dataplane of each type of VPN: one for both, or one each where their drivers differ. */
export class Dataplanes {
  private readonly byType: Readonly<Record<VpnType, Dataplane>>
  /** The dataplane that knows the addresses and interfaces of this node. */
  readonly host: Dataplane

  constructor(byType: Readonly<Record<VpnType, Dataplane>>, host: VpnType) {
    this.byType = byType
    this.host = byType[host]
  }

  /** One dataplane for both types. */
  static shared(dataplane: Dataplane): Dataplanes {
    return new Dataplanes({ evpn: dataplane, ipvpn: dataplane }, 'evpn')
  }

  /** Whether IP VPNs and EVPN instances can be joined by an IRB. */
  get isShared(): boolean {
    return this.byType.evpn === this.byType.ipvpn
  }

  of(type: VpnType): Dataplane {
    return this.byType[type]
  }

  want(entry: Entry): void {
    this.ofEntry(entry).want(entry)
  }

  unwant(entry: Entry): void {
    this.ofEntry(entry).unwant(entry)
  }

  release(entry: Entry): void {
    this.ofEntry(entry).release(entry)
  }

  /** Names of devices, see `DataplaneQueries.staleDevices`. */
  async staleDevices(entries: readonly Entry[]): Promise<readonly string[]> {
    const devices = await this.each(entries, async (dataplane, own) => dataplane.staleDevices(own))
    return devices.flat()
  }

  async settled(entries: readonly Entry[]): Promise<readonly EntryStatus[]> {
    const failures = await this.each(entries, (dataplane, own) => dataplane.settled(own))
    return failures.flat()
  }

  async gone(entries: readonly Entry[]): Promise<void> {
    await this.each(entries, (dataplane, own) => dataplane.gone(own))
  }

  clear(entries: readonly Entry[]): void {
    for (const [dataplane, own] of this.split(entries)) dataplane.clear(own)
  }

  private ofEntry(entry: Entry): Dataplane {
    return this.byType[vpnOf(entry)]
  }

  private split<E extends Entry>(entries: readonly E[]): Map<Dataplane, E[]> {
    return Map.groupBy(entries, (entry) => this.ofEntry(entry))
  }

  private each<E extends Entry, T>(
    entries: readonly E[],
    ask: (dataplane: Dataplane, own: readonly E[]) => Promise<T>,
  ): Promise<T[]> {
    return Promise.all(Array.from(this.split(entries), ([dataplane, own]) => ask(dataplane, own)))
  }
}
