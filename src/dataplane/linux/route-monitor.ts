import * as k from './constants.ts'
import { DROP, IF_EQUAL, type Instruction, LOAD_U8, LOAD_U16, PASS, program } from './filter.ts'
import { NetlinkSocket } from './socket.ts'

/** What paths depend on; a link that goes down loses its IPv4 routes without a notification. */
const GROUPS = [
  k.RTNLGRP_LINK,
  k.RTNLGRP_IPV4_ROUTE,
  k.RTNLGRP_IPV4_RULE,
  k.RTNLGRP_IPV6_ROUTE,
  k.RTNLGRP_IPV6_RULE,
  k.RTNLGRP_NEXTHOP,
]

/** Drops notifications of our own changes: routes and nexthops with our protocol. */
const ONLY_OTHERS: readonly Instruction[] = [
  [LOAD_U16, 0, 0, 4], // the message type
  [IF_EQUAL, 3, 0, k.RTM_NEWROUTE << 8],
  [IF_EQUAL, 2, 0, k.RTM_DELROUTE << 8],
  [IF_EQUAL, 3, 0, k.RTM_NEWNEXTHOP << 8],
  [IF_EQUAL, 2, 5, k.RTM_DELNEXTHOP << 8], // else pass
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN + 5], // rtm_protocol
  [IF_EQUAL, 2, 3, k.PROTOCOL], // drop, else pass
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN + 2], // nh_protocol
  [IF_EQUAL, 0, 1, k.PROTOCOL], // drop, else pass
  DROP,
  PASS,
]

/** A few messages: while another daemon installs the whole Internet table, the kernel drops the rest at no cost to us. */
const BUFFER_BYTES = 4096
const DATAGRAMS_A_POLL = 64

/** Notices that paths may have changed, but not how. */
export class RouteMonitor {
  private readonly socket = new NetlinkSocket({ groups: GROUPS, bufferBytes: BUFFER_BYTES })

  constructor() {
    this.socket.filter(program(ONLY_OTHERS))
  }

  get fd(): number {
    return this.socket.fd
  }

  /** Whether something changed since the last call. */
  poll(): boolean {
    for (let i = 0; i < DATAGRAMS_A_POLL; i++) if (this.socket.receive() === 'nothing') return i > 0
    return true
  }

  close(): void {
    this.socket.close()
  }
}
