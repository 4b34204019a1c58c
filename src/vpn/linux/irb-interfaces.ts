import { RequestError } from '../../api/errors.ts'
import type { Entry } from '../../dataplane/model.ts'
import { gatewayMac } from '../../ipvpn/irb.ts'
import { ensure } from '../../values/map.ts'
import type { Attachment } from '../attachments.ts'
import { endpointEntries, type VpnInstance } from '../instance.ts'
import type { AttachRequest, ResolvedRequest } from '../request.ts'
import { vethNames } from './names.ts'

/**
 * The veth pairs between VRFs and the bridges of EVPN instances: one for each VRF and instance, from the first to the last endpoint of the VRF
 * behind it. When its EVPN instance is gone, it stays in its VRF, and enters the bridge of the next instance of that id.
 */
export class IrbInterfaces {
  private readonly instances: ReadonlyMap<string, VpnInstance>
  private readonly connects: boolean
  /** The VRFs with an IRB into an EVPN instance, present or former. */
  private readonly vrfs = new Map<string, Set<string>>()

  /** `connects`: an IP VPN and an EVPN instance can be joined, since they share a dataplane. */
  constructor(instances: ReadonlyMap<string, VpnInstance>, connects: boolean) {
    this.instances = instances
    this.connects = connects
  }

  /** The request with the name of its port. Throws `RequestError`. */
  resolvePort(request: AttachRequest): ResolvedRequest {
    const { port, type, instanceId } = request
    // of a veth pair only the kernel knows
    const own = { ...request, mayBeStale: true, confined: false }
    if (typeof port === 'string') return { ...own, port, irb: null }
    const { evpn } = port
    if (type !== 'ipvpn')
      throw new RequestError(
        'PARAMETER_INVALID',
        `local_port: only an ipvpn can be joined to EVPN instance ${evpn}`,
      )
    const joined = [...(this.instances.get(instanceId)?.attachments ?? [])].filter(
      ({ irb }) => irb?.evpn === evpn,
    )
    const ip = request.ip?.ip ?? null
    if (!joined.some((one) => one.mac === request.mac && one.ip === ip)) this.checkTarget(evpn)
    const [present] = joined
    if (present !== undefined) return { ...own, port: present.port, irb: present.irb }
    const { vrfEnd, bridgeEnd } = vethNames(instanceId, evpn, (name) => this.isTaken(name))
    return { ...own, port: vrfEnd, irb: { evpn, device: bridgeEnd } }
  }

  /** The entries of an endpoint, including those in the bridge of its IRB. */
  endpointEntries(instance: VpnInstance, endpoint: Attachment): Entry[] {
    const own = endpointEntries(instance, endpoint)
    const { irb } = endpoint
    const target = irb === null ? undefined : this.instances.get(irb.evpn)
    if (irb === null || target?.type !== 'evpn' || !this.connects) return own
    return [
      ...own,
      ...target.forwarding.gatewayEntries({
        port: irb.device,
        mac: gatewayMac(instance.routing.config.id),
      }),
    ]
  }

  /** A VRF has one endpoint more or less in the bridge of an EVPN instance. */
  changed(vrf: string, evpn: string): void {
    ensure(this.vrfs, evpn, () => new Set()).add(vrf)
    this.connect(evpn)
  }

  /** Sets the VRFs with an IRB into an EVPN instance, if the instance exists. */
  connect(id: string): void {
    if (!this.connects) return
    const gateways = [...(this.vrfs.get(id) ?? [])].flatMap((vrf) => {
      const other = this.instances.get(vrf)
      const gateway = other?.type === 'ipvpn' ? other.vrf.gatewayIn(id) : null
      if (gateway === null) this.vrfs.get(id)?.delete(vrf)
      return gateway ?? []
    })
    if (this.vrfs.get(id)?.size === 0) this.vrfs.delete(id)
    const target = this.instances.get(id)
    if (target?.type === 'evpn') target.macVrf.setGateways(gateways)
  }

  private checkTarget(evpn: string): void {
    const target = this.instances.get(evpn)
    if (target?.type === 'evpn') return
    const found = target === undefined ? 'there is none of that id' : 'that is an ipvpn'
    throw new RequestError(
      'INSTANCE_UNKNOWN',
      `local_port: evpn.id is ${JSON.stringify(evpn)}: expected the id of an EVPN instance with endpoints here; ${found}`,
    )
  }

  private isTaken(vrfEnd: string): boolean {
    return [...this.instances.values()].some(({ attachments }) => attachments.behind(vrfEnd).length > 0)
  }
}
