import { formatPrefix, isWithin, type Prefix } from '../bgp/nlri/prefix.ts'
import { whyBetter } from '../bgp/rib/best-path.ts'
import { formatIp, type Ip } from '../values/address.ts'
import { hostPrefix, isAddressed, prefixesOf } from './advertise.ts'
import type { IpEndpoint } from './endpoint.ts'
import type { ForwardedRoute } from './forwarding.ts'
import { gatewayOf } from './local.ts'
import type { VpnRoute } from './select.ts'
import type { Vrf } from './vrf.ts'

/** The subject: an address, for which the longest matching prefix counts, or exactly this prefix. */
export type Subject = { readonly ip: Ip } | { readonly prefix: Prefix }

/** The result of route selection for one route of a prefix in one VRF. */
export interface VpnRouteOutcome {
  readonly route: VpnRoute
  /** `used`: forwarding uses it. `beaten`: another route, a longer prefix or a local endpoint is better. `ours`: the VRF advertises it. */
  readonly state: 'used' | 'beaten' | 'unusable' | 'not imported' | 'ours'
  /** Null where it is used or ours. */
  readonly reason: string | null
}

const ORDER: readonly VpnRouteOutcome['state'][] = ['used', 'beaten', 'unusable', 'not imported', 'ours']

/** Whether a prefix concerns the subject. */
export function covers(prefix: Prefix, subject: Subject): boolean {
  return 'ip' in subject ? isWithin(subject.ip, prefix) : isSame(prefix, subject.prefix)
}

/** Whether an endpoint has the address, or its subnet behind it, or has it as its gateway. */
export function isBehind(endpoint: IpEndpoint, subject: Subject): boolean {
  return isAddressed(endpoint) && prefixesOf(endpoint).some((prefix) => covers(prefix, subject))
}

/** Why a VRF uses some of the routes and not others. `chains` are those of each key in the RIB, the best first. */
export function explainVpnRoutes(
  vrf: Vrf,
  chains: readonly (readonly VpnRoute[])[],
  subject: Subject,
): readonly VpnRouteOutcome[] {
  const outcomes = chains.flatMap((chain) => chain.map((route) => outcomeOf(vrf, route, chain[0]!, subject)))
  return outcomes.sort(
    (a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || b.route.nlri.length - a.route.nlri.length,
  )
}

function outcomeOf(vrf: Vrf, route: VpnRoute, best: VpnRoute, subject: Subject): VpnRouteOutcome {
  if (route.source === vrf.source) return { route, state: 'ours', reason: null }
  if (route !== best) {
    const reason = `another path of this route is better, from ${best.source.name}: ${whyBetter(best, route)}`
    return { route, state: 'beaten', reason }
  }
  if (!vrf.imports.has(route)) return { route, state: 'not imported', reason: whyNotImported(vrf, route) }
  const { state, reason } = vrf.outcomeOf(route)
  const longest = 'ip' in subject ? vrf.longestWith(subject.ip) : null
  if (state !== 'used' || longest === null || longest.prefix.length <= route.nlri.length)
    return { route, state, reason }
  return { route, state: 'beaten', reason: `${formatPrefix(longest.prefix)} is a longer prefix` }
}

function whyNotImported({ imports, readvertisement }: Vrf, route: VpnRoute): string {
  if (imports.brings(route) || !readvertisement.imports.brings(route)) return imports.whyNot(route)
  return 'it is imported to be re-advertised only: its route targets are in from_rt, none is in import_rt'
}

/** The route that packets to the subject take; null where there is none. */
export function routeFor(vrf: Vrf, subject: Subject): ForwardedRoute | null {
  if ('ip' in subject) return vrf.longestWith(subject.ip)?.forwarded ?? null
  return vrf.forwardedFor(subject.prefix)
}

/** Ports on which this node has the address as a gateway. */
export function gatewayPorts(endpoints: Iterable<IpEndpoint>, subject: Subject): ReadonlySet<string> {
  const ports = new Set<string>()
  for (const endpoint of endpoints) {
    const gateway = isAddressed(endpoint) ? gatewayOf(endpoint) : null
    if (gateway !== null && covers(hostPrefix(gateway), subject)) ports.add(endpoint.port)
  }
  return ports
}

function isSame(a: Prefix, b: Prefix): boolean {
  return a.length === b.length && formatIp(a.ip) === formatIp(b.ip)
}
