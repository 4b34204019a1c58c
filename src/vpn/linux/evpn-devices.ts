import { RequestError } from '../../api/errors.ts'
import type { Dataplane, Interface } from '../../dataplane/model.ts'
import { formatIp, isIpv4 } from '../../values/address.ts'
import type { MacVrfDevices, VxlanOptions } from './mac-vrf.ts'
import { aliasOf, bagpipeVxlanName, bridgeName, nameSuffix, vxlanName } from './names.ts'

type Vtep = Pick<VxlanOptions, 'vxlanPort' | 'vtep'>

interface ChosenDevices {
  readonly devices: MacVrfDevices
  /** Whether some of them were there before. */
  readonly mayBeStale: boolean
}

/** The bridges and VXLAN devices of EVPN instances: each has a bridge of its own. */
export class EvpnDevices {
  private readonly dataplane: Dataplane
  private readonly vtep: Vtep
  /** The instance that has a bridge or VXLAN device, or that its name is kept for. */
  private readonly users = new Map<string, string>()
  private readonly suffixes = new Set<string>()

  constructor(dataplane: Dataplane, vtep: Vtep) {
    this.dataplane = dataplane
    this.vtep = vtep
  }

  /** Takes the distinguishing part of the names of an instance's devices. */
  takeSuffix(id: string): string {
    const suffix = nameSuffix(id, (candidate) => this.isSuffixTaken(candidate))
    this.suffixes.add(suffix)
    this.users.set(vxlanName(suffix), id)
    return suffix
  }

  releaseSuffix(suffix: string, id: string): void {
    this.suffixes.delete(suffix)
    this.forget(vxlanName(suffix), id)
  }

  /**
   * The devices of a new instance: the VXLAN device of its VNI that is in the agent's bridge, or those that bagpipe-bgp left, where there
   * are any, renamed if the kernel can. Throws `RequestError` for a conflicting external device.
   */
  async choose(
    id: string,
    { linuxBridge, suffix, vni }: { linuxBridge: string | null; suffix: string; vni: number },
  ): Promise<ChosenDevices> {
    const [found, other, ...links] = await Promise.all([
      linuxBridge === null ? undefined : this.dataplane.vxlanIn(linuxBridge, vni),
      this.bagpipeVxlan(id, suffix),
      ...[vxlanName(suffix), bridgeName(suffix)].map((name) => this.dataplane.interfaceNamed(name)),
    ])
    const named = this.leftFor(id, [links[0], other])
    const externalVxlan = found !== undefined && !found.owned
    const reason = externalVxlan ? unusable(found, this.vtep) : null
    if (reason !== null)
      throw new RequestError(
        'LINUXBR_UNUSABLE',
        `linuxbr: VXLAN device ${found?.name} of VNI ${vni} in ${linuxBridge} cannot be used: ${reason}. Change it, or delete it for chanter to make one`,
      )
    const left = [found, named?.vni === vni ? named : undefined].find(
      (link) => link && !this.isOthers(link.name, id),
    )
    const leftBridge = linuxBridge === null ? await this.bridgeLeftWith(left, id) : undefined
    const bridge = linuxBridge ?? (await this.adopted(leftBridge, bridgeName(suffix)))
    const vxlan = await this.adopted(left, vxlanName(suffix))
    const own = [...(linuxBridge === null ? [bridge] : []), ...(externalVxlan ? [] : [vxlan])]
    for (const link of links) if (link !== undefined && own.includes(link.name)) checkFree(link)
    const mayBeStale = linuxBridge !== null || left !== undefined || links.some((link) => link?.owned)
    const devices = { bridge, externalBridge: linuxBridge !== null, vxlan, externalVxlan }
    return { devices, mayBeStale }
  }

  /** The VNI of the VXLAN device that an earlier process left for an instance; null where there is none. */
  async vniLeftFor(id: string): Promise<number | null> {
    const suffix = nameSuffix(id, (candidate) => this.isSuffixTaken(candidate))
    const own = this.dataplane.interfaceNamed(vxlanName(suffix))
    return this.leftFor(id, await Promise.all([own, this.bagpipeVxlan(id, suffix)]))?.vni ?? null
  }

  /** Whether a VXLAN device of the node has the VNI. */
  isVniTaken(vni: number): boolean | Promise<boolean> {
    return this.dataplane.isVniTaken(vni, this.vtep.vxlanPort)
  }

  /** The instance that has the bridge, claimed before its first endpoint exists. */
  userOf(bridge: string): string | undefined {
    return this.users.get(bridge)
  }

  /** Throws `RequestError` where another instance has one of them. */
  claim({ bridge, vxlan }: MacVrfDevices, instance: string): void {
    const user = this.users.get(bridge)
    if (user !== undefined && user !== instance)
      throw new RequestError('LINUXBR_UNUSABLE', `linuxbr: ${bridge} ${inUse(user)}`)
    if (this.isOthers(vxlan, instance))
      throw new RequestError(
        'LINUXBR_UNUSABLE',
        `linuxbr: VXLAN device ${vxlan} in ${bridge} is now that of VPN instance ${this.users.get(vxlan)}: try again`,
      )
    this.users.set(bridge, instance)
    this.users.set(vxlan, instance)
  }

  /** As `claim`, for an instance of an earlier daemon, of which two may share a bridge. */
  reclaim({ bridge, vxlan }: MacVrfDevices, suffix: string, instance: string): void {
    this.suffixes.add(suffix)
    for (const name of [bridge, vxlan]) if (!this.users.has(name)) this.users.set(name, instance)
  }

  release({ bridge, vxlan }: MacVrfDevices, suffix: string, instance: string): void {
    this.releaseSuffix(suffix, instance)
    for (const name of [bridge, vxlan]) this.forget(name, instance)
  }

  private forget(name: string, instance: string): void {
    if (this.users.get(name) === instance) this.users.delete(name)
  }

  private isSuffixTaken(suffix: string): boolean {
    const names = [bridgeName(suffix), vxlanName(suffix)]
    return this.suffixes.has(suffix) || names.some((name) => this.users.has(name))
  }

  private isOthers(name: string, instance: string): boolean {
    return (this.users.get(name) ?? instance) !== instance
  }

  /** The interface with the name that bagpipe-bgp gives the instance's VXLAN device, where chanter gives it another. */
  private async bagpipeVxlan(id: string, suffix: string): Promise<Interface | undefined> {
    const name = bagpipeVxlanName(id)
    return name === vxlanName(suffix) ? undefined : this.dataplane.interfaceNamed(name)
  }

  /** The VXLAN device that an earlier process made for the instance. */
  private leftFor(id: string, links: readonly (Interface | undefined)[]): Interface | undefined {
    return links.find(
      (link) => link?.kind === 'vxlan' && link.port === this.vtep.vxlanPort && isLeftFor(id, link),
    )
  }

  /** The name of a device from now on: that of a present one, which is `name` where bagpipe-bgp left it and the kernel can rename it. */
  private async adopted(link: Interface | undefined, name: string): Promise<string> {
    if (link === undefined) return name
    const isMarked = link.alias !== null || !link.owned
    return isMarked || link.name === name || !(await this.dataplane.rename(link.name, name))
      ? link.name
      : name
  }

  /** The bridge that an earlier process made for a VXLAN device. */
  private async bridgeLeftWith(vxlan: Interface | undefined, id: string): Promise<Interface | undefined> {
    const name = vxlan !== undefined && isLeftFor(id, vxlan) ? vxlan.master : null
    const bridge = name === null ? undefined : await this.dataplane.interfaceNamed(name)
    return bridge?.kind === 'bridge' && isLeftFor(id, bridge) ? bridge : undefined
  }
}

/** Whether the instance can adopt a device: one of bagpipe-bgp, or one that has the instance's mark, since its state is lost or an attach was refused. */
function isLeftFor(id: string, { owned, alias }: Interface): boolean {
  return owned && (alias === null || alias === aliasOf(id))
}

function checkFree({ name, owned }: Interface): void {
  if (owned) return
  throw new RequestError(
    'INTERFACE_EXTERNAL',
    `interface ${name}, which the instance needs, exists and is not owned by chanter: delete it (ip link delete ${name}), or rename it`,
  )
}

/** Why no other instance can have a bridge, in words that follow its name. */
export function inUse(instance: string): string {
  return `is the bridge of VPN instance ${instance}: each has one of its own`
}

/** Why an external VXLAN device cannot carry a VPN; null if it can. */
function unusable(
  { port, local, up, flowBased, learns, outdated }: Interface,
  { vxlanPort, vtep }: Vtep,
): string | null {
  if (flowBased) return 'it takes VNIs that others choose (external or vnifilter)'
  if (port !== vxlanPort) return `its UDP port is ${port}, the VTEP's is ${vxlanPort} (vxlan_dst_port)`
  // without a source address it sends from any IPv4 address
  const isOfVtep = local === vtep || (local === null && isIpv4(vtep))
  if (!isOfVtep)
    return `its source address is ${local === null ? 'none' : formatIp(local)}, the VTEP's is ${formatIp(vtep)} (dataplane_local_address)`
  if (learns) return 'it learns addresses by itself: it needs nolearning'
  if (outdated) return 'it drops ARP requests that it cannot answer itself: it needs noproxy'
  return up ? null : 'it is down'
}
