import * as k from './constants.ts'
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

/** Passes everything except routes of tables that are not VRFs', where another daemon may keep the whole Internet. */
export const NO_MAIN_ROUTES: readonly Instruction[] = [
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
export const NO_LEARNED_ENTRIES: readonly Instruction[] = [
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

/** Octets of a message with a MAC address alone, and of one with a VLAN besides. */
const BARE_BYTES = k.NLMSG_HDRLEN + k.NDMSG_LENGTH + 12
const BARE_VLAN_BYTES = BARE_BYTES + 8

/**
 * Drops the second notification of an FDB entry of a VXLAN device: kernels before 6.13 send it (`rtnl_fdb_notify`), and it has neither destination nor
 * mark. The next filter decides on the rest.
 */
export const NO_BARE_ENTRIES: readonly Instruction[] = [
  [LOAD_U16, 0, 0, 4], // the message type
  [IF_EQUAL, 1, 0, k.RTM_NEWNEIGH << 8],
  [IF_EQUAL, 0, 8, k.RTM_DELNEIGH << 8], // else the rest
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN], // ndm_family
  [IF_EQUAL, 0, 6, k.AF_BRIDGE],
  [LOAD_U8, 0, 0, k.NLMSG_HDRLEN + 10], // ndm_flags
  [IF_EQUAL, 0, 4, k.NTF_SELF],
  [LOAD_U32, 0, 0, 0], // the length
  [IF_EQUAL, 1, 0, asLoaded(BARE_BYTES)],
  [IF_EQUAL, 0, 1, asLoaded(BARE_VLAN_BYTES)], // drop, else the rest
  DROP,
]

/** Drops RTM_NEWNEIGH with NTF_EXT_LEARNED and RTM_NEWROUTE with our protocol; the next filter decides on the rest. */
export const NO_MARKED_ENTRIES: readonly Instruction[] = [
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
export function noneOf(port: number): Instruction[] {
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

/** A filter for notifications, see `Monitor.muteOwned`. `port` is the one of neighbour changes of this process. */
export function notificationFilter(
  port: number,
  dropsSets: boolean,
  removalsFrom: readonly number[],
): Buffer {
  return program([
    ...NO_LEARNED_ENTRIES,
    ...NO_BARE_ENTRIES,
    ...noneOf(port),
    ...(dropsSets ? NO_MARKED_ENTRIES : []),
    ...(removalsFrom.length > 0 ? noRemovalsFrom(removalsFrom) : []),
    ...NO_MAIN_ROUTES,
  ])
}
