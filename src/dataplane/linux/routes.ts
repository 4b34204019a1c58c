import type { Key } from '../../values/key-map.ts'
import { ensure } from '../../values/map.ts'
import type { ObservedEntry } from '../driver.ts'
import { prefixKey } from '../kinds/prefix.ts'
import { readBagpipeRoute } from './bagpipe-vrfs.ts'
import { type RouteDirectory, type RouteKey, readGroupedRoute, readRoute } from './decode-ip.ts'
import type { Links } from './links.ts'
import type { NetlinkMessage } from './message.ts'
import type { Multipath } from './multipath.ts'
import { UnmanagedRoutes } from './unmanaged-routes.ts'

/** Reads routes; interfaces yield the VRF, and nexthop groups the hops. */
export class Routes {
  private readonly multipath: Multipath
  private readonly directory: RouteDirectory
  /** Prefixes of routes of bagpipe-bgp that dumps showed, by table. */
  private readonly left = new Map<number, Set<Key>>()

  /** Those of other programs. */
  readonly unmanaged: UnmanagedRoutes

  constructor(links: Links, multipath: Multipath) {
    this.multipath = multipath
    this.unmanaged = new UnmanagedRoutes(links)
    this.directory = {
      nameOf: (index) => links.nameOf(index),
      vrfOf: (table) => links.vrfOf(table),
      hopsOf: (group) => multipath.nexthops.hopsOf(group),
    }
  }

  /** Reads RTM_NEWROUTE and RTM_DELROUTE; undefined for kinds of routes that chanter does not set. */
  read(message: NetlinkMessage): ObservedEntry | undefined {
    this.unmanaged.note(message)
    return readRoute(message, this.directory)
  }

  /** Reads a route of a dump, which shows the users of groups. */
  readHeld(message: NetlinkMessage): ObservedEntry | undefined {
    const observed = this.read(message)
    const isOwned = observed?.marked === true && observed.entry.kind === 'route'
    const grouped = isOwned ? readGroupedRoute(message) : undefined
    if (grouped !== undefined) this.multipath.adopt(grouped.route, grouped.group)
    return observed
  }

  /** Reads a route of bagpipe-bgp in a dump, as one without hops: whatever is wanted there differs. */
  readLeft(message: NetlinkMessage): ObservedEntry | undefined {
    const route = readBagpipeRoute(message)
    if (route === undefined) return undefined
    ensure(this.left, route.table, () => new Set()).add(prefixKey(route.prefix, route.prefixLength))
    return this.named(route)
  }

  /** Whether bagpipe-bgp has any route, as far as known. */
  get anyLeft(): boolean {
    return this.left.size > 0
  }

  /** Whether bagpipe-bgp has a route to that prefix, which the caller removes now. */
  takeLeft({ table, prefix, prefixLength }: RouteKey): boolean {
    const prefixes = this.left.get(table)
    if (prefixes?.delete(prefixKey(prefix, prefixLength)) !== true) return false
    if (prefixes.size === 0) this.left.delete(table)
    return true
  }

  /** Whether bagpipe-bgp has routes in a table, all of which the caller removes now. */
  forgetLeft(table: number): boolean {
    return this.left.delete(table)
  }

  /** A route of which only the identity is known. */
  named(route: RouteKey): ObservedEntry | undefined {
    const device = this.directory.vrfOf(route.table)
    return device === undefined
      ? undefined
      : { entry: { kind: 'route', device, ...route, hops: [] }, marked: true }
  }
}
