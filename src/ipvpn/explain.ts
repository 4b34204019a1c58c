import { formatPrefix, isWithin, type Prefix } from '../bgp/nlri/prefix.ts'
import { whyBetter } from '../bgp/rib/best-path.ts'
import type { Entry } from '../dataplane/model.ts'
import { formatIp, type Ip } from '../values/address.ts'
import { hostPrefix, isAddressed, prefixesOf } from './advertise.ts'
import type { IpEndpoint } from './endpoint.ts'
import { gatewayOf } from './project.ts'
import type { VpnRoute } from './select.ts'
import type { Vrf } from './vrf.ts'

/** The subject: an address, for which the longest matching prefix counts, or exactly this prefix. */
export type Subject = { readonly ip: Ip } | { readonly prefix: Prefix }

/** The result of route selection for one route of a prefix in one VRF. */
export interface VpnRouteOutcome {
  readonly route: VpnRoute
  /** `used`: forwarding uses it. `beaten`: another route, a longer prefix or a local endpoint is better. `ours`: the VRF advertises it. */
  readonly fate: 'used' | 'beaten' | 'unusable' | 'not imported' | 'ours'
  /** Null where it is used. */
  readonly reason: string | null
}

const ORDER: readonly VpnRouteOutcome['fate'][] = ['used', 'beaten', 'unusable', 'not imported', 'ours']

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
    (a, b) => ORDER.indexOf(a.fate) - ORDER.indexOf(b.fate) || b.route.nlri.length - a.route.nlri.length,
  )
}

function outcomeOf(vrf: Vrf, route: VpnRoute, best: VpnRoute, subject: Subject): VpnRouteOutcome {
  if (route.source === vrf.source) return { route, fate: 'ours', reason: 'this instance advertises it' }
  if (route !== best) {
    const reason = `another path of this route is better, from ${best.source.name}: ${whyBetter(best, route)}`
    return { route, fate: 'beaten', reason }
  }
  if (!vrf.imports.has(route)) return { route, fate: 'not imported', reason: whyNotImported(vrf, route) }
  const { fate, reason } = vrf.outcomeOf(route)
  const longest = 'ip' in subject ? vrf.routeTo(subject.ip) : null
  if (fate !== 'used' || longest === null || longest.prefixLength <= route.nlri.length)
    return { route, fate, reason }
  const longer = formatPrefix({ ip: longest.prefix, length: longest.prefixLength })
  return { route, fate: 'beaten', reason: `${longer} is a longer prefix` }
}

function whyNotImported({ imports, readvertisement }: Vrf, route: VpnRoute): string {
  if (imports.brings(route) || !readvertisement.imports.brings(route)) return imports.whyNot(route)
  return 'it is imported to be re-advertised only: its route targets are in from_rt, none is in import_rt'
}

/** The kernel entries that the subject may have caused, as identities to look up; `local` are its endpoints. */
export function* entriesOf(vrf: Vrf, subject: Subject, local: Iterable<IpEndpoint>): Iterable<Entry> {
  const { device, table } = vrf.config
  const route = 'ip' in subject ? vrf.routeTo(subject.ip) : vrf.wantedFor(subject.prefix)
  if (route !== null) yield route
  else if ('ip' in subject) {
    const prefix = '\0'.repeat(subject.ip.length) as Ip
    yield { kind: 'unreachable', device, table, prefix, prefixLength: 0 }
  }
  for (const { port, ip, mac, label } of local) {
    if (ip !== null) yield { kind: 'fixed-neighbour', device: port, ip, mac }
    yield { kind: 'mpls', device: 'lo', label, hops: [] }
  }
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
