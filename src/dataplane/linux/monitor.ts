import type { ChangeListener } from '../driver.ts'
import * as k from './constants.ts'
import { readAddress, readSettingsOf } from './decode-ip.ts'
import { readNeighbour } from './decode-neighbour.ts'
import {
  DROP,
  IF_ANY_BIT,
  IF_EQUAL,
  type Instruction,
  LOAD_U8,
  LOAD_U16,
  LOAD_U32,
  PASS,
  program,
} from './filter.ts'
import type { Links } from './links.ts'
import { messages, type NetlinkMessage } from './message.ts'
import type { Multipath } from './multipath.ts'
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

/** Passes everything except routes of tables that are not VRFs', where another daemon may keep the whole Internet. */
const NO_MAIN_ROUTES: readonly Instruction[] = [
  [LOAD_U16, 0, 0, 4], // the message type
  [IF_EQUAL, 1, 0, k.RTM_NEWROUTE << 8],
  [IF_EQUAL, 0, 6, k.RTM_DELROUTE << 8], // else pass
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN], // rtm_family
  [IF_EQUAL, 4, 0, k.AF_MPLS], // pass
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN + 4], // rtm_table
  [IF_EQUAL, 1, 0, k.RT_TABLE_MAIN], // drop
  [IF_EQUAL, 0, 1, k.RT_TABLE_LOCAL], // drop, else pass
  DROP,
  PASS,
]

/**
 * Drops notifications of what bridges learn and forget, one for each new address that a VM sends from; the next filter decides on the rest. No wanted
 * MAC is among them: ports of owned bridges do not learn, and owned entries of external ones are sticky.
 */
const NO_LEARNED_ENTRIES: readonly Instruction[] = [
  [LOAD_U16, 0, 0, 4], // the message type
  [IF_EQUAL, 1, 0, k.RTM_NEWNEIGH << 8],
  [IF_EQUAL, 0, 7, k.RTM_DELNEIGH << 8], // else the rest
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN], // ndm_family
  [IF_EQUAL, 0, 5, k.AF_BRIDGE],
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN + 10], // ndm_flags
  [IF_EQUAL, 0, 3, 0],
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN + 8], // ndm_state, its low octet
  [IF_ANY_BIT, 1, 0, k.NUD_NOARP | k.NUD_PERMANENT],
  DROP,
]

/** Drops RTM_NEWNEIGH with NTF_EXT_LEARNED and RTM_NEWROUTE with our protocol; the next filter decides on the rest. */
const NO_MARKED_ENTRIES: readonly Instruction[] = [
  [LOAD_U16, 0, 0, 4], // the message type
  [IF_EQUAL, 0, 2, k.RTM_NEWNEIGH << 8],
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN + 10], // ndm_flags
  [IF_ANY_BIT, 3, 4, k.NTF_EXT_LEARNED], // drop, else the rest
  [IF_EQUAL, 0, 3, k.RTM_NEWROUTE << 8], // else the rest
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN + 5], // rtm_protocol
  [IF_EQUAL, 0, 1, k.PROTOCOL], // drop, else the rest
  DROP,
]

/** Drops RTM_NEWNEIGH of requests by that port, which this process made itself; the next filter decides on the rest. FDB notifications have no port. */
function noneOf(port: number): Instruction[] {
  return [
    [LOAD_U16, 0, 0, 4], // the message type
    [IF_EQUAL, 0, 3, k.RTM_NEWNEIGH << 8],
    [LOAD_U32, 0, 0, 12], // the port
    [IF_EQUAL, 0, 1, asLoaded(port)],
    DROP,
  ]
}

/**
 * Drops RTM_DELNEIGH from the interfaces of some indexes, at most 249: of FDB entries those with NTF_EXT_LEARNED, and of neighbours all, since the
 * kernel takes that flag from one before it removes it. The next filter decides on the rest.
 */
function noRemovalsFrom(indexes: readonly number[]): Instruction[] {
  const { length } = indexes
  return [
    [LOAD_U16, 0, 0, 4], // the message type
    [IF_EQUAL, 0, length + 6, k.RTM_DELNEIGH << 8], // else the rest
    [LOAD_U8, 0, 0, k.NLMSG_HDRLEN], // ndm_family
    [IF_EQUAL, 0, 2, k.AF_BRIDGE], // else the interface
    [LOAD_U8, 0, 0, k.NLMSG_HDRLEN + 10], // ndm_flags
    [IF_ANY_BIT, 0, length + 2, k.NTF_EXT_LEARNED], // else the rest
    [LOAD_U32, 0, 0, k.NLMSG_HDRLEN + 4], // ndm_ifindex
    ...indexes.map(
      (index, i): Instruction => [IF_EQUAL, length - i - 1, i === length - 1 ? 1 : 0, asLoaded(index)],
    ),
    DROP,
  ]
}

/** A number in host order as a load has it, which turns its octets round. */
function asLoaded(number: number): number {
  return Buffer.from(Uint32Array.of(number).buffer).readUInt32BE()
}

export interface MonitorDependencies {
  readonly links: Links
  readonly routes: Routes
  readonly multipath: Multipath
  readonly listener: ChangeListener
  readonly bufferBytes: number
  /** The port of the socket for neighbour changes. */
  readonly port: number
}

/** Receives notifications of the kernel; the caller has to `poll` it, since Node cannot wait on such a socket. */
export class Monitor {
  private readonly socket: NetlinkSocket
  private readonly routeMonitor = new RouteMonitor()
  private readonly links: Links
  private readonly routes: Routes
  private readonly multipath: Multipath
  private readonly listener: ChangeListener
  private readonly port: number
  /** Which notifications are muted. */
  private muted = 'false '

  constructor({ links, routes, multipath, listener, bufferBytes, port }: MonitorDependencies) {
    this.socket = new NetlinkSocket({ groups: GROUPS, bufferBytes })
    this.port = port
    this.socket.filter(this.program(false, []))
    this.links = links
    this.routes = routes
    this.multipath = multipath
    this.listener = listener
  }

  /**
   * Drops notifications of entries with our mark before they cost a wake-up and a copy: of set entries while `sets` is on, and of entries removed
   * from the interfaces of some indexes.
   */
  muteOwned(sets: boolean, removalsFrom: readonly number[]): void {
    const muted = `${sets} ${removalsFrom.join()}`
    if (muted === this.muted) return
    this.muted = muted
    this.socket.filter(this.program(sets, removalsFrom))
  }

  get descriptors(): readonly number[] {
    return [this.socket.fd, this.routeMonitor.fd]
  }

  poll(): void {
    if (this.routeMonitor.poll()) this.listener.routesChanged()
    for (let i = 0; i < DATAGRAMS_A_POLL; i++) {
      const received = this.socket.receive()
      if (received === 'nothing') return
      if (received === 'overrun') this.overrun()
      else for (const message of messages(this.socket.bytes, received)) this.handle(message)
    }
  }

  close(): void {
    this.socket.close()
    this.routeMonitor.close()
  }

  private program(dropsSets: boolean, removalsFrom: readonly number[]): Buffer {
    return program([
      ...NO_LEARNED_ENTRIES,
      ...noneOf(this.port),
      ...(dropsSets ? NO_MARKED_ENTRIES : []),
      ...(removalsFrom.length > 0 ? noRemovalsFrom(removalsFrom) : []),
      ...NO_MAIN_ROUTES,
    ])
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
        const device = this.links.nameOf(readTrafficControl(message))
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
        else if (!present || !seen.isHalfSet) this.listener.fdbChanged(seen.bridge, seen.observed, present)
      }
    }
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
