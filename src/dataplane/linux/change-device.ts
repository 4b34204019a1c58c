import { ANY_IPV4, ANY_IPV6, isIpv4 } from '../../values/address.ts'
import { isOwned, type Link } from '../driver.ts'
import { type DeviceEntry, isPortEntry, kernelKind, type LinkEntry } from '../kinds/index.ts'
import type { Port, VrfDevice, VrfPort } from '../model.ts'
import { elsewhere, missing, notOwned, type Refusal, reworded, taken, unrouted } from '../refusal.ts'
import { removeBagpipeMacs } from './bagpipe-macs.ts'
import { resetPortOptions, setForwarding, setPortOptions } from './bridge-port.ts'
import * as k from './constants.ts'
import { isTunnel } from './decode.ts'
import * as encode from './encode.ts'
import { autoconfigured } from './host-use.ts'
import type { BridgeIsolation } from './isolation.ts'
import { unreachable } from './kinds/unreachable.ts'
import { isInNetwork, isVxlan6, type Links, portSettingsOf, settingsOf } from './links.ts'
import type { LinkRemover } from './remove-links.ts'
import { firstOf, type Requests } from './requests.ts'
import type { Rules } from './rules.ts'
import { flushIpv6, forwardsIpv6, keepRouterAdvertisements, type Sysctls } from './sysctl.ts'

/** The modules of link kinds that not every kernel has. */
const MODULES = new Map([
  ['vrf', 'vrf'],
  ['gre', 'ip_gre'],
  ['ip6gre', 'ip6_gre'],
  ['veth', 'veth'],
  ['ipip', 'ipip'],
  ['ip6tnl', 'ip6_tunnel'],
])

export interface DeviceChangerDependencies {
  readonly requests: Requests
  readonly links: Links
  readonly sysctls: Sysctls
  readonly isolation: BridgeIsolation
  readonly rules: Rules
  readonly remover: LinkRemover
}

/** Carries out changes of links and ports, one by one. */
export class DeviceChanger {
  private readonly requests: Requests
  private readonly links: Links
  private readonly sysctls: Sysctls
  private readonly isolation: BridgeIsolation
  private readonly rules: Rules
  private readonly remover: LinkRemover

  constructor({ requests, links, sysctls, isolation, rules, remover }: DeviceChangerDependencies) {
    this.isolation = isolation
    this.rules = rules
    this.requests = requests
    this.links = links
    this.sysctls = sysctls
    this.remover = remover
  }

  set(entry: DeviceEntry): Refusal | null {
    if (!isPortEntry(entry)) return this.setLink(entry)
    return entry.kind === 'port' ? this.setPort(entry) : this.setVrfPort(entry)
  }

  remove(entry: DeviceEntry): Refusal | null {
    if (!isPortEntry(entry)) return this.remover.remove([entry]).get(0) ?? null
    return entry.kind === 'port' ? this.removePort(entry) : this.removeVrfPort(entry)
  }

  /** Gives a renamed owned link its name back. It cannot tell the two ends of a veth pair apart. */
  reclaim(entry: LinkEntry): Link | undefined {
    const stray = entry.kind === 'veth' ? undefined : this.links.strayOf(entry.alias, kernelKind(entry))
    if (stray === undefined) return undefined
    encode.rename(this.requests, stray.index, entry.device)
    if (this.requests.send().size > 0) {
      encode.setUp(this.requests, stray.index, false)
      encode.rename(this.requests, stray.index, entry.device)
      this.requests.send()
    }
    return this.links.get(entry.device)
  }

  setUp(device: string): Refusal | null {
    const link = this.links.get(device)
    if (link === undefined) return missing(device)
    encode.setUp(this.requests, link.index, true)
    const [refusal] = this.requests.send().values()
    // beside others it needs their option, which the next try uses
    if (refusal?.errno === k.EADDRINUSE && isOwned(link) && this.differs(link)) this.deleteNow(link.index)
    return refusal ?? null
  }

  /** Whether a VXLAN device cannot get the socket of its UDP port, because those that are up there use it with another option. */
  private differs(link: Link): boolean {
    if (!isVxlan6(link) || link.port === null) return false
    const other = this.links.vxlanUpOn(link.port)
    return other !== undefined && other.takesZeroChecksums !== link.takesZeroChecksums
  }

  private setLink(entry: LinkEntry): Refusal | null {
    const link = this.links.get(entry.device)
    if (link !== undefined && !isOwned(link)) {
      if (entry.kind !== 'bridge' || !entry.given) return notOwned(link)
      this.isolation.isolate(link)
      return null
    }
    if (link === undefined && entry.kind === 'veth') {
      const peer = this.links.get(entry.peer)
      // it would get the mark of the veth pair's other end
      if (peer !== undefined && !isOwned(peer)) return taken(entry.peer)
      // this end was renamed, or is in another network namespace
      if (peer !== undefined) this.deleteNow(peer.index)
    }
    if (link === undefined) {
      const isOver6 = entry.kind === 'vxlan' && !isIpv4(entry.local)
      const other = isOver6 ? this.links.vxlanUpOn(entry.port) : undefined
      encode.createLink(this.requests, entry, other?.takesZeroChecksums ?? true)
    }
    if (entry.kind === 'bridge' && link !== undefined && this.hasBorrowedMac(link))
      encode.setMac(this.requests, { device: entry.device, mac: encode.randomMac() })
    encode.adjustLink(this.requests, entry)
    if (link?.filtersVlans && entry.kind === 'bridge') encode.endVlanFiltering(this.requests, entry)
    if (link?.protoDown) encode.endProtoDown(this.requests, link.index)
    if (entry.kind === 'veth' && link === undefined) encode.markPeer(this.requests, entry)
    if (entry.kind === 'veth' && link !== undefined && link.mac !== entry.mac)
      encode.setMac(this.requests, entry)
    const refusals = this.requests.send()
    const first = link === undefined ? refusals.get(0) : undefined
    if (first !== undefined) return reworded(first, (text) => `${text}${remedy(entry, first.errno)}`)
    if (link === undefined && refusals.size > 0) this.rollBack(entry.device)
    return firstOf(refusals) ?? this.tune(entry)
  }

  /** Whether an adopted bridge has the address of a port, as one of bagpipe-bgp has: it would change with its ports. */
  private hasBorrowedMac({ alias, index, mac }: Link): boolean {
    return alias === null && this.links.all(index).some((port) => port.mac === mac)
  }

  /** Applies the permanent settings of an owned link. */
  private tune(entry: LinkEntry): Refusal | null {
    const link = this.links.get(entry.device)
    if (link === undefined) return null
    if (entry.kind === 'bridge') this.isolation.isolate(link)
    if (isInNetwork(link)) this.clearAddresses(link)
    if (entry.kind === 'vrf') this.close(entry)
    const refusal = entry.kind === 'vrf' ? this.rules.order() : null
    return refusal ?? this.sysctls.apply(settingsOf(link), link.index)
  }

  /** Removes the IPv6 state that a device had before it stopped getting addresses; the neighbours are set again. */
  private clearAddresses(link: Link): void {
    encode.setNoAddresses(this.requests, link.index)
    const isRefused = this.requests.send().size > 0
    if (!isRefused && link.up && !link.tuned) flushIpv6(link.name)
  }

  /** Makes nothing reachable in a VRF before ports enter it: packets that find no route there would use the main table. */
  private close({ device, table }: VrfDevice): void {
    for (const prefix of [ANY_IPV4, ANY_IPV6]) {
      const nothing = { kind: 'unreachable', device, table, prefix, prefixLength: 0 } as const
      unreachable.encode?.(this.requests, nothing, { index: 0, vni: null }, () => 0)
    }
    this.requests.send() // each is wanted separately as well, and retried
    if (!forwardsIpv6()) for (const host of autoconfigured(this.links)) keepRouterAdvertisements(host)
  }

  /** Deletes a link that could be created but not marked as owned. */
  private rollBack(device: string): void {
    const link = this.links.get(device)
    if (link !== undefined) this.deleteNow(link.index)
  }

  private deleteNow(index: number): void {
    encode.deleteLink(this.requests, index)
    this.requests.send()
  }

  private setPort(port: Port): Refusal | null {
    const link = this.links.get(port.device)
    if (link === undefined) return missing(port.device)
    const bridge = this.links.get(port.bridge)
    if (bridge === undefined) return missing(port.bridge)
    if (port.given && link.master !== null && link.master !== port.bridge)
      return elsewhere(port.device, link.master)
    const isMoved = link.master !== port.bridge
    if (isMoved) encode.setMaster(this.requests, link.index, bridge.index)
    const refusal = firstOf(this.requests.send())
    // a refused device stays down
    if (refusal !== null) return refusal
    setPortOptions(this.requests, link.index, port)
    if (isMoved && !isOwned(link)) encode.setUp(this.requests, link.index, true)
    const blocked = firstOf(this.requests.send())
    return blocked ?? (isMoved ? null : this.forward(link.name))
  }

  /** Opens a port whose state was changed. */
  private forward(device: string): Refusal | null {
    const link = this.links.get(device)
    if (link === undefined || link.forwarding) return null
    setForwarding(this.requests, link)
    return firstOf(this.requests.send())
  }

  private removePort({ device, bridge, given }: Port): Refusal | null {
    const link = this.links.get(device)
    if (link?.master !== bridge) return null
    const master = given ? this.links.get(bridge) : undefined
    if (master !== undefined && !isOwned(master)) {
      resetPortOptions(this.requests, link)
      return firstOf(this.requests.send())
    }
    return this.release(link)
  }

  /** Takes a port out of its bridge or VRF. It stays down: without a master, its VM's frames would reach the host. */
  private release(link: Link): Refusal | null {
    const master = link.master === null ? undefined : this.links.lookUp(link.master)
    if (master !== undefined && isOwned(master) && master.alias === null)
      removeBagpipeMacs(link, this.requests)
    if (!isOwned(link)) encode.setUp(this.requests, link.index, false)
    encode.setMaster(this.requests, link.index, 0)
    return firstOf(this.requests.send())
  }

  private setVrfPort({ device, vrf }: VrfPort): Refusal | null {
    const link = this.links.get(device)
    if (link === undefined) return missing(device)
    const master = this.links.get(vrf)
    if (master === undefined) return missing(vrf)
    if (master.kind !== 'vrf') return unrouted(vrf)
    const settings = portSettingsOf(link)
    const isMoved = link.master !== vrf
    if (isMoved) {
      this.sysctls.remember(settings, link.index)
      if (!isOwned(link)) encode.setUp(this.requests, link.index, false)
      const refusal = firstOf(this.requests.send())
      if (refusal !== null) return refusal
      // entering gives it IPv6 addresses anew, which follow the new settings
      this.sysctls.apply(settings, link.index)
      encode.setMaster(this.requests, link.index, master.index)
    }
    const refusal = firstOf(this.requests.send()) ?? this.sysctls.apply(settings, link.index)
    if (refusal !== null) return refusal
    if (!isTunnel(link)) this.isolation.filterPort(link.index)
    if (isMoved && !isOwned(link)) encode.setUp(this.requests, link.index, true)
    return firstOf(this.requests.send())
  }

  private removeVrfPort({ device, vrf }: VrfPort): Refusal | null {
    const link = this.links.get(device)
    if (link?.master !== vrf) return null
    const refusal = this.release(link)
    if (refusal !== null) return refusal
    this.sysctls.restore(device, portSettingsOf(link), link.index)
    this.isolation.unfilterPort(link.index)
    return null
  }
}

/** The remedy for a link that cannot be created, where there is a known one. */
function remedy(entry: LinkEntry, errno: number | null): string {
  const module = errno === k.EOPNOTSUPP ? MODULES.get(kernelKind(entry)) : undefined
  if (module !== undefined) return `: modprobe ${module}`
  if (errno !== k.EINVAL || entry.kind !== 'tunnel' || entry.encapsulation !== 'udp') return ''
  return `: without CONFIG_NET_FOU_IP_TUNNELS the kernel sends no MPLS in UDP; with it: modprobe ${isIpv4(entry.local) ? 'fou' : 'fou6'}`
}
