import type { ChangeListener, ObservedEntry } from '../driver.ts'
import { addressesOf } from './addresses.ts'
import * as k from './constants.ts'
import { readAddress, readInterface, readSettingsOf } from './decode-ip.ts'
import { type NeighbourMessage, readNeighbour } from './decode-neighbour.ts'
import type { BridgeIsolation } from './isolation.ts'
import type { Links } from './links.ts'
import { messages, type NetlinkMessage } from './message.ts'
import type { Multipath } from './multipath.ts'
import { notificationFilter } from './notification-filter.ts'
import { isOwnRoute, type OwnRoutes } from './own-routes.ts'
import { RemovalCounter } from './removal-counter.ts'
import { RouteMonitor } from './route-monitor.ts'
import type { Routes } from './routes.ts'
import { NetlinkSocket } from './socket.ts'
import { fits, mplsInput } from './sysctl.ts'
import { readTrafficControl } from './traffic-control.ts'

/** Datagrams read at a time, so that a flood of them holds up no other work. */
const DATAGRAMS_A_POLL = 4096

const GROUPS = [
  k.RTNLGRP_LINK,
  k.RTNLGRP_NEIGH,
  k.RTNLGRP_TC,
  k.RTNLGRP_IPV4_IFADDR,
  k.RTNLGRP_IPV6_IFADDR,
  k.RTNLGRP_IPV4_ROUTE,
  k.RTNLGRP_IPV6_ROUTE,
  k.RTNLGRP_MPLS_ROUTE,
  k.RTNLGRP_IPV4_RULE,
  k.RTNLGRP_IPV6_RULE,
  k.RTNLGRP_IPV4_NETCONF,
  k.RTNLGRP_IPV6_NETCONF,
  k.RTNLGRP_MPLS_NETCONF,
  k.RTNLGRP_NEXTHOP,
]

export interface MonitorDependencies {
  readonly links: Links
  readonly routes: Routes
  readonly ownRoutes: OwnRoutes
  readonly multipath: Multipath
  readonly listener: ChangeListener
  /** Notified when tc's filters of an interface, by index, become fewer. */
  readonly isolation: Pick<BridgeIsolation, 'filtersRemoved'>
  readonly bufferBytes: number
  /** The port of the socket for neighbour changes. */
  readonly port: number
  /** Whether to count muted removals, where the kernel permits that. */
  readonly countsRemovals: boolean
}

/** Receives notifications of the kernel; the caller has to `poll` it, since Node cannot wait on such a socket. */
export class Monitor {
  private readonly socket: NetlinkSocket
  private readonly routeMonitor = new RouteMonitor()
  private readonly links: Links
  private readonly routes: Routes
  private readonly ownRoutes: OwnRoutes
  private readonly multipath: Multipath
  private readonly listener: ChangeListener
  private readonly isolation: MonitorDependencies['isolation']
  private readonly port: number
  /** Null where the kernel permits none: then the filter is a classic one. */
  readonly counter: RemovalCounter | null
  /** Which notifications are muted. */
  private muted = 'false '
  /** Interfaces that lost routes of the kernel's own. */
  private readonly robbed = new Set<number>()
  /** The entry of a bridge that the last message about one showed half set. */
  private half: { readonly bridge: string; readonly observed: ObservedEntry } | null = null

  constructor({
    links,
    routes,
    ownRoutes,
    multipath,
    listener,
    isolation,
    bufferBytes,
    port,
    countsRemovals,
  }: MonitorDependencies) {
    this.socket = new NetlinkSocket({ groups: GROUPS, bufferBytes })
    this.port = port
    this.counter = countsRemovals ? this.attached(RemovalCounter.create({ links, port })) : null
    if (this.counter === null) this.socket.filter(notificationFilter(port, false, []))
    this.links = links
    this.routes = routes
    this.ownRoutes = ownRoutes
    this.multipath = multipath
    this.listener = listener
    this.isolation = isolation
  }

  /**
   * Drops notifications of entries with our mark before they cost a wake-up and a copy: of set entries while `sets` is on, and of entries removed
   * from the interfaces of some indexes.
   */
  muteOwned(sets: boolean, removalsFrom: readonly number[]): void {
    const muted = `${sets} ${removalsFrom.join()}`
    if (muted === this.muted) return
    if (this.counter !== null) this.counter.mute(sets, removalsFrom)
    else this.socket.filter(notificationFilter(this.port, sets, removalsFrom))
    this.muted = muted
  }

  get descriptors(): readonly number[] {
    return [this.socket.fd, this.routeMonitor.fd]
  }

  poll(): void {
    if (this.routeMonitor.poll()) this.listener.routesChanged()
    for (let i = 0; i < DATAGRAMS_A_POLL + Number(this.half !== null); i++) {
      const received = this.socket.receive()
      if (received === 'nothing') return this.endPoll()
      if (received === 'overrun') this.overrun()
      else for (const message of messages(this.socket.bytes, received)) this.handle(message)
    }
  }

  close(): void {
    this.socket.close()
    this.routeMonitor.close()
    this.counter?.close()
  }

  private attached(counter: RemovalCounter | null): RemovalCounter | null {
    if (counter === null || this.socket.attach(counter.fd)) return counter
    counter.close()
    return null
  }

  private handle(message: NetlinkMessage): void {
    switch (message.type) {
      case k.RTM_NEWLINK:
      case k.RTM_DELLINK:
        this.handleLink(message)
        return
      case k.RTM_NEWADDR:
      case k.RTM_DELADDR: {
        const observed = readAddress(message, this.links)
        if (observed?.marked !== true) this.listener.addressesChanged()
        if (observed === undefined) return
        // the host's use of an external bridge may have changed
        if (this.links.isBridge(observed.entry.device)) this.listener.linkChanged(observed.entry.device)
        // with its last IPv4 address, an interface loses all routes without a notification
        if (message.type === k.RTM_DELADDR) this.disrupted(observed.entry.device)
        this.listener.entryChanged(observed, message.type === k.RTM_NEWADDR)
        return
      }
      case k.RTM_NEWROUTE:
      case k.RTM_DELROUTE: {
        if (message.type === k.RTM_DELROUTE && isOwnRoute(message)) this.robbed.add(readInterface(message))
        const observed = this.routes.read(message)
        if (observed !== undefined) this.listener.entryChanged(observed, message.type === k.RTM_NEWROUTE)
        return
      }
      case k.RTM_NEWNEXTHOP:
      case k.RTM_DELNEXTHOP:
        for (const route of this.multipath.usersOf(this.multipath.nexthops.handle(message))) {
          const observed = this.routes.named(route)
          if (observed !== undefined) this.listener.entryChanged(observed, false)
        }
        return
      case k.RTM_DELQDISC:
      case k.RTM_DELTFILTER: {
        const index = readTrafficControl(message)
        this.isolation.filtersRemoved(index)
        const device = this.links.nameOf(index)
        if (device !== undefined) this.listener.linkChanged(device)
        return
      }
      case k.RTM_NEWRULE:
      case k.RTM_DELRULE:
        for (const vrf of this.links.vrfNames()) this.listener.linkChanged(vrf)
        return
      case k.RTM_NEWNETCONF:
        this.handleSettings(message)
        return
      case k.RTM_NEWNEIGH:
      case k.RTM_DELNEIGH: {
        const seen = readNeighbour(message, this.links)
        if (seen === undefined) return
        const present = message.type === k.RTM_NEWNEIGH
        if (seen.bridge === null) this.listener.entryChanged(seen.observed, present)
        else this.handleBridged(seen.bridge, seen, present)
      }
    }
  }

  /** An entry that shows half set is reported unless the next message shows the rest: this process sets both at once. */
  private handleBridged(bridge: string, seen: NeighbourMessage, present: boolean): void {
    const isHalfSet = present && seen.isHalfSet === true
    const isRest =
      present && !isHalfSet && this.half !== null && isOfOneMac(this.half.observed, seen.observed)
    if (isRest) this.half = null
    else this.reportHalf()
    if (isHalfSet) this.half = { bridge, observed: seen.observed }
    else this.listener.fdbChanged(bridge, seen.observed, present)
  }

  private endPoll(): void {
    this.reportHalf()
    for (const index of this.robbed) this.reportLacking(index)
    this.robbed.clear()
  }

  /** Reports the addresses of a port that lack their routes as gone. With its address or its VRF a port loses them as well. */
  private reportLacking(index: number): void {
    const link = this.links.get(index)
    if (link === undefined || link.routing === null) return
    const addresses = addressesOf(index)
    const lacking = this.ownRoutes.lacking(
      link,
      addresses.map(({ ip }) => ip),
    )
    for (const { ip, prefixLength } of addresses) {
      const entry = { kind: 'address', device: link.name, ip, prefixLength } as const
      if (lacking.has(ip)) this.listener.entryChanged({ entry, marked: true }, false)
    }
  }

  private reportHalf(): void {
    const { half } = this
    this.half = null
    if (half !== null) this.listener.fdbChanged(half.bridge, { ...half.observed, isHalfSet: true }, true)
  }

  private overrun(): void {
    this.multipath.nexthops.doubt()
    this.listener.overrun()
  }

  private disrupted(device: string): void {
    this.multipath.nexthops.doubt(device)
    this.listener.linkDisrupted(device)
    this.listener.addressesChanged()
  }

  private handleLink(message: NetlinkMessage): void {
    const { names, unsteady } = this.links.handle(message)
    for (const name of names) {
      if (unsteady) this.disrupted(name)
      this.listener.linkChanged(name)
    }
  }

  private handleSettings(message: NetlinkMessage): void {
    const index = readSettingsOf(message)
    const isMpls = message.bytes.readUInt8(message.start) === k.AF_MPLS
    const name = index > 0 ? this.links.nameOf(index) : undefined
    const names = name === undefined ? this.links.allNames() : [name]
    for (const each of names) {
      this.listener.linkChanged(each)
      if (isMpls && !fits(mplsInput(each)))
        this.listener.entryChanged({ entry: { kind: 'mpls-interface', device: each }, marked: false }, false)
    }
  }
}

function isOfOneMac({ entry: a }: ObservedEntry, { entry: b }: ObservedEntry): boolean {
  return a.device === b.device && 'mac' in a && 'mac' in b && a.mac === b.mac
}
