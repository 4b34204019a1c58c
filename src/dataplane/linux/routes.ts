import type { ObservedEntry } from '../driver.ts'
import { type RouteDirectory, type RouteKey, readGroupedRoute, readRoute } from './decode-ip.ts'
import type { Links } from './links.ts'
import type { NetlinkMessage } from './message.ts'
import type { Multipath } from './multipath.ts'

/** Reads routes; interfaces yield the VRF, and nexthop groups the hops. */
export class Routes {
  private readonly multipath: Multipath
  private readonly directory: RouteDirectory

  constructor(links: Links, multipath: Multipath) {
    this.multipath = multipath
    this.directory = {
      nameOf: (index) => links.nameOf(index),
      vrfOf: (table) => links.vrfOf(table),
      hopsOf: (group) => multipath.nexthops.hopsOf(group),
    }
  }

  /** Reads RTM_NEWROUTE and RTM_DELROUTE; undefined for kinds of routes that chanter does not set. */
  read(message: NetlinkMessage): ObservedEntry | undefined {
    return readRoute(message, this.directory)
  }

  /** Reads a route of a dump, which shows the users of groups. */
  readHeld(message: NetlinkMessage): ObservedEntry | undefined {
    const observed = this.read(message)
    const grouped = observed?.entry.kind === 'route' ? readGroupedRoute(message) : undefined
    if (grouped !== undefined) this.multipath.adopt(grouped.route, grouped.group)
    return observed
  }

  /** A route of which only the identity is known. */
  named(route: RouteKey): ObservedEntry | undefined {
    const device = this.directory.vrfOf(route.table)
    return device === undefined
      ? undefined
      : { entry: { kind: 'route', device, ...route, hops: [] }, marked: true }
  }
}
