import { type InterfaceAddress, type Ip, isLinkLocal, maskPrefix, reservedIn, whyNoHost } from './address.ts'

const OURS = 'an address of this node'

/**
 * The addresses that tunnels may end at: those of other nodes, within the prefixes of VTEPs and provider edges where
 * they are configured. The node's own addresses may change at any time.
 */
export class TunnelEnds {
  private readonly configured: readonly Ip[]
  private readonly networks: readonly InterfaceAddress[]
  private readonly listeners = new Set<(changed: ReadonlySet<Ip>) => void>()
  /** Addresses excluded by the node's own addresses, and why. */
  private excluded: ReadonlyMap<Ip, string>

  /** `configured` are this node's by the configuration; without `networks` ends may be anywhere. */
  constructor(configured: readonly Ip[], networks: readonly InterfaceAddress[]) {
    this.configured = configured
    this.networks = networks.map(({ ip, prefixLength }) => ({
      ip: maskPrefix(ip, prefixLength),
      prefixLength,
    }))
    this.excluded = exclusions(configured, [])
  }

  /** Why no tunnel may end there, in words that follow `is`; null where one may. `isOnLink`: packets leave by a known interface. */
  whyNot(ip: Ip, isOnLink = false): string | null {
    const reason = whyNoHost(ip) ?? this.excluded.get(ip)
    if (reason !== undefined) return reason
    if (isLinkLocal(ip) && !isOnLink) return 'a link-local address, without an interface'
    const isAllowed = ({ ip: network, prefixLength }: InterfaceAddress) =>
      network.length === ip.length && maskPrefix(ip, prefixLength) === network
    return this.networks.length === 0 || this.networks.some(isAllowed) ? null : 'outside of vtep_networks'
  }

  /** Takes the node's present addresses, and notifies the listeners of addresses that have become, or ceased to be, possible ends. */
  setNodeAddresses(addresses: readonly InterfaceAddress[]): void {
    const before = this.excluded
    this.excluded = exclusions(this.configured, addresses)
    const changed = new Set([...before.keys(), ...this.excluded.keys()])
    for (const ip of changed) if (before.has(ip) && this.excluded.has(ip)) changed.delete(ip)
    if (changed.size > 0) for (const listener of this.listeners) listener(changed)
  }

  /** Calls back when addresses become, or cease to be, possible ends; the returned function ends that. */
  listen(listener: (changed: ReadonlySet<Ip>) => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }
}

/** An address of the node is excluded, whatever it is in another of its subnets. */
function exclusions(
  configured: readonly Ip[],
  addresses: readonly InterfaceAddress[],
): ReadonlyMap<Ip, string> {
  const own = [...configured, ...addresses.map(({ ip }) => ip)].map((ip) => [ip, OURS] as const)
  return new Map([...addresses.flatMap(reservedIn), ...own])
}
