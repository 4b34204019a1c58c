import { RequestError } from '../api/errors.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { ipv4Rd } from '../bgp/values/rd.ts'
import type { EventSink } from '../events/event.ts'
import { MacVrf } from '../evpn/mac-vrf.ts'
import type { MobilityOptions } from '../evpn/mobility.ts'
import { ProviderEdge, type TransportConfig } from '../ipvpn/provider-edge.ts'
import { Vrf } from '../ipvpn/vrf.ts'
import { formatIp, type InterfaceAddress, type Ip } from '../values/address.ts'
import { formatMac, type Mac } from '../values/mac.ts'
import { TunnelEnds } from '../values/tunnel-ends.ts'
import { Attachments, rdNumbersOf } from './attachments.ts'
import type { Dataplanes } from './dataplanes.ts'
import { Identifiers } from './identifiers.ts'
import type { EvpnVpnInstance, IpVpnInstance, VpnInstance } from './instance.ts'
import { EvpnDevices } from './linux/evpn-devices.ts'
import { LinuxMacVrf, type MacVrfDevices, type VxlanOptions } from './linux/mac-vrf.ts'
import { BLACKHOLE_ALIAS, MplsTransport } from './linux/mpls-transport.ts'
import { aliasOf, bridgeName, nameSuffix } from './linux/names.ts'
import { LinuxVrf, type VrfTable } from './linux/vrf.ts'
import type { Numbers } from './numbers.ts'
import type { AttachRequest, VpnType } from './request.ts'
import type { EvpnState, InstanceState, IpState } from './state.ts'

/** The node-wide resources that this daemon may use. */
export interface Ranges {
  /** First and last MPLS label for endpoints. */
  readonly labels: readonly [number, number]
  /** First and last routing table of VRFs. */
  readonly tables: readonly [number, number]
  /** Prefix of the names of VRF devices. */
  readonly vrfPrefix: string
}

/** The dataplane driver of each type: `dummy` accepts everything, and forwards nothing. */
export type Drivers = Readonly<Record<VpnType, 'linux' | 'dummy'>>

export interface VpnConfig extends VxlanOptions {
  readonly bgpAddress: Ip
  /** IPv4, for route distinguishers. */
  readonly identifier: Ip
  readonly mobility: MobilityOptions
  /** Prefixes of other nodes' VTEPs and provider edges; none: they may be anywhere. */
  readonly vtepNetworks: readonly InterfaceAddress[]
  /** The MPLS transport of IP VPNs. */
  readonly ipvpn: {
    readonly address: Ip
    readonly transport: TransportConfig
    /** The underlay interface of tunnels; null where it is unknown. */
    readonly underlay: string | null
    /** Whether tunnels accept labelled packets of all nodes, not only of provider edges with routes. */
    readonly fromAnyone: boolean
  }
  readonly ranges: Ranges
  /** Whether a VPN is refused if its bridge is not isolated from the host. */
  readonly requireIsolation: boolean
  readonly drivers: Drivers
  /** What the kernel lacks for a type at present; null when nothing. */
  readonly lacks: (type: VpnType) => string | null
}

export { tunnelTypeOf } from '../ipvpn/provider-edge.ts'

/** Where a state file has no table and device of a VRF, they follow from its number. */
const FORMER_TABLES = 1000
const FORMER_PREFIX = 'bvrf-'
/** Tables other than Linux's own. */
const ALL_TABLES = [256, 4_294_967_294] as const

type EvpnIdentity = Pick<
  EvpnState,
  'id' | 'number' | 'rdNumber' | 'vni' | 'vniGiven' | 'suffix' | 'devices' | 'subnetPrefixLength'
>
type IpIdentity = Pick<IpState, 'id' | 'number' | 'rdNumber' | 'subnetPrefixLength'> & {
  readonly table: number
  readonly device: string
}

/** Creates instances, and allocates their numbers and names. */
export class Instances {
  private readonly config: VpnConfig
  private readonly speaker: Speaker
  private readonly dataplanes: Dataplanes
  private readonly events: EventSink
  private readonly ends: TunnelEnds
  private readonly transport: MplsTransport
  private readonly edge: ProviderEdge
  private readonly numbers: Numbers
  private readonly sequenceChanged: (instance: string, mac: Mac) => void
  private readonly tables: Identifiers
  private readonly suffixes = new Set<string>()
  readonly evpnDevices: EvpnDevices
  private lastNumber = 0
  private blackhole: VrfTable | null = null
  /** The search for `blackhole`. */
  private search: Promise<void> | null = null

  /** `sequenceChanged` reports changes that no agent asked for. */
  constructor(
    config: VpnConfig,
    speaker: Speaker,
    dataplanes: Dataplanes,
    events: EventSink,
    numbers: Numbers,
    sequenceChanged: (instance: string, mac: Mac) => void,
  ) {
    this.config = config
    this.sequenceChanged = sequenceChanged
    this.speaker = speaker
    this.dataplanes = dataplanes
    this.events = events
    this.numbers = numbers
    this.tables = new Identifiers(...config.ranges.tables, speaker.convergence)
    this.evpnDevices = new EvpnDevices(dataplanes.of('evpn'), config)
    const { bgpAddress, vtep, ipvpn, vtepNetworks } = config
    const ends = new TunnelEnds([bgpAddress, vtep, ipvpn.address], vtepNetworks)
    dataplanes.host.watchAddresses((addresses) => ends.setNodeAddresses(addresses))
    this.ends = ends
    this.edge = new ProviderEdge({ ...ipvpn, ends })
    this.transport = new MplsTransport({ ...ipvpn, blackhole: () => this.blackhole! }, dataplanes.of('ipvpn'))
  }

  /** Throws `RequestError`; `free` releases what it took. */
  async create(request: AttachRequest): Promise<VpnInstance> {
    const { instanceId: id, type } = request
    const subnetPrefixLength = request.ip?.prefixLength ?? null
    if (type === 'ipvpn') {
      if (request.vni !== null) this.checkVni(request.vni)
      return this.createVrf(id, subnetPrefixLength)
    }
    const vni = await this.takeVni(request)
    const suffix = nameSuffix(id, (candidate) => this.isSuffixTaken(candidate))
    this.suffixes.add(suffix)
    let devices: MacVrfDevices | null = null
    let rdNumber: number
    try {
      devices = await this.evpnDevices.choose(id, { linuxBridge: request.linuxBridge, suffix, vni })
      this.evpnDevices.claim(devices, id)
      rdNumber = this.numbers.takeRd(id)
    } catch (error) {
      this.numbers.vnis.release(vni)
      this.suffixes.delete(suffix)
      if (devices !== null) this.evpnDevices.release(devices, id)
      throw error
    }
    const number = ++this.lastNumber
    const vniGiven = request.vni !== null
    return this.evpn({ id, number, rdNumber, vni, vniGiven, suffix, devices, subnetPrefixLength })
  }

  /** Reserves the tables of instances that are to be restored. */
  async reserve(states: readonly InstanceState[]): Promise<void> {
    for (const state of states) if (state.type === 'ipvpn') this.tables.claim(tableOf(state), state.id)
    if (states.some(({ type }) => type === 'ipvpn')) await this.findBlackhole()
  }

  /** Creates an instance of an earlier process, still without endpoints. */
  restore(state: InstanceState): VpnInstance {
    this.lastNumber = Math.max(this.lastNumber, state.number)
    this.numbers.rds.claim(state.rdNumber, state.id)
    for (const number of state.attachments.flatMap(rdNumbersOf)) this.numbers.rds.claim(number, state.id)
    const instance = state.type === 'evpn' ? this.restoreEvpn(state) : this.restoreVrf(state)
    instance.description = state.description
    return instance
  }

  free(instance: VpnInstance): void {
    this.numbers.rds.release(instance.rdNumber)
    if (instance.type === 'ipvpn') return this.tables.release(instance.forwarding.state.table)
    const { id, vni } = instance.macVrf.config
    const { suffix, devices } = instance.forwarding.state
    this.numbers.vnis.release(vni)
    this.suffixes.delete(suffix)
    this.evpnDevices.release(devices, id)
  }

  /** Continues to use the device of an earlier process whose state is lost. */
  private async createVrf(id: string, subnetPrefixLength: number | null): Promise<IpVpnInstance> {
    await this.findBlackhole()
    const left = await this.dataplanes.of('ipvpn').vrfOf(aliasOf(id))
    const isLeft = left !== undefined && this.tables.claim(left.table, id)
    const table = isLeft ? left.table : await this.takeTable(id)
    let rdNumber: number | null = null
    try {
      rdNumber = this.numbers.takeRd(id)
      const { number, device } = isLeft
        ? { number: ++this.lastNumber, device: left.name }
        : await this.takeVrfName()
      return this.vrf({ id, number, rdNumber, subnetPrefixLength, table, device })
    } catch (error) {
      this.tables.release(table)
      if (rdNumber !== null) this.numbers.rds.giveBack(rdNumber)
      throw error
    }
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
    const left = await this.dataplanes.of('ipvpn').vrfOf(BLACKHOLE_ALIAS)
    if (left !== undefined && this.tables.claim(left.table, BLACKHOLE_ALIAS)) {
      this.blackhole = { device: left.name, table: left.table }
      return
    }
    const isElsewhere = (one: number) => this.dataplanes.of('ipvpn').isTableTaken(one)
    const all = new Identifiers(...ALL_TABLES, this.speaker.convergence)
    for (const [table, use] of this.tables.entries()) all.claim(table, use)
    const table =
      (await this.tables.takeLastUnless(isElsewhere, BLACKHOLE_ALIAS)) ??
      (await all.takeLastUnless(isElsewhere, BLACKHOLE_ALIAS))!
    this.blackhole = { device: `${this.config.ranges.vrfPrefix}0`, table }
  }

  private async takeTable(id: string): Promise<number> {
    const table = await this.tables.takeUnless((one) => this.dataplanes.of('ipvpn').isTableTaken(one), id)
    if (table === undefined)
      throw new RequestError('NUMBERS_EXHAUSTED', 'all routing tables of table_range are taken')
    return table
  }

  /** A free device name, and the number in it. */
  private async takeVrfName(): Promise<{ readonly number: number; readonly device: string }> {
    for (;;) {
      const number = ++this.lastNumber
      const device = this.config.ranges.vrfPrefix + number
      if ((await this.dataplanes.of('ipvpn').interfaceNamed(device)) === undefined) return { number, device }
    }
  }

  private restoreVrf(state: IpState): IpVpnInstance {
    const { device = FORMER_PREFIX + state.number } = state
    return this.vrf({ ...state, table: tableOf(state), device })
  }

  private restoreEvpn(state: EvpnState): EvpnVpnInstance {
    this.numbers.vnis.claim(state.vni, state.id)
    this.suffixes.add(state.suffix)
    this.evpnDevices.reclaim(state.devices, state.id)
    return this.evpn(state)
  }

  private evpn(identity: EvpnIdentity): EvpnVpnInstance {
    const { id, number, rdNumber, vni, vniGiven, suffix, devices, subnetPrefixLength } = identity
    const { identifier, mobility, vtep } = this.config
    const forwarding = new LinuxMacVrf(
      { suffix, devices, alias: aliasOf(id), vni, vxlan: this.config },
      this.dataplanes.of('evpn'),
    )
    const macVrf = new MacVrf(
      {
        ends: this.ends,
        mobility,
        vtep,
        id,
        name: `EVI-${number}`,
        rd: ipv4Rd(identifier, rdNumber),
        vni,
        duplicate: (mac) => this.events.emit({ type: 'duplicate-mac', instance: id, mac: formatMac(mac) }),
        sequenceChanged: (mac) => this.sequenceChanged(id, mac),
      },
      this.speaker,
      forwarding,
    )
    const attachments = new Attachments()
    const own = { type: 'evpn', routing: macVrf, macVrf, vniGiven, forwarding } as const
    return { ...own, number, attachments, rdNumber, description: null, subnetPrefixLength }
  }

  private vrf({ id, number, rdNumber, subnetPrefixLength, table, device }: IpIdentity): IpVpnInstance {
    const { identifier, vxlanMtu, vtep, underlay } = this.config
    const vethUnderlay = { mtu: vxlanMtu, local: vtep, underlay }
    const forwarding = new LinuxVrf(
      { id, device, table, alias: aliasOf(id), vethUnderlay },
      this.transport,
      this.dataplanes.of('ipvpn'),
    )
    const vrf = new Vrf(
      { id, name: `VRF-${number}`, rd: ipv4Rd(identifier, rdNumber), identifier },
      this.edge,
      this.speaker,
      forwarding,
    )
    const attachments = new Attachments()
    const own = { type: 'ipvpn', routing: vrf, vrf, forwarding, fallback: null } as const
    return { ...own, number, attachments, rdNumber, description: null, subnetPrefixLength }
  }

  private isSuffixTaken(suffix: string): boolean {
    return this.suffixes.has(suffix) || this.evpnDevices.userOf(bridgeName(suffix)) !== undefined
  }

  private async takeVni({ instanceId, vni }: AttachRequest): Promise<number> {
    if (vni === null) {
      const left = await this.evpnDevices.vniLeftFor(instanceId)
      if (left !== null && this.numbers.vnis.claim(left, instanceId)) return left
      const taken = await this.numbers.vnis.takeUnless((one) => this.evpnDevices.isVniTaken(one), instanceId)
      if (taken === undefined) throw new RequestError('NUMBERS_EXHAUSTED', 'all VNIs are taken')
      return taken
    }
    this.checkVni(vni)
    this.warnOfFormer(instanceId, vni)
    this.numbers.vnis.claim(vni, instanceId)
    return vni
  }

  /** VXLAN cannot distinguish one use of a VNI from the next: peers that have not received the withdrawal still send to it. */
  private warnOfFormer(instance: string, vni: number): void {
    const former = this.numbers.vnis.formerUseOf(vni)
    const peers = [...this.speaker.peers.values()]
      .filter(({ sessions }) => sessions.state !== 'Established')
      .map(({ sessions }) => formatIp(sessions.config.address))
    if (former === undefined || former.use === instance || peers.length === 0) return
    const seconds = Math.floor(former.agoMs / 1000)
    this.events.emit({ type: 'vni-reused', instance, vni, former: former.use, seconds, peers })
  }

  private checkVni(vni: number): void {
    const user = this.numbers.vnis.useOf(vni)
    if (user !== undefined)
      throw new RequestError('VNI_CONFLICT', `A VPN instance using vni ${vni} already exists: ${user}`)
  }
}

const tableOf = ({ table, number }: IpState): number => table ?? FORMER_TABLES + number
