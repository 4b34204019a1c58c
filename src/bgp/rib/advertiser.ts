import { isIpv4 } from '../../values/address.ts'
import { ensure } from '../../values/map.ts'
import { Afi, type Family, VPNV4 } from '../family.ts'
import { writeReach, writeUnreach } from '../message/pack.ts'
import { nlriCodec } from '../nlri/index.ts'
import type { Negotiated } from '../session/negotiate.ts'
import { Writer } from '../wire/writer.ts'
import type { Backlog } from './backlog.ts'
import type { ExportPolicy, Presented } from './export-policy.ts'
import type { Route } from './route.ts'

/** Octets packed at once; more wait for another slice. */
const MAX_OCTETS = 512 * 1024

/** A route that passes the policy but that this session cannot carry. */
export interface Withheld {
  readonly route: Route
  readonly reason: string
}

/** Adj-RIB-Out of one session: each route at most once, packed with those that have the same attributes. */
export class Advertiser {
  private readonly policy: ExportPolicy
  private readonly send: (bytes: Buffer, updates: number) => void
  private readonly onWithheld: (withheld: Withheld) => void
  private readonly negotiated: Negotiated
  private readonly takesIpv6NextHops: boolean
  private readonly advertised = new Map<Family, Map<string, Route>>()
  private readonly withheldRoutes = new Map<Family, Map<string, Withheld>>()
  private readonly writer = new Writer(16 * 1024)

  /** `onWithheld` is called for each route that is newly withheld. */
  constructor(
    negotiated: Negotiated,
    policy: ExportPolicy,
    send: (bytes: Buffer, updates: number) => void,
    onWithheld: (withheld: Withheld) => void,
  ) {
    this.negotiated = negotiated
    this.policy = policy
    this.send = send
    this.onWithheld = onWithheld
    this.takesIpv6NextHops = negotiated.peer.capabilities.extendedNextHop.some(
      ({ family, nextHopAfi }) => family === VPNV4 && nextHopAfi === Afi.Ipv6,
    )
  }

  /** Whether a route of this key is advertised to, or withheld from, the peer. */
  knows(family: Family, key: string): boolean {
    return (
      this.advertised.get(family)?.has(key) === true || this.withheldRoutes.get(family)?.has(key) === true
    )
  }

  /** Why the peer does not have a route yet; null where it does. */
  whyNot(route: Route): string | null {
    const { family, key } = route
    const withheld = this.withheldRoutes.get(family)?.get(key)
    if (withheld !== undefined) return withheld.reason
    return this.advertised.get(family)?.get(key) === route ? null : 'it has not been sent yet'
  }

  /** Routes the peer has, as a live view. */
  *routes(): Iterable<Route> {
    for (const routes of this.advertised.values()) yield* routes.values()
  }

  /** Routes withheld from the peer, as a live view. */
  *withheld(): Iterable<Withheld> {
    for (const routes of this.withheldRoutes.values()) yield* routes.values()
  }

  /**
   * Advertises and withdraws up to `limit` pending routes of a family; with `again` also those that the peer has already. Returns how many
   * it handled.
   */
  pack(family: Family, pending: Backlog<Route | null>, limit: number, again: boolean): number {
    const advertised = ensure(this.advertised, family, () => new Map())
    const alike = new Map<Presented, Route[]>()
    const gone: Route[] = []
    let taken = 0
    let octets = 0
    for (const [key, selected] of pending.take(limit)) {
      taken++
      octets += selected === null ? key.length : key.length + selected.set.key.length
      const route = this.permitted(family, key, selected)
      const before = advertised.get(key)
      if (route !== before || again) {
        if (before !== undefined && (route === null || losesTarget(before, route))) gone.push(before)
        if (route !== null) ensure(alike, this.policy.present(route), () => []).push(route)
      }
      if (octets > MAX_OCTETS) break
    }
    this.packUnreach(family, gone)
    const unfit: Route[] = []
    for (const [presented, routes] of alike) this.packReach(family, presented, routes, unfit)
    this.packUnreach(
      family,
      unfit.flatMap(({ key }) => advertised.get(key) ?? []),
    )
    return taken
  }

  /** The route, unless this session cannot carry it. */
  private permitted(family: Family, key: string, route: Route | null): Route | null {
    if (route !== null && family === VPNV4 && !this.takesIpv6NextHops && !isIpv4(route.set.nextHop!)) {
      this.withhold(route, 'the peer takes no IPv6 next hop for VPN-IPv4 (RFC 8950 §4)')
      return null
    }
    if (route === null) this.withheldRoutes.get(family)?.delete(key)
    return route
  }

  private withhold(route: Route, reason: string): void {
    const routes = ensure(this.withheldRoutes, route.family, () => new Map())
    const withheld = { route, reason }
    if (routes.get(route.key)?.route !== route) this.onWithheld(withheld)
    routes.set(route.key, withheld)
  }

  /** Withdraws routes that the peer has. */
  private packUnreach(family: Family, routes: readonly Route[]): void {
    const codec = nlriCodec(family)!
    const nlri = routes.map((route) => codec.withdrawal?.(route.nlri) ?? route.nlri)
    this.emit(writeUnreach(this.writer, family, nlri, this.negotiated.context))
    const advertised = this.advertised.get(family)!
    for (const { key } of routes) advertised.delete(key)
  }

  /** Advertises routes; those that fit into no message of this session become `unfit` (RFC 4271 §9.2, RFC 8654 §4). */
  private packReach(
    family: Family,
    { attributes, nextHop }: Presented,
    routes: readonly Route[],
    unfit: Route[],
  ): void {
    const { context } = this.negotiated
    const nlri = routes.map((route) => route.nlri)
    const left = new Set<number>()
    this.emit(writeReach(this.writer, family, nextHop, nlri, attributes, context, (index) => left.add(index)))
    const advertised = this.advertised.get(family)!
    for (const [index, route] of routes.entries()) {
      if (left.has(index)) {
        this.withhold(route, `it fits no message of ${context.maxMessageLength} octets (RFC 4271 §9.2)`)
        unfit.push(route)
      } else {
        advertised.set(route.key, route)
        this.withheldRoutes.get(family)?.delete(route.key)
      }
    }
  }

  private emit(updates: number): void {
    if (updates > 0) this.send(this.writer.copy(), updates)
    this.writer.reset()
  }
}

/**
 * Whether a route loses a target that it was advertised with. It is withdrawn first: as a reflector, GoBGP 3.10 does not
 * pass the change on to clients with a membership for that target alone, and they would keep the route.
 */
function losesTarget({ set: before }: Route, { set }: Route): boolean {
  if (before === set || before.constraintTargets.length === 0) return false
  const targets = new Set(set.constraintTargets)
  return before.constraintTargets.some((target) => !targets.has(target))
}
