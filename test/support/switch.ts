import { formatPrefix, type Prefix } from '../../src/bgp/nlri/prefix.ts'
import type { Gateway, MacVrfForwarding } from '../../src/evpn/forwarding.ts'
import type { VxlanTunnel } from '../../src/evpn/select.ts'
import type { ForwardedRoute, VrfForwarding, VrfHop } from '../../src/ipvpn/forwarding.ts'
import { formatIp, type Ip } from '../../src/values/address.ts'
import { formatMac, type Mac } from '../../src/values/mac.ts'

/**
 * VPNs as the flows of a switch, with no device of Linux: what evpn and ipvpn say is enough for it. It sends to a provider edge by the MAC address of
 * the next hop there; until that is resolved, a prefix has no flow.
 */
export class Switch implements MacVrfForwarding, VrfForwarding {
  /** Actions by match. */
  private readonly flows = new Map<string, string>()
  /** Ports by MAC: they may have a remote MAC's address. */
  private readonly local = new Map<string, string>()
  private readonly tunnels = new Set<string>()
  private readonly resolved = new Map<Ip, string>()
  private readonly listeners = new Set<(remote: Ip) => void>()

  /** The flows as `match -> actions`, in order. */
  get shown(): string[] {
    const flood = this.tunnels.size === 0 ? [] : [`flood -> ${[...this.tunnels].sort().join(', ')}`]
    return [
      ...[...this.flows, ...this.local].map(([match, actions]) => `${match} -> ${actions}`).sort(),
      ...flood,
    ]
  }

  setRemoteMac(mac: Mac, vtep: Ip, vni: number): void {
    this.flows.set(`dl_dst=${formatMac(mac)}`, `tunnel ${formatIp(vtep)} vni ${vni}`)
  }

  removeRemoteMac(mac: Mac): void {
    this.flows.delete(`dl_dst=${formatMac(mac)}`)
  }

  setNeighbour(ip: Ip, mac: Mac): void {
    this.flows.set(`arp_tpa=${formatIp(ip)}`, `reply ${formatMac(mac)}`)
  }

  removeNeighbour(ip: Ip): void {
    this.flows.delete(`arp_tpa=${formatIp(ip)}`)
  }

  addFlood({ dst, vni }: VxlanTunnel): void {
    this.tunnels.add(`${formatIp(dst)} vni ${vni}`)
  }

  removeFlood({ dst, vni }: VxlanTunnel): void {
    this.tunnels.delete(`${formatIp(dst)} vni ${vni}`)
  }

  addGateway({ port, mac }: Pick<Gateway, 'port' | 'mac'>): void {
    this.local.set(`dl_dst=${formatMac(mac)}`, `output ${port}`)
  }

  removeGateway({ mac }: Pick<Gateway, 'mac'>): void {
    this.local.delete(`dl_dst=${formatMac(mac)}`)
  }

  setRoute(prefix: Prefix, hops: readonly VrfHop[]): ForwardedRoute | null {
    const match = `nw_dst=${formatPrefix(prefix)}`
    const actions = hops.map((hop) => this.actionsOf(hop))
    const known = actions.filter((one) => one !== null)
    if (known.length > 0) this.flows.set(match, known.join(' | '))
    else this.flows.delete(match)
    if (hops.length === 0) return null
    const ports = new Set(hops.flatMap((hop) => (hop !== 'discard' && 'port' in hop ? [hop.port] : [])))
    return { isWanted: known.length > 0, leadsTo: (port) => ports.has(port) }
  }

  addProxy(port: string, ip: Ip): void {
    this.flows.set(`in_port=${port},nd_target=${formatIp(ip)}`, 'reply')
  }

  removeProxy(port: string, ip: Ip): void {
    this.flows.delete(`in_port=${port},nd_target=${formatIp(ip)}`)
  }

  listen(pathChanged: (remote: Ip) => void): () => void {
    this.listeners.add(pathChanged)
    return () => this.listeners.delete(pathChanged)
  }

  /** The switch has learned the MAC address of the next hop to a provider edge. */
  resolve(remote: Ip, mac: string): void {
    this.resolved.set(remote, mac)
    for (const listener of this.listeners) listener(remote)
  }

  private actionsOf(hop: VrfHop): string | null {
    if (hop === 'discard') return 'drop'
    if ('port' in hop) return `output ${hop.port}${hop.via === null ? '' : ` to ${formatIp(hop.via)}`}`
    const mac = this.resolved.get(hop.path.remote)
    return mac === undefined ? null : `push_mpls ${hop.label}, dl_dst=${mac}`
  }
}
