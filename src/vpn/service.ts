import type { Logger } from 'pino'
import type { Speaker } from '../bgp/speaker.ts'
import { ipv4Rd } from '../bgp/values/rd.ts'
import type { Dataplane, Entry } from '../dataplane/model.ts'
import { EvpnInstance } from '../evpn/instance.ts'
import type { Devices } from '../evpn/project.ts'
import type { Ip } from '../values/address.ts'
import { formatMac } from '../values/mac.ts'
import { Attachments, type Plan } from './attachments.ts'
import { labels, rdNumbers, vnis } from './identifiers.ts'
import { bridgeName, nameSuffix, vxlanName } from './names.ts'
import { type AttachRequest, type DetachRequest, Failed, Rejected } from './request.ts'
import { Serial } from './serial.ts'

export interface VpnConfig {
  readonly bgpAddress: Ip
  /** IPv4, for route distinguishers. */
  readonly identifier: Ip
  /** Our VTEP address. */
  readonly vtep: Ip
  readonly vxlanPort: number
}

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
  private lastNumber = 0

  constructor(config: VpnConfig, speaker: Speaker, dataplane: Dataplane, log: Logger) {
    this.config = config
    this.speaker = speaker
    this.dataplane = dataplane
    this.log = log
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
      const plan = await this.settle(instance, request)
      this.instances.set(request.instanceId, instance)
      this.commit(instance, request, plan)
    } catch (error) {
      for (const entry of instance.evpn.networkEntries()) this.dataplane.unwant(entry)
      this.free(instance)
      throw error
    }
  }

  private async attachNext(instance: Instance, request: AttachRequest): Promise<void> {
    const { vni } = instance.evpn.config
    if (request.vni !== null && request.vni !== vni) {
      this.log.warn(
        { instance: request.instanceId, vni, asked: request.vni },
        'VNI of an existing instance stays',
      )
    }
    this.checkInterfaces(request)
    this.commit(instance, request, await this.settle(instance, request))
  }

  /** Puts the network and the endpoint into the kernel; on failure nothing is left of a new endpoint. */
  private async settle(instance: Instance, request: AttachRequest): Promise<Plan | null> {
    const { attachments, evpn } = instance
    const plan = attachments.plan(request, () => this.takeLabel(instance, request))
    if (plan === null) return null
    const entries = [...evpn.networkEntries(), ...this.claimPort(instance, plan)]
    for (const entry of entries) this.dataplane.want(entry)
    const [failure] = await this.dataplane.settled(entries)
    if (failure === undefined) return plan
    if (plan.isNewMac) {
      this.labels.release(plan.add.label)
      this.dropEntries(instance, plan.add)
    }
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
    if (bridge === undefined) throw new Rejected(`linuxbr: bridge ${linuxBridge} does not exist`)
    if (bridge.kind !== null && bridge.kind !== 'bridge')
      throw new Rejected(`linuxbr: ${linuxBridge} is no bridge but a ${bridge.kind}`)
  }

  private create(request: AttachRequest): Instance {
    const { instanceId } = request
    const vni = this.takeVni(request)
    const rdNumber = this.rds.take(instanceId)
    if (rdNumber === undefined) {
      this.vnis.release(vni)
      throw new Failed('all route distinguishers are taken')
    }
    const suffix = nameSuffix(instanceId, (candidate) => this.suffixes.has(candidate))
    this.suffixes.add(suffix)
    const number = ++this.lastNumber
    const { bgpAddress, identifier, vtep, vxlanPort } = this.config
    const evpn = new EvpnInstance(
      {
        id: instanceId,
        name: `EVI-${number}`,
        rd: ipv4Rd(identifier, rdNumber),
        vni,
        devices: this.devices(request.linuxBridge, suffix, vni),
        alias: `chanter:${instanceId}`,
        bgpAddress,
        vtep,
        vxlanPort,
      },
      this.speaker,
      this.dataplane,
    )
    return {
      number,
      evpn,
      attachments: new Attachments(),
      vniGiven: request.vni !== null,
      rdNumber,
      suffix,
      description: null,
      subnetPrefixLength: request.ip?.prefixLength ?? null,
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

  private takeLabel(instance: Instance, { port, mac }: AttachRequest): number {
    const label = this.labels.take(
      `Incoming traffic for ${instance.evpn.config.name}, interface ${port}, endpoint ${formatMac(mac)}`,
    )
    if (label === undefined) throw new Failed('all MPLS labels are taken')
    return label
  }

  /** The endpoint's entries; a port in a bridge of ours belongs to one instance. */
  private claimPort(instance: Instance, { add }: Plan): Entry[] {
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
    for (const entry of evpn.endpointEntries(attachment)) {
      if (entry.kind !== 'port' || !shared) this.dataplane.unwant(entry)
    }
    if (!shared && this.ports.get(attachment.port) === evpn.config.id) this.ports.delete(attachment.port)
  }

  private end(instance: Instance): void {
    const { evpn } = instance
    evpn.stop()
    for (const entry of evpn.networkEntries()) this.dataplane.unwant(entry)
    this.instances.delete(evpn.config.id)
    this.free(instance)
  }

  private free({ evpn, rdNumber, suffix }: Instance): void {
    this.vnis.release(evpn.config.vni)
    this.rds.release(rdNumber)
    this.suffixes.delete(suffix)
  }
}

function isOurs(alias: string | null): boolean {
  return alias?.startsWith('chanter:') === true
}
