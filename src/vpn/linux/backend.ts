import { RequestError } from '../../api/errors.ts'
import type { Entry, EntryStatus } from '../../dataplane/model.ts'
import type { Attachment } from '../attachments.ts'
import type { BackendDependencies, EvpnForwarding, IpVpnForwarding, VpnBackend } from '../backend.ts'
import type { VpnConfig } from '../config.ts'
import type { Dataplanes } from '../dataplanes.ts'
import { endpointEntries, type VpnInstance } from '../instance.ts'
import type { AttachRequest, ResolvedRequest } from '../request.ts'
import type { EvpnState, InstanceState, IpState } from '../state.ts'
import { Admission } from './admission.ts'
import { EvpnDevices } from './evpn-devices.ts'
import { IrbInterfaces } from './irb-interfaces.ts'
import { refusalOf } from './kernel-refusal.ts'
import { LinuxMacVrf } from './mac-vrf.ts'
import { MplsTransport } from './mpls-transport.ts'
import { aliasOf } from './names.ts'
import { PortSharing } from './port-sharing.ts'
import { Ports, type PortUse } from './ports.ts'
import { Uplinks } from './uplinks.ts'
import { LinuxVrf, type VrfTable } from './vrf.ts'
import { VrfDevices } from './vrf-devices.ts'

/** VPNs as bridges, VXLAN devices, VRF devices and tunnels of Linux; with the dummy driver these are names alone. */
export class LinuxBackend implements VpnBackend {
  private readonly config: VpnConfig
  private readonly dataplanes: Dataplanes
  private readonly instances: ReadonlyMap<string, VpnInstance>
  private readonly evpnDevices: EvpnDevices
  private readonly vrfDevices: VrfDevices
  private readonly transport: MplsTransport
  private readonly ports = new Ports()
  private readonly irbs: IrbInterfaces
  private readonly sharing: PortSharing
  private readonly admission: Admission

  constructor({ config, dataplanes, events, instances, peers, time }: BackendDependencies) {
    const { drivers, ranges, ipvpn } = config
    const { ports } = this
    this.config = config
    this.dataplanes = dataplanes
    this.instances = instances
    this.evpnDevices = new EvpnDevices(dataplanes.of('evpn'), config)
    this.vrfDevices = new VrfDevices(dataplanes.of('ipvpn'), ranges, time)
    this.transport = new MplsTransport(
      { ...ipvpn, blackhole: () => this.vrfDevices.blackhole },
      dataplanes.of('ipvpn'),
    )
    this.irbs = new IrbInterfaces(instances, dataplanes.isShared)
    this.sharing = new PortSharing({ instances, ports, drivers, events })
    const uplinks = () => new Uplinks({ config, peers: peers() })
    const bridges = this.evpnDevices
    this.admission = new Admission({ instances, dataplanes, drivers, ports, uplinks, bridges, ranges })
  }

  joined(request: AttachRequest): AttachRequest {
    return this.sharing.joined(request)
  }

  async admit(request: AttachRequest): Promise<ResolvedRequest> {
    return this.sharing.confined(await this.admission.admit(this.irbs.resolvePort(request)))
  }

  /** A bridge that is not isolated from the host, where `require_isolation` is set. */
  async flawOf(instance: VpnInstance): Promise<RequestError | null> {
    if (!this.config.requireIsolation || instance.type !== 'evpn') return null
    const { bridge } = instance.forwarding
    const { by, reason } = await this.dataplanes.of('evpn').isolationOf(bridge)
    if (by !== null || reason === null) return null
    return new RequestError(
      'NOT_ISOLATED',
      `bridge ${bridge} cannot be isolated from the host, which require_isolation asks for: ${reason}`,
    )
  }

  reserve(states: readonly InstanceState[]): Promise<void> {
    return this.vrfDevices.reserve(states.filter((state) => state.type === 'ipvpn'))
  }

  vniLeftFor(id: string): Promise<number | null> {
    return this.evpnDevices.vniLeftFor(id)
  }

  isVniTaken(vni: number): boolean | Promise<boolean> {
    return this.evpnDevices.isVniTaken(vni)
  }

  async createEvpn(id: string, vni: number, linuxBridge: string | null): Promise<EvpnForwarding> {
    const suffix = this.evpnDevices.takeSuffix(id)
    try {
      const { devices, mayBeStale } = await this.evpnDevices.choose(id, { linuxBridge, suffix, vni })
      this.evpnDevices.claim(devices, id)
      return this.macVrf({ id, vni, suffix, devices }, mayBeStale)
    } catch (error) {
      this.evpnDevices.releaseSuffix(suffix, id)
      throw error
    }
  }

  restoreEvpn(state: EvpnState): EvpnForwarding {
    this.evpnDevices.reclaim(state.devices, state.suffix, state.id)
    return this.macVrf(state, false)
  }

  async createIpVpn({ instanceId: id, port, irb }: ResolvedRequest, nextNumber: () => number) {
    const evpn = irb === null ? undefined : this.instances.get(irb.evpn)
    const bridge = evpn?.type === 'evpn' ? evpn.forwarding.bridge : null
    const { number, vrf } = await this.vrfDevices.create(id, { port, bridge }, nextNumber)
    return { number, forwarding: this.vrf(id, vrf) }
  }

  restoreIpVpn(state: IpState): IpVpnForwarding {
    return this.vrf(state.id, this.vrfDevices.restore(state))
  }

  claimPort(instance: VpnInstance, attachment: Attachment): string | null {
    return this.ports.claim(attachment.port, instance.routing.config.id, this.use(instance, attachment))
  }

  settlePort(instance: VpnInstance, port: string): Iterable<string> {
    const uses = instance.attachments.behind(port).map((one) => this.use(instance, one))
    this.ports.settle(port, instance.routing.config.id, uses)
    return this.ports.usersOf(port)
  }

  /** A port that an attachment only sends to stays with the instance that has it. */
  endpointEntries(instance: VpnInstance, attachment: Attachment): Entry[] {
    const entries = this.irbs.endpointEntries(instance, attachment)
    const { id } = instance.routing.config
    const elsewhere =
      this.use(instance, attachment) === 'receive' && this.ports.holderOf(attachment.port, id) !== null
    return elsewhere ? entries.filter(({ kind }) => kind !== 'vrf-port') : entries
  }

  /** The route of an endpoint, which exists only while its port is up. */
  async awaitedEntries(instance: VpnInstance, attachment: Attachment): Promise<Entry[]> {
    const route = instance.type === 'ipvpn' ? instance.vrf.routeOf(attachment) : null
    if (route === null || instance.type === 'evpn') return []
    const link = await this.dataplanes.of('ipvpn').interfaceNamed(attachment.port)
    return link?.up === true ? instance.forwarding.routeEntries(route) : []
  }

  attached({ routing }: VpnInstance, { irb }: Attachment): void {
    if (irb === null) this.irbs.connect(routing.config.id)
    else this.irbs.changed(routing.config.id, irb.evpn)
  }

  detached({ routing }: VpnInstance, { irb }: Attachment): void {
    if (irb !== null) this.irbs.changed(routing.config.id, irb.evpn)
  }

  restored(): void {
    for (const instance of this.instances.values()) {
      for (const { irb } of instance.attachments)
        if (irb !== null) this.irbs.changed(instance.routing.config.id, irb.evpn)
      if (!this.dataplanes.isShared && this.config.drivers[instance.type] === 'dummy')
        this.clearHost(instance)
    }
  }

  refusalOf({ type }: VpnInstance, port: string, failure: EntryStatus): Promise<RequestError> {
    return refusalOf(port, failure, this.dataplanes.of(type))
  }

  isLabelTaken(label: number): boolean | Promise<boolean> {
    return this.dataplanes.of('ipvpn').isLabelTaken(label)
  }

  /** Removes the kernel entries of an earlier process that used another driver. */
  private clearHost(instance: VpnInstance): void {
    const endpoints = [...instance.attachments].flatMap((one) => endpointEntries(instance, one))
    this.dataplanes.host.clear([...instance.forwarding.instanceEntries(), ...endpoints])
  }

  /** A port is in one bridge or VRF. With the dummy driver, ports are only names and never conflict. */
  private use({ type }: VpnInstance, { direction, irb }: Attachment): PortUse {
    const onlyReceives = type === 'ipvpn' && direction === 'to-port' && irb === null
    return onlyReceives || this.config.drivers[type] === 'dummy' ? 'receive' : 'alone'
  }

  private macVrf(
    { id, vni, suffix, devices }: Pick<EvpnState, 'id' | 'vni' | 'suffix' | 'devices'>,
    mayBeStale: boolean,
  ): LinuxMacVrf {
    const free = () => this.evpnDevices.release(devices, suffix, id)
    const own = { suffix, devices, mayBeStale, alias: aliasOf(id), vni, vxlan: this.config, free }
    return new LinuxMacVrf(own, this.dataplanes.of('evpn'))
  }

  private vrf(id: string, vrf: VrfTable): LinuxVrf {
    const { vxlanMtu, vtep, underlay } = this.config
    const vethUnderlay = { mtu: vxlanMtu, local: vtep, underlay }
    const free = () => this.vrfDevices.free(vrf)
    const own = { id, ...vrf, alias: aliasOf(id), vethUnderlay, free }
    return new LinuxVrf(own, this.transport, this.dataplanes.of('ipvpn'))
  }
}
