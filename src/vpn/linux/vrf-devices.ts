import { RequestError } from '../../api/errors.ts'
import type { Dataplane } from '../../dataplane/model.ts'
import type { Ranges } from '../config.ts'
import { Identifiers, type Time } from '../identifiers.ts'
import type { IpState } from '../state.ts'
import { BLACKHOLE_ALIAS } from './mpls-transport.ts'
import { aliasOf } from './names.ts'
import type { VrfTable } from './vrf.ts'

/** Where a state file has no table and device of a VRF, they follow from its number. */
const FORMER_TABLES = 1000
const FORMER_PREFIX = 'bvrf-'
/** Tables other than Linux's own. */
const ALL_TABLES = [256, 4_294_967_294] as const

type Saved = Pick<IpState, 'id' | 'number' | 'table' | 'device'>

/** The first port of a VRF. */
export interface FirstPort {
  readonly port: string
  /** The bridge at the other end of the port, a veth; null where it is none of ours. */
  readonly bridge: string | null
}

/** The devices and routing tables of VRFs, and the blackhole VRF. */
export class VrfDevices {
  private readonly dataplane: Dataplane
  private readonly ranges: Ranges
  private readonly time: Time
  private readonly tables: Identifiers
  private found: VrfTable | null = null
  /** The search for the blackhole VRF. */
  private search: Promise<void> | null = null

  constructor(dataplane: Dataplane, ranges: Ranges, time: Time) {
    this.dataplane = dataplane
    this.ranges = ranges
    this.time = time
    this.tables = new Identifiers(...ranges.tables, time)
  }

  /** The blackhole VRF, which is known once there is a VRF. */
  get blackhole(): VrfTable {
    return this.found!
  }

  /** Reserves the tables of VRFs that are to be restored. */
  async reserve(states: readonly Saved[]): Promise<void> {
    for (const state of states) this.tables.claim(tableOf(state), state.id)
    if (states.length > 0) await this.findBlackhole()
  }

  /** The device and table of a restored VRF. */
  restore(state: Saved): VrfTable {
    return { device: state.device ?? FORMER_PREFIX + state.number, table: tableOf(state) }
  }

  /**
   * Continues to use the device of an earlier process whose state is lost, or the one that bagpipe-bgp left with the first port, or with a
   * veth pair from the bridge that the port leads to. Throws `RequestError`.
   */
  async create(
    id: string,
    { port, bridge }: FirstPort,
    nextNumber: () => number,
  ): Promise<{ readonly number: number; readonly vrf: VrfTable }> {
    await this.findBlackhole()
    const left = await Promise.all([
      this.dataplane.vrfOf(aliasOf(id)),
      this.dataplane.vrfLeftWith(port, bridge),
    ])
    for (const one of left)
      if (one !== undefined && this.tables.claim(one.table, id))
        return { number: nextNumber(), vrf: { device: one.name, table: one.table } }
    const table = await this.takeTable(id)
    try {
      const { number, device } = await this.takeName(nextNumber)
      return { number, vrf: { device, table } }
    } catch (error) {
      this.free({ table })
      throw error
    }
  }

  free({ table }: Pick<VrfTable, 'table'>): void {
    this.tables.release(table)
  }

  /** The blackhole VRF: that of an earlier process, or one with the last free table, outside of the range if all of it is taken. */
  private findBlackhole(): Promise<void> {
    this.search ??= this.searchBlackhole().catch((error) => {
      this.search = null
      throw error
    })
    return this.search
  }

  private async searchBlackhole(): Promise<void> {
    const left = await this.dataplane.vrfOf(BLACKHOLE_ALIAS)
    if (left !== undefined && this.tables.claim(left.table, BLACKHOLE_ALIAS)) {
      this.found = { device: left.name, table: left.table }
      return
    }
    const isElsewhere = (one: number) => this.dataplane.isTableTaken(one)
    const all = new Identifiers(...ALL_TABLES, this.time)
    for (const [table, use] of this.tables.entries()) all.claim(table, use)
    const table =
      (await this.tables.takeLastUnless(isElsewhere, BLACKHOLE_ALIAS)) ??
      (await all.takeLastUnless(isElsewhere, BLACKHOLE_ALIAS))!
    this.found = { device: `${this.ranges.vrfPrefix}0`, table }
  }

  private async takeTable(id: string): Promise<number> {
    const table = await this.tables.takeUnless((one) => this.dataplane.isTableTaken(one), id)
    if (table === undefined)
      throw new RequestError('NUMBERS_EXHAUSTED', 'all routing tables of table_range are taken')
    return table
  }

  /** A free device name, and the number in it. */
  private async takeName(
    nextNumber: () => number,
  ): Promise<{ readonly number: number; readonly device: string }> {
    for (;;) {
      const number = nextNumber()
      const device = this.ranges.vrfPrefix + number
      if ((await this.dataplane.interfaceNamed(device)) === undefined) return { number, device }
    }
  }
}

const tableOf = ({ table, number }: Saved): number => table ?? FORMER_TABLES + number
