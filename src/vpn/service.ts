import type { Logger } from 'pino'
import type { Speaker } from '../bgp/speaker.ts'
import { ipv4Rd } from '../bgp/values/rd.ts'
import type { Dataplane } from '../dataplane/model.ts'
import { EvpnInstance } from '../evpn/instance.ts'
import type { MobilityTerms } from '../evpn/mobility.ts'
import type { Devices, EndpointEntry, Tunnelling } from '../evpn/project.ts'
import type { Ip } from '../values/address.ts'
import { formatMac } from '../values/mac.ts'
import { Attachments, type Plan } from './attachments.ts'
import { Footprint } from './footprint.ts'
import { labels, rdNumbers, vnis } from './identifiers.ts'
import { bridgeName, nameSuffix, vxlanName } from './names.ts'
import { type AttachRequest, type DetachRequest, Failed, Rejected } from './request.ts'
import { Serial } from './serial.ts'
import type { FootprintEntry, InstanceState, State } from './state.ts'

export interface VpnConfig extends Tunnelling {
  readonly bgpAddress: Ip
  /** IPv4, for route distinguishers. */
  readonly identifier: Ip
  readonly mobility: MobilityTerms
}

/** The part of the state that is the service's. */
export type ServiceState = Pick<State, 'instances' | 'footprint'>

/** A network as the agents see it. */
export interface Instance {
  readonly number: number
  readonly evpn: EvpnInstance
  readonly attachments: Attachments
  /** The VNI was asked for, not chosen by us. */
  readonly vniGiven: boolean
  readonly rdNumber: number
  readonly suffix: string
  description: unknown
  /** Prefix length of the subnet, from the first endpoint that told one. */
  readonly subnetPrefixLength: number | null
}

/**
 * The VPN instances of this machine. Attach and detach are all or nothing: what fails leaves labels, RDs, devices, routes
 * and the previous good state as they were.
 */
export class VpnService {
  readonly instances = new Map<string, Instance>()
  readonly labels = labels()
  private readonly config: VpnConfig
  private readonly speaker: Speaker
  private readonly dataplane: Dataplane
  private readonly log: Logger
  private readonly serial = new Serial()
  private readonly vnis = vnis()
  private readonly rds = rdNumbers()
  private readonly suffixes = new Set<string>()
  /** Ports in bridges of ours, by the instance that has them or is about to. */
  private readonly ports = new Map<string, string>()
  private readonly footprint: Footprint
  private lastNumber = 0

  /** `keep` resolves when whatever `snapshot` tells then is safe from the end of this process. */
  constructor(
    config: VpnConfig,
    speaker: Speaker,
    dataplane: Dataplane,
    log: Logger,
    keep: () => Promise<void> = async () => {},
  ) {
    this.config = config
    this.speaker = speaker
    this.dataplane = dataplane
    this.log = log
    this.footprint = new Footprint(dataplane, keep)
  }

  /** What a later process needs to go on from here. */
  snapshot(): ServiceState {
    return { instances: [...this.instances.values()].map(instanceState), footprint: this.footprint.entries() }
  }

  /** Takes up what an earlier process had attached, without waiting for the kernel; to be called before anything else. */
  restore({ instances, footprint }: ServiceState): void {
    for (const state of instances) this.restoreInstance(state)
    this.footprint.restore(footprint)
  }

  /** Resolves when the port's own kernel state is in place and its route is announced. Throws `Rejected` or `Failed`. */
  attach(request: AttachRequest): Promise<void> {
    return this.serial.run(request.instanceId, async () => {
      this.checkType(request)
      const existing = this.instances.get(request.instanceId)
      if (existing === undefined) await this.attachFirst(request)
      else await this.attachNext(existing, request)
    })
  }

  /** Throws `Rejected` when there is no such endpoint. */
  detach(request: DetachRequest): Promise<void> {
    return this.serial.run(request.instanceId, async () => {
      const instance = this.instances.get(request.instanceId)
      if (instance === undefined) throw new Rejected(`VPN ${request.instanceId} could not be found`)
      const { attachments, evpn } = instance
      const gone = attachments.named(request)
      for (const attachment of gone) {
        attachments.remove(attachment)
        evpn.removeEndpoint(attachment)
        if (attachments.has(attachment.mac)) continue
        this.labels.release(attachment.label)
        this.dropEntries(instance, attachment)
      }
      if (attachments.isEmpty) this.end(instance)
      await this.footprint.kept()
      this.log.info({ instance: request.instanceId, mac: formatMac(request.mac) }, 'detached')
    })
  }

  private checkType({ type }: AttachRequest): void {
    if (type === 'ipvpn') throw new Rejected('this version of chanter has no IP VPN: vpn_type must be evpn')
  }

  private async attachFirst(request: AttachRequest): Promise<void> {
    this.checkInterfaces(request)
    const instance = this.create(request)
    try {
      await this.settle(instance, request, (plan) => {
        this.instances.set(request.instanceId, instance)
        this.commit(instance, request, plan)
      })
    } catch (error) {
      this.drop(instance, instance.evpn.networkEntries())
      this.free(instance)
      throw error
    }
  }

  private async attachNext(instance: Instance, request: AttachRequest): Promise<void> {
    const { vni, devices } = instance.evpn.config
    if (request.vni !== null && request.vni !== vni) {
      this.log.warn(
        { instance: request.instanceId, vni, asked: request.vni },
        'VNI of an existing instance stays',
      )
    }
    if (request.linuxBridge !== null && request.linuxBridge !== devices.bridge) {
      this.log.warn(
        { instance: request.instanceId, bridge: devices.bridge, asked: request.linuxBridge },
        'bridge of an existing instance stays',
      )
    }
    this.checkInterfaces(request)
    await this.settle(instance, request, (plan) => this.commit(instance, request, plan))
  }

  /** Puts the network and the endpoint into the kernel, then commits; on failure nothing is left of a new endpoint. */
  private async settle(
    instance: Instance,
    request: AttachRequest,
    commit: (plan: Plan | null) => void,
  ): Promise<void> {
    const { attachments, evpn } = instance
    const plan = attachments.plan(request, () => this.takeLabel(instance, request))
    if (plan === null) {
      commit(null)
      return this.footprint.kept()
    }
    const entries = [...evpn.networkEntries(), ...this.claimPort(instance, plan)]
    const [failure] = await this.footprint.set(entries)
    if (failure === undefined) {
      commit(plan)
      return this.footprint.settled(entries)
    }
    if (plan.isNewMac) {
      this.labels.release(plan.add.label)
      this.dropEntries(instance, plan.add)
    }
    void this.footprint.settled(entries)
    throw new Failed(`cannot set up ${request.port}: ${failure.status.reason}`)
  }

  /** Targets, descriptions and announcement, now that the kernel is ready. */
  private commit(instance: Instance, request: AttachRequest, plan: Plan | null): void {
    const { evpn, attachments } = instance
    instance.description = request.instanceDescription ?? null
    evpn.setGateway(request.gatewayIp)
    evpn.setTargets(request.importTargets, request.exportTargets)
    if (plan !== null) {
      attachments.commit(plan)
      evpn.addEndpoint(plan.add)
      for (const attachment of plan.remove) evpn.removeEndpoint(attachment)
    }
    this.log.info(
      { instance: request.instanceId, port: request.port, mac: formatMac(request.mac) },
      'attached',
    )
  }

  private checkInterfaces({ port, linuxBridge }: AttachRequest): void {
    if (this.dataplane.interfaceNamed(port) === undefined)
      throw new Rejected(`interface ${port} does not exist`)
    if (linuxBridge === null) return
    const bridge = this.dataplane.interfaceNamed(linuxBridge)
    if (bridge !== undefined && bridge.kind !== null && bridge.kind !== 'bridge')
      throw new Rejected(`linuxbr: ${linuxBridge} is no bridge but a ${bridge.kind}`)
  }

  private create(request: AttachRequest): Instance {
    const { instanceId: id } = request
    const vni = this.takeVni(request)
    const rdNumber = this.rds.take(id)
    if (rdNumber === undefined) {
      this.vnis.release(vni)
      throw new Failed('all route distinguishers are taken')
    }
    const suffix = nameSuffix(id, (candidate) => this.suffixes.has(candidate))
    this.suffixes.add(suffix)
    return this.instance({
      id,
      number: ++this.lastNumber,
      rdNumber,
      vni,
      vniGiven: request.vni !== null,
      suffix,
      devices: this.devices(request.linuxBridge, suffix, vni),
      subnetPrefixLength: request.ip?.prefixLength ?? null,
    })
  }

  private instance(identity: InstanceIdentity): Instance {
    const { id, number, rdNumber, vni, vniGiven, suffix, devices, subnetPrefixLength } = identity
    const { identifier, ...shared } = this.config
    const evpn = new EvpnInstance(
      {
        ...shared,
        id,
        name: `EVI-${number}`,
        rd: ipv4Rd(identifier, rdNumber),
        vni,
        devices,
        alias: `chanter:${id}`,
        duplicate: (mac) => this.log.warn({ instance: id, mac: formatMac(mac) }, 'duplicate MAC address'),
      },
      this.speaker,
      this.dataplane,
    )
    const attachments = new Attachments()
    return { number, evpn, attachments, vniGiven, rdNumber, suffix, description: null, subnetPrefixLength }
  }

  private restoreInstance(state: InstanceState): void {
    const { id, attachments, description, devices } = state
    this.lastNumber = Math.max(this.lastNumber, state.number)
    this.vnis.claim(state.vni, id)
    this.rds.claim(state.rdNumber, id)
    this.suffixes.add(state.suffix)
    const instance = this.instance(state)
    const { evpn } = instance
    instance.description = description
    this.instances.set(id, instance)
    for (const entry of evpn.networkEntries()) this.dataplane.want(entry)
    evpn.setGateway(state.gatewayIp)
    evpn.setTargets(state.importTargets, state.exportTargets)
    for (const { sequence, ...add } of attachments) {
      this.labels.claim(add.label, labelUse(instance, add))
      if (!devices.givenBridge) this.ports.set(add.port, id)
      for (const entry of evpn.endpointEntries(add)) this.dataplane.want(entry)
      instance.attachments.commit({ add, remove: [], isNewMac: !instance.attachments.has(add.mac) })
      evpn.addEndpoint(add, sequence)
    }
  }

  private devices(linuxBridge: string | null, suffix: string, vni: number): Devices {
    const found = linuxBridge === null ? undefined : this.dataplane.vxlanIn(linuxBridge, vni)
    return {
      bridge: linuxBridge ?? bridgeName(suffix),
      givenBridge: linuxBridge !== null,
      vxlan: found?.name ?? vxlanName(suffix),
      givenVxlan: found !== undefined && !isOurs(found.alias),
    }
  }

  private takeVni({ instanceId, vni }: AttachRequest): number {
    if (vni === null) {
      const taken = this.vnis.take(instanceId)
      if (taken === undefined) throw new Failed('all VNIs are taken')
      return taken
    }
    if (!this.vnis.claim(vni, instanceId)) {
      throw new Rejected(`A VPN instance using vni ${vni} already exists: ${this.vnis.useOf(vni)}`)
    }
    return vni
  }

  private takeLabel(instance: Instance, request: AttachRequest): number {
    const label = this.labels.take(labelUse(instance, request))
    if (label === undefined) throw new Failed('all MPLS labels are taken')
    return label
  }

  /** The endpoint's entries; a port in a bridge of ours belongs to one instance. */
  private claimPort(instance: Instance, { add }: Plan): EndpointEntry[] {
    const { id, devices } = instance.evpn.config
    if (!devices.givenBridge) {
      const owner = this.ports.get(add.port)
      if (owner !== undefined && owner !== id) {
        this.labels.release(add.label)
        throw new Rejected(`local_port: interface ${add.port} is attached to VPN instance ${owner}`)
      }
      this.ports.set(add.port, id)
    }
    return instance.evpn.endpointEntries(add)
  }

  /** Takes an endpoint's entries back; the port stays while another endpoint is behind it. */
  private dropEntries(instance: Instance, attachment: Plan['add']): void {
    const { evpn, attachments } = instance
    const shared = attachments.usesPort(attachment.port)
    this.drop(
      instance,
      evpn.endpointEntries(attachment).filter(({ kind }) => kind !== 'port' || !shared),
    )
    if (!shared && this.ports.get(attachment.port) === evpn.config.id) this.ports.delete(attachment.port)
  }

  private end(instance: Instance): void {
    const { evpn } = instance
    evpn.stop()
    this.drop(instance, evpn.networkEntries())
    this.instances.delete(evpn.config.id)
    this.free(instance)
  }

  /** Takes entries of an instance out of the kernel but for those that another one has in the same given bridge. */
  private drop(instance: Instance, entries: readonly FootprintEntry[]): void {
    const { bridge } = instance.evpn.config.devices
    const others = [...this.instances.values()].filter(
      (other) => other !== instance && other.evpn.config.devices.bridge === bridge,
    )
    const kept = new Set(others.flatMap(entriesOf).map(place))
    this.footprint.drop(entries.filter((entry) => !kept.has(place(entry))))
  }

  private free({ evpn, rdNumber, suffix }: Instance): void {
    this.vnis.release(evpn.config.vni)
    this.rds.release(rdNumber)
    this.suffixes.delete(suffix)
  }
}

/** What of an instance is settled for its whole life. */
type InstanceIdentity = Pick<
  InstanceState,
  'id' | 'number' | 'rdNumber' | 'vni' | 'vniGiven' | 'suffix' | 'devices' | 'subnetPrefixLength'
>

function instanceState(instance: Instance): InstanceState {
  const { evpn, attachments, number, rdNumber, vniGiven, suffix, description, subnetPrefixLength } = instance
  const { id, vni, devices } = evpn.config
  return {
    id,
    number,
    rdNumber,
    vni,
    vniGiven,
    suffix,
    devices,
    importTargets: [...evpn.importTargets],
    exportTargets: [...evpn.exportTargets],
    gatewayIp: evpn.gatewayIp,
    subnetPrefixLength,
    description,
    attachments: [...attachments].map((one) => ({
      ...one,
      sequence: evpn.mobility.sequenceOf(one.mac),
      description: one.description ?? null,
    })),
  }
}

/** Links, ports and local MAC addresses of an instance. */
function entriesOf({ evpn, attachments }: Instance): FootprintEntry[] {
  return [...evpn.networkEntries(), ...[...attachments].flatMap((one) => evpn.endpointEntries(one))]
}

/** What makes two entries the same thing in the kernel. */
function place(entry: FootprintEntry): string {
  return `${entry.kind} ${entry.device} ${entry.kind === 'local-mac' ? entry.mac : ''}`
}

function labelUse({ evpn }: Instance, { port, mac }: Pick<AttachRequest, 'port' | 'mac'>): string {
  return `Incoming traffic for ${evpn.config.name}, interface ${port}, endpoint ${formatMac(mac)}`
}

function isOurs(alias: string | null): boolean {
  return alias?.startsWith('chanter:') === true
}
