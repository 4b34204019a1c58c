import type { Dataplane, Interface } from '../dataplane/model.ts'
import { gatewayMac } from '../ipvpn/irb.ts'
import { isNestedWithin } from '../values/json.ts'
import { formatMac } from '../values/mac.ts'
import { type EvpnDevices, inUse } from './evpn-devices.ts'
import type { VpnInstance } from './instance.ts'
import type { Ranges } from './instances.ts'
import { isOwnedName } from './names.ts'
import type { Needs } from './needs.ts'
import { Rejected, type ResolvedRequest } from './request.ts'
import type { Uplinks } from './uplinks.ts'

export interface AdmissionDependencies {
  /** As a live view. */
  readonly instances: ReadonlyMap<string, VpnInstance>
  readonly dataplane: Dataplane
  readonly needs: Needs
  readonly uplinks: Uplinks
  readonly bridges: Pick<EvpnDevices, 'userOf'>
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
  private readonly instances: ReadonlyMap<string, VpnInstance>
  private readonly dataplane: Dataplane
  private readonly needs: Needs
  private readonly uplinks: Uplinks
  private readonly bridges: AdmissionDependencies['bridges']
  private readonly ranges: Ranges

  constructor({ instances, dataplane, needs, uplinks, bridges, ranges }: AdmissionDependencies) {
    this.instances = instances
    this.dataplane = dataplane
    this.needs = needs
    this.uplinks = uplinks
    this.bridges = bridges
    this.ranges = ranges
  }

  /** The request with the kernel's names of what it names, which may have others (altname). Throws `Rejected`. */
  async admit(request: ResolvedRequest): Promise<ResolvedRequest> {
    checkDescriptions(request)
    const instance = this.instances.get(request.instanceId)
    if (request.plug !== null) {
      await this.checkVeth(request, instance)
      return request
    }
    const port = await this.dataplane.interfaceNamed(request.port)
    if (port === undefined) throw new Rejected(`interface ${request.port} does not exist`)
    const linuxBridge = await this.linuxBridge(request, instance)
    const bridge = instance?.type === 'evpn' ? instance.macVrf.config.devices.bridge : linuxBridge
    const isNew = instance === undefined || instance.attachments.behind(port.name).length === 0
    const reason = isNew ? await this.unfitPort(port, request, bridge) : null
    if (reason !== null) throw new Rejected(`local_port: ${port.name} ${reason}`)
    await this.checkMac(request, port, bridge, instance)
    return { ...request, port: port.name, linuxBridge }
  }

  private async linuxBridge(
    { type, linuxBridge }: ResolvedRequest,
    instance: VpnInstance | undefined,
  ): Promise<string | null> {
    if (linuxBridge === null || type !== 'evpn') return null
    const bridge = await this.dataplane.interfaceNamed(linuxBridge)
    const name = bridge?.name ?? linuxBridge
    const reason = await this.unfitBridge(name, bridge, instance)
    if (reason !== null) throw new Rejected(`linuxbr: ${name} ${reason}`)
    return name
  }

  /** Why an instance cannot have the bridge, which may not be there yet; null if it can. */
  private async unfitBridge(
    name: string,
    bridge: Interface | undefined,
    instance: VpnInstance | undefined,
  ): Promise<string | null> {
    if (instance?.type === 'evpn' && instance.macVrf.config.devices.bridge === name) return null
    // the dummy driver's interfaces are of no kind, and have no address
    const isBridge = bridge === undefined || (bridge.kind ?? (bridge.mac === null && 'bridge')) === 'bridge'
    if (!isBridge) return `is no bridge but a ${bridge.kind ?? 'plain interface'}`
    const user = this.bridges.userOf(name)
    if (user !== undefined) return inUse(user)
    if (isOwnedName(name, this.ranges.vrfPrefix))
      return "is a name of chanter's own devices: expected another one"
    const use = await this.uplinks.tunnelsNeeding(name)
    return use === null ? null : `${use}: expected a bridge that is no part of the underlay`
  }

  /** Why an instance cannot have the interface as a new port of this bridge, or of its own device; null if it can. */
  private async unfitPort(
    port: Interface,
    request: ResolvedRequest,
    bridge: string | null,
  ): Promise<string | null> {
    if (port.loopback) return `is a loopback interface: ${EXPECTED}`
    if (port.kind === 'bridge' || port.kind === 'vrf' || port.kind === 'vxlan')
      return `is a ${port.kind}: ${EXPECTED}`
    if (!port.ethernet) return `carries no Ethernet frames: ${EXPECTED}`
    if (port.owned) return `is a device of chanter's own (${port.alias}): ${EXPECTED}`
    const use = await this.uplinks.needing(port.name)
    if (use !== null) return `${use}: ${EXPECTED}`
    return (bridge === null ? null : await this.loop(port, bridge)) ?? this.otherMaster(port, request, bridge)
  }

  /** How frames would come back that go out by the port. */
  private async loop(port: Interface, bridge: string): Promise<string | null> {
    for (let { lower } = port; lower !== null; ) {
      if (lower === bridge) return `stands on bridge ${bridge}, and cannot be a port of it`
      lower = (await this.dataplane.interfaceNamed(lower))?.lower ?? null
    }
    const pair = port.pair === null ? undefined : await this.dataplane.interfaceNamed(port.pair)
    return pair?.master === bridge ? `leads back into bridge ${bridge} by ${pair.name}` : null
  }

  /** Nothing is taken away from others; what a predecessor had is. */
  private async otherMaster(
    { name, master }: Interface,
    { instanceId, type, direction }: ResolvedRequest,
    bridge: string | null,
  ): Promise<string | null> {
    if (master === null || master === bridge || isOwnedName(master, this.ranges.vrfPrefix)) return null
    const stays = type === 'ipvpn' && direction === 'to-port' && this.needs.isPortHeld(name, instanceId)
    const link = await this.dataplane.interfaceNamed(master)
    if (stays || link?.owned) return null
    const or = type === 'evpn' && link?.kind === 'bridge' ? `, or name ${master} as linuxbr` : ''
    return `is in ${master} already: take it out (ip link set ${name} nomaster)${or}`
  }

  private async checkMac(
    { mac }: ResolvedRequest,
    port: Interface,
    bridge: string | null,
    instance: VpnInstance | undefined,
  ): Promise<void> {
    const own = port.mac === mac ? port.name : bridge && (await this.dataplane.ownAddressIn(bridge, mac))
    if (own !== null)
      throw new Rejected(
        `mac_address: ${formatMac(mac)} is the address of ${own} itself, for which frames go to the host: expected that of the machine behind ${port.name}`,
      )
    if (instance?.type !== 'evpn') return
    const gateway = instance.macVrf.addresses.gateways.find((one) => one.mac === mac)
    if (gateway !== undefined)
      throw new Rejected(`mac_address: ${formatMac(mac)} is the address of gateway ${gateway.vrf.id}`)
    if (port.mac !== null && instance.attachments.has(port.mac))
      throw new Rejected(
        `local_port: ${port.name} has itself the address of endpoint ${formatMac(port.mac)}: give it another one`,
      )
  }

  /** The ends of a veth pair are ours to make, and the gateway's address is in the bridge that it leads to. */
  private async checkVeth(
    { instanceId, port, plug }: ResolvedRequest,
    instance: VpnInstance | undefined,
  ): Promise<void> {
    if (plug === null || instance?.attachments.behind(port).length) return
    for (const name of [port, plug.device]) {
      const link = await this.dataplane.interfaceNamed(name)
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

function checkDescriptions({ description, instanceDescription }: ResolvedRequest): void {
  for (const [parameter, value] of Object.entries({ description, instance_description: instanceDescription }))
    if (!isNestedWithin(value, MAX_NESTING))
      throw new Rejected(`${parameter}: it is nested more than ${MAX_NESTING} times`)
}
