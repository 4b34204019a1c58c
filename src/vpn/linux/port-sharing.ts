import { RequestError } from '../../api/errors.ts'
import type { EventSink } from '../../events/event.ts'
import { formatIp } from '../../values/address.ts'
import { formatMac } from '../../values/mac.ts'
import type { Drivers } from '../config.ts'
import type { EvpnVpnInstance, VpnInstance } from '../instance.ts'
import type { AttachRequest, ResolvedRequest } from '../request.ts'
import type { Ports } from './ports.ts'

/**
 * The Linux bridge agent of networking-bagpipe derives the EVPN instance of a port association from the id of its IP VPN; where that does not
 * exist, the instance that has the port is used.
 */
const OF_PORT_ASSOCIATION = 'evpn_portassoc_'

export interface PortSharingDependencies {
  /** As a live view. */
  readonly instances: ReadonlyMap<string, VpnInstance>
  readonly ports: Pick<Ports, 'holderOf'>
  readonly drivers: Drivers
  readonly events: EventSink
}

/** Decides how to attach a port that another instance has already: agents attach one to several, but Linux has one master. */
export class PortSharing {
  private readonly instances: ReadonlyMap<string, VpnInstance>
  private readonly ports: PortSharingDependencies['ports']
  private readonly drivers: Drivers
  private readonly events: EventSink

  constructor({ instances, ports, drivers, events }: PortSharingDependencies) {
    this.instances = instances
    this.ports = ports
    this.drivers = drivers
    this.events = events
  }

  /** A port in the bridge of an EVPN instance cannot be in a VRF as well, nor can the bridge: the VRF gets an IRB into the instance instead. */
  joined(request: AttachRequest): AttachRequest {
    const { type, port, mac, isOvsPort } = request
    if (type !== 'ipvpn') return request
    if (typeof port !== 'string')
      return port.evpn.startsWith(OF_PORT_ASSOCIATION) && !this.instances.has(port.evpn)
        ? this.withIrbInto(request, ({ attachments }) => attachments.has(mac))
        : request
    if (isOvsPort) return request
    const areLinux = this.drivers.evpn === 'linux' && this.drivers.ipvpn === 'linux'
    return this.withIrbInto(
      request,
      ({ attachments, forwarding }) =>
        forwarding.bridge === port || (areLinux && attachments.behind(port).length > 0),
    )
  }

  private withIrbInto(
    request: AttachRequest,
    isMeant: (instance: EvpnVpnInstance) => boolean,
  ): AttachRequest {
    const instance = [...this.instances.values()].find((one) => one.type === 'evpn' && isMeant(one))
    return instance === undefined ? request : { ...request, port: { evpn: instance.routing.config.id } }
  }

  /** A port can be in one VRF: its packets go there, and it receives from all VRFs that it is attached to. */
  confined(request: ResolvedRequest): ResolvedRequest {
    const { instanceId, type, port, irb, direction, mac, ip } = request
    this.checkNeighbour(request)
    if (type !== 'ipvpn' || irb !== null || direction !== 'both') return request
    const holder = this.instances.get(this.ports.holderOf(port, instanceId) ?? '')
    if (holder?.type !== 'ipvpn') return request
    const isKnown = this.instances.get(instanceId)?.attachments.get(mac, ip?.ip ?? null) !== undefined
    if (!isKnown)
      this.events.emit({ type: 'port-shared', instance: instanceId, port, holder: holder.routing.config.id })
    return { ...request, direction: 'to-port', confined: true }
  }

  /** Linux has one MAC address for an IP address on an interface: of two instances, one would send to the machine of the other. Throws `RequestError`. */
  private checkNeighbour({ instanceId, type, port, mac, ip }: ResolvedRequest): void {
    if (type !== 'ipvpn' || ip === null || this.drivers.ipvpn !== 'linux') return
    for (const [id, other] of this.instances) {
      if (id === instanceId || other.type !== 'ipvpn') continue
      const owner = other.attachments.behind(port).find((one) => one.ip === ip.ip && one.mac !== mac)
      if (owner !== undefined)
        throw new RequestError(
          'ENDPOINT_CONFLICT',
          `ip_address: ${formatIp(ip.ip)} on interface ${port} is that of MAC address ${formatMac(owner.mac)} in VPN instance ${id}: an interface has one MAC address for it, not ${formatMac(mac)} as well`,
        )
    }
  }
}
