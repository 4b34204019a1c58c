import type { Ip } from '../../values/address.ts'
import { assert } from '../../values/assert.ts'
import type { OwnedObject } from '../driver.ts'
import type { Hop, VrfRoute } from '../model.ts'
import { isRefusal, kernelRefusal, type Refusal } from '../refusal.ts'
import * as k from './constants.ts'
import { type RouteKey, readGroupedRoute } from './decode-ip.ts'
import { ipFamily } from './encode.ts'
import { dumpRoutes } from './encode-ip.ts'
import type { Links } from './links.ts'
import type { NetlinkMessage } from './message.ts'
import { membersKey, membersOf, type NexthopGroup, type Part } from './nexthop-group.ts'
import type { Nexthops } from './nexthops.ts'
import { dump } from './requests.ts'

/** How an ECMP route is to be set. */
export interface RoutePlan {
  /** Null: its hops are written into the route itself. */
  readonly group: NexthopGroup | null
  /** The hops that can be used. */
  readonly hops: readonly Hop[]
  /** Why the other hops cannot be used. */
  readonly lacking: Refusal | null
}

/** Routes that move from one group, or none, to the same parts. */
interface Move {
  readonly from: NexthopGroup | undefined
  readonly parts: readonly Part[]
  /** Their keys: one may be twice in a batch. */
  readonly routes: Set<string>
  /** By their position in the batch, why not all of their hops are among the parts. */
  readonly lacking: Map<number, Refusal | null>
}

/**
 * ECMP routes by nexthop groups, so that flows keep to their hops when others come and go. Routes with the same
 * hops share a group. When all of them change together the group is changed itself; when only some change, they get a group of
 * their own, which is made by the same changes as the old one, and so has the same flows at the same hops.
 */
export class Multipath {
  readonly nexthops: Nexthops
  private readonly links: Links
  private readonly users = new Map<string, NexthopGroup>()
  /** Routes removed during a dump of all routes, which the dump may not reflect. */
  private gone: Set<string> | null = null

  constructor(nexthops: Nexthops, links: Links) {
    this.nexthops = nexthops
    this.links = links
  }

  /** Creates the groups that routes need; returns, by position, why a route cannot be set at all. */
  plan(routes: ReadonlyMap<number, VrfRoute>): Map<number, RoutePlan | Refusal> {
    const plans = new Map<number, RoutePlan | Refusal>()
    const moves = new Map<string, Move>()
    for (const [i, route] of routes) {
      if (route.hops.length < 2 && this.groupOf(route) === undefined) continue
      if (this.nexthops.ability === 'no groups') plans.set(i, this.planInline(route))
      else this.planMove(i, route, plans, moves)
    }
    for (const move of moves.values()) {
      const group = this.carryOut(move)
      for (const [i, lacking] of move.lacking) {
        plans.set(i, isRefusal(group) ? group : { group, hops: group.hops, lacking })
      }
    }
    return plans
  }

  /** Records that the route was set as planned, or without a group. */
  use(route: RouteKey, group: NexthopGroup | null): void {
    const key = routeKeyOf(route)
    const before = this.users.get(key)
    if (before === (group ?? undefined)) return
    if (before !== undefined) {
      assert(before.users > 0, 'a nexthop group is left that no route uses', before.id)
      before.users--
    }
    if (group === null) this.users.delete(key)
    else {
      this.users.set(key, group)
      group.users++
    }
  }

  /** Records that the route is gone. */
  release(route: RouteKey): void {
    this.gone?.add(routeKeyOf(route))
    this.use(route, null)
  }

  /** Records that a dump showed a route with a group. */
  adopt(route: RouteKey, id: number): void {
    const key = routeKeyOf(route)
    const known = this.users.get(key)
    if ((known !== undefined && !known.isGone) || this.gone?.has(key)) return
    const group = this.nexthops.groupOf(id)
    if (group !== undefined) this.use(route, group)
  }

  /** Deletes unused groups and nexthops. */
  tidy(): void {
    for (const group of this.nexthops.groups)
      if (group.users === 0 && group.isKnown) this.nexthops.delete(group)
    for (const nexthop of this.nexthops.all) this.nexthops.deleteUnused(nexthop)
  }

  /** Dumps all owned routes, a step at a time, for the users of groups from an earlier process; then deletes the unused groups. */
  *sweep(): Generator<undefined, void> {
    this.nexthops.refresh()
    const groups = [...this.nexthops.groups].filter(({ isKnown }) => !isKnown)
    this.gone = new Set()
    const visit = (message: NetlinkMessage) => {
      const seen = readGroupedRoute(message)
      if (seen !== undefined) this.adopt(seen.route, seen.group)
    }
    if (groups.length > 0) {
      for (const family of [k.AF_INET, k.AF_INET6]) {
        const write = (writer: Parameters<typeof dumpRoutes>[0]) => dumpRoutes(writer, family, null)
        yield* dump({ type: k.RTM_GETROUTE, write, visit, nothing: [k.ENOENT, k.EAFNOSUPPORT] })
      }
    }
    this.gone = null
    for (const group of groups) group.isKnown = true
    this.tidy()
  }

  /** The routes that use one of these groups. */
  *usersOf(groups: readonly NexthopGroup[]): Generator<RouteKey, void> {
    if (groups.length === 0) return
    for (const [key, group] of this.users) if (groups.includes(group)) yield routeOf(key)
  }

  /** All owned groups and nexthops. */
  otherOwned(): OwnedObject[] {
    this.nexthops.refresh()
    const groups = [...this.nexthops.groups].map(({ id }) => ({ what: `nexthop group ${id}`, id }))
    const nexthops = [...this.nexthops.all].map(({ id, hop }) => ({
      what: `nexthop ${id} on ${hop.device}`,
      id,
    }))
    return [...groups, ...nexthops].map(({ what, id }) => ({
      what,
      remove: () => this.nexthops.deleteId(id),
    }))
  }

  private groupOf(route: RouteKey): NexthopGroup | undefined {
    const group = this.users.get(routeKeyOf(route))
    if (group !== undefined) this.nexthops.refresh()
    return group === undefined || group.isGone ? undefined : group
  }

  private planInline({ hops }: VrfRoute): RoutePlan | Refusal {
    let lacking: Refusal | null = null
    const usable = hops.filter(({ device }) => {
      if (this.links.lookUp(device)?.up) return true
      lacking ??= kernelRefusal(k.ENETDOWN, `interface ${device} is not up`)
      return false
    })
    return usable.length === 0 && lacking !== null ? lacking : { group: null, hops: usable, lacking }
  }

  private planMove(
    i: number,
    route: VrfRoute,
    plans: Map<number, RoutePlan | Refusal>,
    moves: Map<string, Move>,
  ): void {
    const from = this.groupOf(route)
    const family = ipFamily(route.prefix)
    const { parts, lacking } = this.partsOf(route.hops, family)
    if (parts.length === 0 && lacking !== null) {
      plans.set(i, lacking)
      return
    }
    const key = `${from?.id} ${membersKey(membersOf(parts))}`
    const move = moves.get(key) ?? { from, parts, routes: new Set(), lacking: new Map() }
    moves.set(key, move)
    move.routes.add(routeKeyOf(route))
    move.lacking.set(i, lacking)
  }

  private partsOf(hops: readonly Hop[], family: number): { parts: Part[]; lacking: Refusal | null } {
    this.nexthops.refresh()
    const parts: Part[] = []
    let lacking: Refusal | null = null
    for (const hop of hops) {
      const nexthop = this.nexthops.ensure(hop, family)
      if (isRefusal(nexthop)) lacking ??= nexthop
      else parts.push({ nexthop, weight: hop.weight })
    }
    return { parts, lacking }
  }

  private carryOut({ from, parts, routes }: Move): NexthopGroup | Refusal {
    const key = membersKey(membersOf(parts))
    if (from === undefined) return this.nexthops.groupWith(key) ?? this.nexthops.create(parts)
    if (from.key === key) return from
    const mayChange =
      from.isResilient === (this.nexthops.ability === 'resilient groups') && from.hasRoomFor(parts)
    if (!mayChange) return this.nexthops.groupWith(key) ?? this.nexthops.create(parts)
    const successor = from.successors.get(key)
    if (successor !== undefined && !successor.isGone && successor.key === key) return successor
    if (from.isKnown && routes.size === from.users && this.nexthops.isIntact(from))
      return this.nexthops.replace(from, parts) ?? from
    const split = from.isResilient
      ? this.split(from, parts)
      : (this.nexthops.groupWith(key) ?? this.nexthops.create(parts))
    if (!isRefusal(split)) from.successors.set(key, split)
    return split
  }

  /** Creates a second group for routes that leave the first, by repeating the first one's history. */
  private split(from: NexthopGroup, parts: readonly Part[]): NexthopGroup | Refusal {
    const stages = [...from.history, from.parts].map((stage) =>
      stage.flatMap(({ nexthop: { hop, family }, weight }) => {
        const nexthop = this.nexthops.ensure(hop, family)
        return isRefusal(nexthop) ? [] : [{ nexthop, weight }]
      }),
    )
    const [first, ...others] = [...stages, parts].filter((stage) => stage.length > 0)
    const group = this.nexthops.create(first ?? parts, from.buckets)
    if (isRefusal(group)) return group
    for (const stage of others) {
      const refusal =
        membersKey(membersOf(stage)) === group.key ? undefined : this.nexthops.replace(group, stage)
      if (refusal !== undefined) return refusal
    }
    return group
  }
}

function routeKeyOf({ table, prefix, prefixLength }: RouteKey): string {
  return `${String.fromCharCode(prefix.length, prefixLength)}${prefix}${table}`
}

function routeOf(key: string): RouteKey {
  const end = 2 + key.charCodeAt(0)
  return { prefix: key.slice(2, end) as Ip, prefixLength: key.charCodeAt(1), table: Number(key.slice(end)) }
}
