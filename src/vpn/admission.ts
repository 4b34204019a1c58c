import type { Dataplane, Interface } from '../dataplane/model.ts'
import { gatewayMac } from '../ipvpn/plug.ts'
import { isNestedWithin } from '../values/json.ts'
import { formatMac } from '../values/mac.ts'
import type { Dataplanes } from './dataplanes.ts'
import type { Instance } from './instance.ts'
import type { Drivers, Ranges } from './instances.ts'
import { INTERFACE_NAME, isInterfaceName, isOurDevice } from './names.ts'
import type { Needs } from './needs.ts'
import { inUse, type NetworkDevices } from './network-devices.ts'
import { type PlacedRequest, Rejected } from './request.ts'
import type { Uplinks } from './uplinks.ts'

export interface AdmissionParts {
  /** As a live view. */
  readonly instances: ReadonlyMap<string, Instance>
  readonly dataplanes: Dataplanes
  readonly drivers: Drivers
  readonly needs: Needs
  readonly uplinks: Uplinks
  readonly bridges: Pick<NetworkDevices, 'userOf'>
  readonly ranges: Ranges
}

/** What is nested deeper is for no people to read, and without a bound some of it can be read but not be written again. */
const MAX_NESTING = 100
const EXPECTED = 'expected an Ethernet interface with a machine behind it, such as a tap or veth'

/**
 * Decides what of this machine an attach may name: nothing that the machine itself or another VPN instance depends on, and
 * nothing that the kernel would refuse. Everything is asked before anything is changed.
 */
export class Admission {
  private readonly instances: ReadonlyMap<string, Instance>
  private readonly dataplanes: Dataplanes
  private readonly drivers: Drivers
  private readonly needs: Needs
  private readonly uplinks: Uplinks
  private readonly bridges: AdmissionParts['bridges']
  private readonly ranges: Ranges

  constructor({ instances, dataplanes, drivers, needs, uplinks, bridges, ranges }: AdmissionParts) {
    this.instances = instances
    this.dataplanes = dataplanes
    this.drivers = drivers
    this.needs = needs
    this.uplinks = uplinks
    this.bridges = bridges
    this.ranges = ranges
  }

  /** The request with the kernel's names of what it names, which may have others (altname). Throws `Rejected`. */
  async admit(request: PlacedRequest): Promise<PlacedRequest> {
    checkDescriptions(request)
    const instance = this.instances.get(request.instanceId)
    if (request.plug !== null) {
      await this.checkCable(request, instance)
      return request
    }
    if (this.drivers[request.type] === 'linux') checkLinuxPort(request)
    const port = await this.dataplanes.of(request.type).interfaceNamed(request.port)
    if (port === undefined) throw new Rejected(`interface ${request.port} does not exist`)
    const linuxBridge = await this.linuxBridge(request, instance)
    const bridge = instance?.type === 'evpn' ? instance.evpn.config.devices.bridge : linuxBridge
    const isNew = instance === undefined || instance.attachments.behind(port.name).length === 0
    const reason = isNew ? await this.unfitPort(port, request, bridge) : null
    if (reason !== null) throw new Rejected(`local_port: ${port.name} ${reason}`)
    await this.checkMac(request, port, bridge, instance)
    return { ...request, port: port.name, linuxBridge }
  }

  private async linuxBridge(
    { type, linuxBridge }: PlacedRequest,
    instance: Instance | undefined,
  ): Promise<string | null> {
    if (linuxBridge === null || type !== 'evpn') return null
    const bridge = await this.dataplanes.of(type).interfaceNamed(linuxBridge)
    const name = bridge?.name ?? linuxBridge
    const reason = await this.unfitBridge(name, bridge, instance)
    if (reason !== null) throw new Rejected(`linuxbr: ${name} ${reason}`)
    return name
  }

  /** Why an instance cannot have the bridge, which may not be there yet; null if it can. */
  private async unfitBridge(
    name: string,
    bridge: Interface | undefined,
    instance: Instance | undefined,
  ): Promise<string | null> {
    if (instance?.type === 'evpn' && instance.evpn.config.devices.bridge === name) return null
    // the dummy driver's interfaces are of no kind, and have no address
    const isBridge = bridge === undefined || (bridge.kind ?? (bridge.mac === null && 'bridge')) === 'bridge'
    if (!isBridge) return `is no bridge but a ${bridge.kind ?? 'plain interface'}`
    const user = this.bridges.userOf(name)
    if (user !== undefined) return inUse(user)
    if (isOurDevice(name, this.ranges.vrfPrefix))
      return "is a name of chanter's own devices: expected another one"
    const use = await this.uplinks.tunnelsNeeding(name)
    return use === null ? null : `${use}: expected a bridge that is no part of the underlay`
  }

  /** Why an instance cannot have the interface as a new port of this bridge, or of its own device; null if it can. */
  private async unfitPort(
    port: Interface,
    request: PlacedRequest,
    bridge: string | null,
  ): Promise<string | null> {
    if (port.loopback) return `is a loopback interface: ${EXPECTED}`
    if (port.kind === 'bridge' || port.kind === 'vrf' || port.kind === 'vxlan')
      return `is a ${port.kind}: ${EXPECTED}`
    if (!port.ethernet) return `carries no Ethernet frames: ${EXPECTED}`
    if (port.owned) return `is a device of chanter's own (${port.alias}): ${EXPECTED}`
    const use = await this.uplinks.needing(port.name)
    if (use !== null) return `${use}: ${EXPECTED}`
    const dataplane = this.dataplanes.of(request.type)
    const loop = bridge === null ? null : await loopOf(port, bridge, dataplane)
    return loop ?? this.otherMaster(port, request, bridge)
  }

  /** Nothing is taken away from others; what a predecessor had is. */
  private async otherMaster(
    { name, master }: Interface,
    { instanceId, type, direction }: PlacedRequest,
    bridge: string | null,
  ): Promise<string | null> {
    if (master === null || master === bridge || isOurDevice(master, this.ranges.vrfPrefix)) return null
    const stays =
      type === 'ipvpn' && direction === 'to-port' && this.needs.holderOf(name, instanceId) !== null
    const link = await this.dataplanes.of(type).interfaceNamed(master)
    if (stays || link?.owned) return null
    const or = type === 'evpn' && link?.kind === 'bridge' ? `, or name ${master} as linuxbr` : ''
    return `is in ${master} already: take it out (ip link set ${name} nomaster)${or}`
  }

  private async checkMac(
    { mac, type }: PlacedRequest,
    port: Interface,
    bridge: string | null,
    instance: Instance | undefined,
  ): Promise<void> {
    const dataplane = this.dataplanes.of(type)
    const own = port.mac === mac ? port.name : bridge && (await dataplane.ownAddressIn(bridge, mac))
    if (own !== null)
      throw new Rejected(
        `mac_address: ${formatMac(mac)} is the address of ${own} itself, for which frames go to the host: expected that of the machine behind ${port.name}`,
      )
    if (instance?.type !== 'evpn') return
    const gateway = instance.evpn.addresses.gateways.find((one) => one.mac === mac)
    if (gateway !== undefined)
      throw new Rejected(`mac_address: ${formatMac(mac)} is the address of gateway ${gateway.vrf.id}`)
    if (port.mac !== null && instance.attachments.has(port.mac))
      throw new Rejected(
        `local_port: ${port.name} has itself the address of endpoint ${formatMac(port.mac)}: give it another one`,
      )
  }

  /** The ends of a cable are ours to make, and the gateway's address is in the bridge that it leads to. */
  private async checkCable(
    { instanceId, type, port, plug }: PlacedRequest,
    instance: Instance | undefined,
  ): Promise<void> {
    if (plug === null || instance?.attachments.behind(port).length) return
    for (const name of [port, plug.device]) {
      const link = await this.dataplanes.of(type).interfaceNamed(name)
      if (link !== undefined && !link.owned)
        throw new Rejected(`local_port: interface ${name} exists and is not chanter's: delete or rename it`)
    }
    const mac = gatewayMac(instanceId)
    if (this.instances.get(plug.evpn)?.attachments.has(mac))
      throw new Rejected(
        `local_port: an endpoint of ${plug.evpn} has the address ${formatMac(mac)} of gateway ${instanceId}`,
      )
  }
}

/** How frames would come back that go out by the port. */
async function loopOf(port: Interface, bridge: string, dataplane: Dataplane): Promise<string | null> {
  for (let { lower } = port; lower !== null; ) {
    if (lower === bridge) return `stands on bridge ${bridge}, and cannot be a port of it`
    lower = (await dataplane.interfaceNamed(lower))?.lower ?? null
  }
  const pair = port.pair === null ? undefined : await dataplane.interfaceNamed(port.pair)
  return pair?.master === bridge ? `leads back into bridge ${bridge} by ${pair.name}` : null
}

/** Ports of Open vSwitch are told apart by VLANs, which the Linux drivers know nothing of. */
function checkLinuxPort({ port, type, isOvsPort }: PlacedRequest): void {
  if (isOvsPort)
    throw new Rejected(
      `local_port: "ovs" and "vlan" describe a port of Open vSwitch, and the ${type} driver of this node is linux: expected "linuxif" alone, from a Linux bridge agent`,
    )
  if (!isInterfaceName(port))
    throw new Rejected(`local_port: ${JSON.stringify(port)} is no interface: expected ${INTERFACE_NAME}`)
}

function checkDescriptions({ description, instanceDescription }: PlacedRequest): void {
  for (const [parameter, value] of Object.entries({ description, instance_description: instanceDescription }))
    if (!isNestedWithin(value, MAX_NESTING))
      throw new Rejected(`${parameter}: it is nested more than ${MAX_NESTING} times`)
}
