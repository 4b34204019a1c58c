import { RequestError } from '../api/errors.ts'
import type { Speaker } from '../bgp/speaker.ts'
import { ipv4Rd } from '../bgp/values/rd.ts'
import type { EventSink } from '../events/event.ts'
import { MacVrf } from '../evpn/mac-vrf.ts'
import { ProviderEdge } from '../ipvpn/provider-edge.ts'
import { Vrf } from '../ipvpn/vrf.ts'
import { formatIp } from '../values/address.ts'
import { formatMac, type Mac } from '../values/mac.ts'
import { TunnelEnds } from '../values/tunnel-ends.ts'
import { Attachments, rdNumbersOf } from './attachments.ts'
import type { EvpnForwarding, IpVpnForwarding, VpnBackend } from './backend.ts'
import type { VpnConfig } from './config.ts'
import type { Dataplanes } from './dataplanes.ts'
import type { EvpnVpnInstance, IpVpnInstance, VpnInstance } from './instance.ts'
import type { Numbers } from './numbers.ts'
import type { ResolvedRequest } from './request.ts'
import type { InstanceState } from './state.ts'

/** The numbers of an instance. */
type Identity = Pick<InstanceState, 'id' | 'number' | 'rdNumber' | 'subnetPrefixLength'>

export interface InstancesDependencies {
  readonly config: VpnConfig
  readonly speaker: Speaker
  readonly dataplanes: Dataplanes
  readonly events: EventSink
  readonly numbers: Numbers
  readonly backend: VpnBackend
  /** A mobility sequence has changed, which no agent asked for. */
  readonly sequenceChanged: (instance: string, mac: Mac) => void
}

/** Creates instances, and allocates their numbers. */
export class Instances {
  private readonly config: VpnConfig
  private readonly speaker: Speaker
  private readonly events: EventSink
  private readonly numbers: Numbers
  private readonly backend: VpnBackend
  private readonly sequenceChanged: InstancesDependencies['sequenceChanged']
  private readonly ends: TunnelEnds
  private readonly edge: ProviderEdge
  private lastNumber = 0

  constructor({
    config,
    speaker,
    dataplanes,
    events,
    numbers,
    backend,
    sequenceChanged,
  }: InstancesDependencies) {
    this.config = config
    this.speaker = speaker
    this.events = events
    this.numbers = numbers
    this.backend = backend
    this.sequenceChanged = sequenceChanged
    const { bgpAddress, vtep, ipvpn, vtepNetworks } = config
    const ends = new TunnelEnds([bgpAddress, vtep, ipvpn.address], vtepNetworks)
    dataplanes.host.watchAddresses((addresses) => ends.setNodeAddresses(addresses))
    this.ends = ends
    this.edge = new ProviderEdge({ ...ipvpn, ends })
  }

  /** Throws `RequestError`; `free` releases what it took. */
  async create(request: ResolvedRequest): Promise<VpnInstance> {
    if (request.type === 'evpn') return this.createEvpn(request)
    if (request.vni !== null) this.checkVni(request.vni)
    return this.createIpVpn(request)
  }

  /** Creates an instance of an earlier process, still without endpoints. */
  restore(state: InstanceState): VpnInstance {
    this.lastNumber = Math.max(this.lastNumber, state.number)
    this.numbers.rds.claim(state.rdNumber, state.id)
    for (const number of state.attachments.flatMap(rdNumbersOf)) this.numbers.rds.claim(number, state.id)
    if (state.type === 'evpn') this.numbers.vnis.claim(state.vni, state.id)
    const instance =
      state.type === 'evpn'
        ? this.evpn(state, state.vni, state.vniGiven, this.backend.restoreEvpn(state))
        : this.ipvpn(state, this.backend.restoreIpVpn(state))
    instance.description = state.description
    return instance
  }

  free(instance: VpnInstance): void {
    this.numbers.rds.release(instance.rdNumber)
    if (instance.type === 'evpn') this.numbers.vnis.release(instance.macVrf.config.vni)
    instance.forwarding.free()
  }

  private async createEvpn(request: ResolvedRequest): Promise<EvpnVpnInstance> {
    const { instanceId: id, linuxBridge } = request
    const vni = await this.takeVni(request)
    let forwarding: EvpnForwarding | null = null
    try {
      forwarding = await this.backend.createEvpn(id, vni, linuxBridge)
      const identity = this.identity(request, this.numbers.takeRd(id), ++this.lastNumber)
      return this.evpn(identity, vni, request.vni !== null, forwarding)
    } catch (error) {
      this.numbers.vnis.release(vni)
      forwarding?.free()
      throw error
    }
  }

  private async createIpVpn(request: ResolvedRequest): Promise<IpVpnInstance> {
    const { instanceId: id } = request
    const { number, forwarding } = await this.backend.createIpVpn(request, () => ++this.lastNumber)
    try {
      return this.ipvpn(this.identity(request, this.numbers.takeRd(id), number), forwarding)
    } catch (error) {
      forwarding.free()
      throw error
    }
  }

  private identity({ instanceId: id, ip }: ResolvedRequest, rdNumber: number, number: number): Identity {
    return { id, number, rdNumber, subnetPrefixLength: ip?.prefixLength ?? null }
  }

  private evpn(
    { id, number, rdNumber, subnetPrefixLength }: Identity,
    vni: number,
    vniGiven: boolean,
    forwarding: EvpnForwarding,
  ): EvpnVpnInstance {
    const { identifier, mobility, vtep } = this.config
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
    const own = { type: 'evpn', routing: macVrf, macVrf, forwarding, vniGiven } as const
    return { ...own, number, attachments, rdNumber, description: null, subnetPrefixLength }
  }

  private ipvpn(
    { id, number, rdNumber, subnetPrefixLength }: Identity,
    forwarding: IpVpnForwarding,
  ): IpVpnInstance {
    const { identifier } = this.config
    const rd = ipv4Rd(identifier, rdNumber)
    const vrf = new Vrf({ id, name: `VRF-${number}`, rd, identifier }, this.edge, this.speaker, forwarding)
    const attachments = new Attachments()
    const own = { type: 'ipvpn', routing: vrf, vrf, forwarding, fallback: null } as const
    return { ...own, number, attachments, rdNumber, description: null, subnetPrefixLength }
  }

  private async takeVni({ instanceId, vni }: ResolvedRequest): Promise<number> {
    if (vni === null) {
      const { vnis } = this.numbers
      const [left, taken] = await Promise.all([
        this.backend.vniLeftFor(instanceId),
        vnis.takeUnless((one) => this.backend.isVniTaken(one), instanceId),
      ])
      if (left !== null && vnis.claim(left, instanceId)) {
        if (taken !== undefined) vnis.giveBack(taken)
        return left
      }
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
