import { whyBetter } from '../bgp/rib/best-path.ts'
import type { Route } from '../bgp/rib/route.ts'
import { formatIp, type Ip } from '../values/address.ts'
import type { Mac } from '../values/mac.ts'
import type { EvpnEndpoint } from './endpoint.ts'
import type { MacVrf } from './mac-vrf.ts'
import {
  bestMacRoute,
  floodTunnel,
  type MacRoute,
  type MulticastRoute,
  unusableIp,
  unusableMac,
  type VxlanTunnel,
  whyBetterMac,
} from './select.ts'

/** The address that is asked about. */
export type MacOrIp = { readonly mac: Mac } | { readonly ip: Ip }

/** The result of route selection for one route of an address in one instance. */
export interface MacRouteOutcome<R extends Route = MacRoute> {
  readonly route: R
  /** `used`: forwarding uses it. `beaten`: another route, or a local endpoint, is better. `ours`: the instance advertises it. */
  readonly state: 'used' | 'beaten' | 'unusable' | 'not imported' | 'ours'
  /** Null where it is used or ours. */
  readonly reason: string | null
}

export function concerns({ nlri }: Pick<MacRoute, 'nlri'>, address: MacOrIp): boolean {
  return 'mac' in address ? nlri.mac === address.mac : nlri.ip === address.ip
}

export function isAt({ mac, ip }: EvpnEndpoint, address: MacOrIp): boolean {
  return 'mac' in address ? mac === address.mac : ip === address.ip
}

/**
 * Why an instance uses one of the routes for the address and not another. `chains` are the routes of each key in the
 * RIB, the best first; the results begin with the route that is used.
 */
export function explainMacRoutes(
  macVrf: MacVrf,
  chains: readonly (readonly MacRoute[])[],
  address: MacOrIp,
  isLocal: boolean,
): MacRouteOutcome[] {
  const usable: MacRoute[] = []
  const outcomes: MacRouteOutcome[] = []
  for (const chain of chains) {
    for (const route of chain) {
      const removed = whyPassedOver(macVrf, route, chain[0]!) ?? whyUnusable(macVrf, route, address)
      if (removed === null) usable.push(route)
      else outcomes.push(removed)
    }
  }
  const best = isLocal ? undefined : bestMacRoute(usable)
  for (const route of usable) {
    if (route === best) continue
    const reason = best === undefined ? 'a local endpoint wins' : whyBeaten(route, best)
    outcomes.unshift({ route, state: 'beaten', reason })
  }
  if (best !== undefined) outcomes.unshift({ route: best, state: 'used', reason: null })
  return outcomes
}

/** Why `winner` is the better of two usable routes for one address. */
export function whyBeaten(loser: Route, winner: Route): string {
  return `${formatIp(winner.set.nextHop!)} is better: ${whyBetterMac(winner, loser)}`
}

/** The multicast routes for which an instance replicates BUM traffic, and why not for the others; parameters as of `explainMacRoutes`. */
export function explainFloodRoutes(
  macVrf: MacVrf,
  chains: readonly (readonly MulticastRoute[])[],
): MacRouteOutcome<MulticastRoute>[] {
  return chains.flatMap((chain) =>
    chain.map((route): MacRouteOutcome<MulticastRoute> => {
      const passedOver = whyPassedOver(macVrf, route, chain[0]!)
      if (passedOver !== null) return passedOver
      const tunnel = floodTunnel(route, macVrf.addresses.context)
      return 'reason' in tunnel
        ? { route, state: 'unusable', reason: tunnel.reason }
        : { route, state: 'used', reason: null }
    }),
  )
}

/** The tunnels that multicast routes may have added to the flood list. */
export function* floodTunnels(macVrf: MacVrf, routes: Iterable<MulticastRoute>): Iterable<VxlanTunnel> {
  const { context } = macVrf.addresses
  for (const route of routes) {
    const tunnel = floodTunnel(route, context)
    if (!('reason' in tunnel)) yield tunnel
  }
}

/** Why a route is excluded before import; null when it is not. `best` is the best of its key. */
function whyPassedOver<R extends Route>(macVrf: MacVrf, route: R, best: R): MacRouteOutcome<R> | null {
  if (route.source === macVrf.source) return { route, state: 'ours', reason: null }
  if (route !== best) {
    const reason = `another path of this route is better, from ${best.source.name}: ${whyBetter(best, route)}`
    return { route, state: 'beaten', reason }
  }
  if (!macVrf.imports.has(route))
    return { route, state: 'not imported', reason: macVrf.imports.whyNot(route) }
  return null
}

/** Why an imported route is excluded before usable ones are compared; null when it is not. */
function whyUnusable(macVrf: MacVrf, route: MacRoute, address: MacOrIp): MacRouteOutcome | null {
  const { context } = macVrf.addresses
  const reason = unusableMac(route, context) ?? ('ip' in address ? unusableIp(route, context) : null)
  return reason === null ? null : { route, state: 'unusable', reason }
}

/** The address, and the others that routes for it have. */
export function addressesOf(
  address: MacOrIp,
  routes: Iterable<MacRoute>,
): { readonly macs: ReadonlySet<Mac>; readonly ips: ReadonlySet<Ip> } {
  const macs = new Set<Mac>('mac' in address ? [address.mac] : [])
  const ips = new Set<Ip>('ip' in address ? [address.ip] : [])
  for (const { nlri } of routes) {
    macs.add(nlri.mac)
    if (nlri.ip !== null) ips.add(nlri.ip)
  }
  return { macs, ips }
}
