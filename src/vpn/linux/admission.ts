import { INTERFACE_NAME } from '../../api/attachment.ts'
import { RequestError } from '../../api/errors.ts'
import type { Interface, PortSurvey } from '../../dataplane/model.ts'
import { gatewayMac } from '../../ipvpn/irb.ts'
import { formatIp } from '../../values/address.ts'
import { formatMac } from '../../values/mac.ts'
import { shellWord } from '../../values/shell-word.ts'
import type { Drivers, Ranges } from '../config.ts'
import type { Dataplanes } from '../dataplanes.ts'
import type { VpnInstance } from '../instance.ts'
import type { ResolvedRequest } from '../request.ts'
import { type EvpnDevices, inUse } from './evpn-devices.ts'
import { isInterfaceName, isOwnedName } from './names.ts'
import type { Ports } from './ports.ts'
import type { Uplinks } from './uplinks.ts'

/** The survey of a port; its uplinks are for this list. */
interface AdmissionSurvey extends PortSurvey {
  readonly own: Uplinks
}

export interface AdmissionDependencies {
  /** As a live view. */
  readonly instances: ReadonlyMap<string, VpnInstance>
  readonly dataplanes: Dataplanes
  readonly drivers: Drivers
  readonly ports: Pick<Ports, 'holderOf'>
  /** The addresses of the currently configured peers. */
  readonly uplinks: () => Uplinks
  readonly bridges: Pick<EvpnDevices, 'userOf'>
  readonly ranges: Ranges
}

const EXPECTED = 'expected an Ethernet interface with a machine behind it, such as a tap or veth'

/**
 * Decides which interfaces and bridges of this node an attach may name: none that the node itself or another VPN instance depends on, and
 * none that the kernel would refuse. Everything is checked before anything is changed.
 */
export class Admission {
  private readonly instances: ReadonlyMap<string, VpnInstance>
  private readonly dataplanes: Dataplanes
  private readonly drivers: Drivers
  private readonly ports: AdmissionDependencies['ports']
  private readonly uplinks: AdmissionDependencies['uplinks']
  private readonly bridges: AdmissionDependencies['bridges']
  private readonly ranges: Ranges

  constructor({ instances, dataplanes, drivers, ports, uplinks, bridges, ranges }: AdmissionDependencies) {
    this.instances = instances
    this.dataplanes = dataplanes
    this.drivers = drivers
    this.ports = ports
    this.uplinks = uplinks
    this.bridges = bridges
    this.ranges = ranges
  }

  /** The request with the kernel's names of its interfaces, which may have alternative ones (altname). Throws `RequestError`. */
  async admit(request: ResolvedRequest): Promise<ResolvedRequest> {
    const { port: name, mac, type } = request
    if (request.irb !== null) {
      await this.checkVeth(request)
      return request
    }
    if (this.drivers[type] === 'linux') checkLinuxPort(request)
    const linuxBridge = type === 'evpn' ? request.linuxBridge : null
    const bridge = bridgeOf(this.instances.get(request.instanceId))
    const own = this.uplinks()
    const asked = { port: name, mac, bridge, linuxBridge, uplinks: own.all }
    return this.decide(request, { ...(await this.dataplanes.of(type).survey(asked)), own })
  }

  private decide(request: ResolvedRequest, found: AdmissionSurvey): ResolvedRequest {
    const instance = this.instances.get(request.instanceId)
    const { port } = found
    if (port === undefined)
      throw new RequestError('INTERFACE_MISSING', `interface ${request.port} does not exist`)
    const linuxBridge = this.linuxBridge(request, found, instance)
    const bridge = bridgeOf(instance) ?? linuxBridge
    const isNew = instance === undefined || instance.attachments.behind(port.name).length === 0
    const reason = isNew ? this.unfitPort(port, request, bridge, found) : null
    if (reason !== null) throw new RequestError('PORT_UNUSABLE', `local_port: ${port.name} ${reason}`)
    checkMac(request, port, found.macOwner, instance)
    return { ...request, port: port.name, linuxBridge, mayBeStale: found.master?.owned === true }
  }

  private linuxBridge(
    { type, linuxBridge }: ResolvedRequest,
    found: AdmissionSurvey,
    instance: VpnInstance | undefined,
  ): string | null {
    if (linuxBridge === null || type !== 'evpn') return null
    const name = found.linuxBridge?.name ?? linuxBridge
    const reason = this.unfitBridge(name, found, instance)
    if (reason !== null) throw new RequestError('LINUXBR_UNUSABLE', `linuxbr: ${name} ${reason}`)
    return name
  }

  /** Why an instance cannot have the bridge, which may not exist yet; null if it can. */
  private unfitBridge(
    name: string,
    { linuxBridge: bridge, uplinks, own }: AdmissionSurvey,
    instance: VpnInstance | undefined,
  ): string | null {
    if (bridgeOf(instance) === name) return null
    // the dummy driver's interfaces have no kind and no address
    const isBridge = bridge === undefined || (bridge.kind ?? (bridge.mac === null && 'bridge')) === 'bridge'
    if (!isBridge) return `is no bridge but a ${bridge.kind ?? 'plain interface'}`
    const user = this.bridges.userOf(name)
    if (user !== undefined) return inUse(user)
    const holder = instance === undefined ? this.ports.holderOf(name, '') : null
    if (holder !== null) return `is the port of VPN instance ${holder}: detach it there first`
    if (isOwnedName(name, this.ranges.vrfPrefix))
      return "is a name of chanter's own devices: expected another one"
    const use = own.tunnelsNeeding(name, uplinks)
    return use === null ? null : `${use}: expected a bridge that is no part of the underlay`
  }

  /** Why an instance cannot have the interface as a new port of this bridge, or of its own device; null if it can. */
  private unfitPort(
    port: Interface,
    request: ResolvedRequest,
    bridge: string | null,
    found: AdmissionSurvey,
  ): string | null {
    if (port.loopback) return `is a loopback interface: ${EXPECTED}`
    const isForIpVpn = request.type === 'ipvpn' && !isOwnedName(port.name, this.ranges.vrfPrefix)
    if ((port.kind === 'bridge' && !isForIpVpn) || port.kind === 'vrf' || port.kind === 'vxlan')
      return `is a ${port.kind}: ${EXPECTED}`
    if (found.hostAddress !== null)
      return `has an address of this node, ${formatIp(found.hostAddress)}: expected a bridge for VMs alone`
    if (!port.ethernet) return `carries no Ethernet frames: ${EXPECTED}`
    if (port.owned) return `is a device of chanter's own (${port.alias}): ${EXPECTED}`
    const use = found.own.needing(port.name, found.uplinks)
    if (use !== null) return `${use}: ${EXPECTED}`
    return (bridge === null ? null : loop(found, bridge)) ?? this.otherMaster(port, request, bridge, found)
  }

  /** An attach takes nothing from another program; entries of an earlier process are free to take. */
  private otherMaster(
    { name, master }: Interface,
    { instanceId, type, direction }: ResolvedRequest,
    bridge: string | null,
    found: PortSurvey,
  ): string | null {
    if (master === null || master === bridge || isOwnedName(master, this.ranges.vrfPrefix)) return null
    // its ports are only names, and never conflict
    if (this.drivers[type] === 'dummy') return null
    const isHeld = this.ports.holderOf(name, instanceId) !== null
    const stays = type === 'ipvpn' && direction === 'to-port' && isHeld
    if (stays || found.master?.owned) return null
    const or = type === 'evpn' && found.master?.kind === 'bridge' ? `, or name ${master} as linuxbr` : ''
    return `is in ${master} already: take it out (ip link set ${shellWord(name)} nomaster)${or}`
  }

  /** chanter creates the ends of a veth pair itself, and the gateway's address belongs in the bridge at its other end. */
  private async checkVeth({ instanceId, type, port, irb }: ResolvedRequest): Promise<void> {
    if (irb === null || this.instances.get(instanceId)?.attachments.behind(port).length) return
    const ends = [port, irb.device].map(async (name) => {
      const link = await this.dataplanes.of(type).interfaceNamed(name)
      if (link !== undefined && !link.owned)
        throw new RequestError(
          'INTERFACE_EXTERNAL',
          `local_port: interface ${name} exists and is not owned by chanter: delete or rename it`,
        )
    })
    await Promise.all(ends)
    const mac = gatewayMac(instanceId)
    if (this.instances.get(irb.evpn)?.attachments.has(mac))
      throw new RequestError(
        'ENDPOINT_CONFLICT',
        `local_port: an endpoint of ${irb.evpn} has the address ${formatMac(mac)} of gateway ${instanceId}`,
      )
  }
}

function bridgeOf(instance: VpnInstance | undefined): string | null {
  return instance?.type === 'evpn' ? instance.forwarding.bridge : null
}

/** How frames that leave by the port would come back. */
function loop({ lowers, pair }: PortSurvey, bridge: string): string | null {
  if (lowers.includes(bridge)) return `stands on bridge ${bridge}, and cannot be a port of it`
  return pair?.master === bridge ? `leads back into bridge ${bridge} by ${pair.name}` : null
}

/** `owner`: the bridge or port that has the address itself. */
function checkMac(
  { mac }: ResolvedRequest,
  port: Interface,
  owner: string | null,
  instance: VpnInstance | undefined,
): void {
  const own = port.mac === mac ? port.name : owner
  if (own !== null)
    throw new RequestError(
      'MAC_OF_HOST',
      `mac_address: ${formatMac(mac)} is the address of ${own} itself, for which frames go to the host: expected that of the machine behind ${port.name}`,
    )
  if (instance?.type !== 'evpn') return
  const gateway = instance.macVrf.addresses.gateways.find((one) => one.mac === mac)
  if (gateway !== undefined)
    throw new RequestError(
      'ENDPOINT_CONFLICT',
      `mac_address: ${formatMac(mac)} is the address of gateway ${gateway.vrf.id}`,
    )
  if (port.mac !== null && instance.attachments.has(port.mac))
    throw new RequestError(
      'ENDPOINT_CONFLICT',
      `local_port: ${port.name} has itself the address of endpoint ${formatMac(port.mac)}: give it another one`,
    )
}

/** Open vSwitch tells ports apart by VLANs, which the Linux drivers do not use. */
function checkLinuxPort({ port, type, isOvsPort }: ResolvedRequest): void {
  if (isOvsPort)
    throw new RequestError(
      'PORT_UNUSABLE',
      `local_port: "ovs" and "vlan" describe a port of Open vSwitch, and the ${type} driver of this node is linux: expected "linuxif" alone, from a Linux bridge agent`,
    )
  if (!isInterfaceName(port))
    throw new RequestError(
      'PARAMETER_INVALID',
      `local_port: ${JSON.stringify(port)} is no interface: expected ${INTERFACE_NAME}`,
    )
}
