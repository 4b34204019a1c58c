import { type Importer, Imports, sameTargets } from '../bgp/imports.ts'
import { type Prefix, prefixKeyOf } from '../bgp/nlri/prefix.ts'
import type { Route, Source } from '../bgp/rib/route.ts'
import type { Speaker } from '../bgp/speaker.ts'
import type { RouteTarget } from '../bgp/values/extended-community.ts'
import { ipv4Rd } from '../bgp/values/rd.ts'
import type { Ip } from '../values/address.ts'
import type { Closable } from '../values/closable.ts'
import type { Mac } from '../values/mac.ts'
import { ensure } from '../values/map.ts'
import type { TunnelEnds } from '../values/tunnel-ends.ts'
import {
  type Addressed,
  isAddressed,
  type VpnAdvertisement,
  type VrfAdvertiser,
  vpnRoute,
} from './advertise.ts'
import type { IpEndpoint } from './endpoint.ts'
import { leadsToSubnet } from './local.ts'
import { isVpnRoute, type VpnRoute } from './select.ts'
import { chooseTrail, type Trail } from './trail.ts'

/** The route targets of the routes that a VRF re-advertises, and those with which it advertises them. */
export interface ReadvertiseTargets {
  readonly from: readonly RouteTarget[]
  readonly to: readonly RouteTarget[]
}

/** Whether the targets allow any route to be re-advertised. */
export function isReadvertising(targets: ReadvertiseTargets | null): boolean {
  return targets !== null && targets.from.length > 0 && targets.to.length > 0
}

/** The routes of a prefix. */
interface LearnedPrefix {
  readonly prefix: Prefix
  readonly routes: Set<VpnRoute>
}

/** An endpoint for which prefixes are re-advertised, and its advertisements. */
interface ReadvertisingEndpoint {
  readonly endpoint: Eligible
  readonly advertised: Map<LearnedPrefix, VpnAdvertisement>
}

/** An endpoint with a route distinguisher for re-advertised prefixes. */
type Eligible = Addressed & { readonly readvertiseRd: number }

/** The advertising side of a VRF. */
export interface Origin extends Pick<VrfAdvertiser, 'identifier' | 'tunnelType' | 'nextHop'> {
  readonly source: Source
  readonly ends: TunnelEnds
}

/**
 * The routes that one VRF re-advertises, each for every endpoint whose label leads to it. They come from subscriptions of
 * their own; the VRF does not forward by them, unless its import targets match them as well. It advertises and
 * withdraws in slices.
 */
export class Readvertisement implements Importer<VpnRoute>, Closable {
  readonly imports: Imports<VpnRoute>
  targets: ReadvertiseTargets | null = null
  private readonly speaker: Speaker
  private readonly origin: Origin
  private readonly endpoints: ReadonlyMap<string, IpEndpoint>
  /** By prefix. */
  private readonly learned = new Map<string, LearnedPrefix>()
  private readonly active = new Map<string, ReadvertisingEndpoint>()
  /** Prefixes whose advertisements may have to change. */
  private readonly pending = new Set<LearnedPrefix>()
  /** Advertisements for endpoints that are gone. */
  private readonly leaving: ReadvertisingEndpoint['advertised'][] = []
  private isBusy = false
  private readonly unlisten: () => void

  /** `endpoints` are those of the VRF, as a live view. */
  constructor(origin: Origin, speaker: Speaker, endpoints: ReadonlyMap<string, IpEndpoint>) {
    this.origin = origin
    this.speaker = speaker
    this.endpoints = endpoints
    this.imports = new Imports(speaker, origin.source, this)
    this.unlisten = origin.ends.listen((changed) => this.endsChanged(changed))
  }

  /** Re-advertises with these options from now on; null: nothing. */
  set(targets: ReadvertiseTargets | null): void {
    const before = this.targets
    this.targets = targets
    this.imports.set(new Set(targets?.from))
    if (before === null) for (const { mac } of [...this.endpoints.values()]) this.endpointsChanged(mac)
    if (!sameTargets(targets?.to ?? [], before?.to ?? [])) this.lookAtAll()
  }

  /** Stops re-advertising. */
  close(): void {
    this.unlisten()
    this.set(null)
  }

  /** Endpoints of this MAC address were added, removed or changed. */
  endpointsChanged(mac: Mac): void {
    if (this.targets === null && this.active.size === 0) return
    const due = this.eligible(mac)
    for (const [key, one] of this.active)
      if (one.endpoint.mac === mac && !isSame(one.endpoint, due.get(key))) this.drop(key, one)
    let isNew = false
    for (const [key, endpoint] of due) {
      if (this.active.has(key)) continue
      this.active.set(key, { endpoint, advertised: new Map() })
      isNew = true
    }
    if (isNew) this.lookAtAll()
  }

  accepts(route: Route): route is VpnRoute {
    return isVpnRoute(route)
  }

  learn(route: VpnRoute, before: VpnRoute | undefined): void {
    if (before === route) return
    if (before !== undefined) this.unlearn(before)
    const { ip, length } = route.nlri
    const known = ensure<string, LearnedPrefix>(this.learned, prefixKeyOf(route.nlri), () => ({
      prefix: { ip, length },
      routes: new Set(),
    }))
    known.routes.add(route)
    this.lookAt(known)
  }

  unlearn(route: VpnRoute): void {
    const known = this.learned.get(prefixKeyOf(route.nlri))
    known?.routes.delete(route)
    if (known !== undefined) this.lookAt(known)
  }

  /** Routes whose prefixes are re-advertised. */
  *readvertised(): Iterable<VpnRoute> {
    if (this.active.size === 0) return
    for (const { routes } of this.learned.values()) {
      const trail = this.trailOf(routes)
      if (trail !== null) yield trail.route
    }
  }

  /** Endpoints of a MAC address that receive all packets with its label. */
  private eligible(mac: Mac): ReadonlyMap<string, Eligible> {
    const reachable = [...this.endpoints].filter(
      ([, endpoint]) => endpoint.mac === mac && endpoint.direction !== 'from-port',
    )
    const isSubnet = reachable.some(([, endpoint]) => isAddressed(endpoint) && leadsToSubnet(endpoint))
    const eligible = new Map<string, Eligible>()
    if (!isSubnet)
      for (const [key, endpoint] of reachable) if (isEligible(endpoint)) eligible.set(key, endpoint)
    return eligible
  }

  /** These next hops may have become usable or unusable. */
  private endsChanged(changed: ReadonlySet<Ip>): void {
    for (const known of this.learned.values())
      if ([...known.routes].some(({ set }) => set.nextHop !== null && changed.has(set.nextHop)))
        this.lookAt(known)
  }

  private drop(key: string, { advertised }: ReadvertisingEndpoint): void {
    this.active.delete(key)
    this.leaving.push(advertised)
    this.start()
  }

  private lookAtAll(): void {
    for (const known of this.learned.values()) this.lookAt(known)
  }

  private lookAt(known: LearnedPrefix): void {
    this.pending.add(known)
    this.start()
  }

  private start(): void {
    if (this.isBusy) return
    this.isBusy = true
    const done = () => {
      this.isBusy = false
    }
    this.speaker.rib.walk(this.steps(), () => true, done)
  }

  /** Does the pending work, in its turn. Advertisements of gone endpoints are withdrawn first, since their numbers may be in use again. */
  private *steps(): Iterable<void> {
    for (;;) {
      const advertised = this.leaving.pop()
      if (advertised !== undefined) {
        for (const advertisement of advertised.values()) yield this.withdraw(advertisement)
        continue
      }
      const [known] = this.pending
      if (known === undefined) return
      this.pending.delete(known)
      yield* this.settleAll(known)
    }
  }

  private *settleAll(known: LearnedPrefix): Iterable<void> {
    const { prefix, routes } = known
    const trail = this.trailOf(routes)
    for (const one of this.active.values()) {
      if (one.endpoint.ip.length !== prefix.ip.length) continue
      yield this.settle(known, one, trail)
      if (this.leaving.length === 0) continue
      this.pending.add(known)
      return
    }
    // not before its last advertisement is withdrawn: a route that comes back meanwhile is handled in its turn
    if (routes.size === 0) this.learned.delete(prefixKeyOf(prefix))
  }

  private settle(
    known: LearnedPrefix,
    { endpoint, advertised }: ReadvertisingEndpoint,
    trail: Trail | null,
  ): void {
    if (trail !== null && this.targets !== null) {
      const rd = ipv4Rd(this.origin.identifier, endpoint.readvertiseRd)
      const advertiser = { ...this.origin, exportTargets: this.targets.to }
      const advertisement = vpnRoute(advertiser, endpoint, rd, known.prefix, trail.record)
      advertised.set(known, advertisement)
      const { family, nlri, attributes, nextHop } = advertisement
      return this.speaker.originate(this.origin.source, family, nlri, attributes, nextHop)
    }
    const before = advertised.get(known)
    advertised.delete(known)
    if (before !== undefined) this.withdraw(before)
  }

  private trailOf(routes: Iterable<VpnRoute>): Trail | null {
    if (this.targets === null) return null
    return chooseTrail(routes, this.targets.to, this.origin.ends)
  }

  private withdraw({ family, nlri }: VpnAdvertisement): void {
    this.speaker.withdraw(this.origin.source, family, nlri)
  }
}

function isEligible(endpoint: IpEndpoint): endpoint is Eligible {
  return isAddressed(endpoint) && endpoint.readvertiseRd !== null
}

/** Whether prefixes are advertised alike for both. */
function isSame(a: Eligible, b: Eligible | undefined): boolean {
  return (
    a.label === b?.label &&
    a.readvertiseRd === b.readvertiseRd &&
    a.localPref === b.localPref &&
    a.hashOrder === b.hashOrder
  )
}
