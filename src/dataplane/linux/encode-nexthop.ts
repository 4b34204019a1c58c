import type { Hop } from '../model.ts'
import * as k from './constants.ts'
import { type Batch, ipFamily } from './encode.ts'
import { encapsulate } from './encode-ip.ts'
import type { NetlinkWriter } from './message.ts'

/** A hop without its weight, which belongs to the group. */
export type UnweightedHop = Omit<Hop, 'weight'>

/** A nexthop of a group and its weight. */
export interface Member {
  readonly id: number
  readonly weight: number
}

/** How a group keeps flows at their hops; times are in seconds. */
export interface Resilience {
  /** After this long without a packet, a bucket may move to an underused hop. */
  readonly idle: number
  /** After this long out of balance, a bucket moves even while it is in use; 0: never. */
  readonly unbalanced: number
}

/** Creates a nexthop; without a neighbour, `family` decides which routes may use it. */
export function createNexthop(
  batch: Batch,
  id: number,
  hop: UnweightedHop,
  index: number,
  family: number,
): void {
  const { writer } = batch
  batch.begin(k.RTM_NEWNEXTHOP, k.NLM_F_CREATE | k.NLM_F_EXCL)
  nhmsg(writer, hop.via === null ? family : ipFamily(hop.via), hop.via === null ? 0 : k.RTNH_F_ONLINK)
  writer.attributeU32(k.NHA_ID, id)
  writer.attributeU32(k.NHA_OIF, index)
  if (hop.via !== null) writer.attributeIp(k.NHA_GATEWAY, hop.via)
  encapsulate(writer, hop.labels, k.NHA_ENCAP_TYPE, k.NHA_ENCAP)
  batch.end()
}

/** A blackhole nexthop, which any kernel with nexthops can make: for probing what else it supports. */
export function createBlackhole(batch: Batch, id: number): void {
  batch.begin(k.RTM_NEWNEXTHOP, k.NLM_F_CREATE | k.NLM_F_EXCL)
  nhmsg(batch.writer, k.AF_INET, 0)
  batch.writer.attributeU32(k.NHA_ID, id)
  batch.writer.attributeBytes(k.NHA_BLACKHOLE, new Uint8Array())
  batch.end()
}

/** Creates a group: a resilient one, or with null one that balances flows by hash thresholds. */
export function createGroup(
  batch: Batch,
  id: number,
  members: readonly Member[],
  resilience: (Resilience & { readonly buckets: number }) | null,
): void {
  batch.begin(k.RTM_NEWNEXTHOP, k.NLM_F_CREATE | k.NLM_F_EXCL)
  group(batch.writer, id, members, resilience !== null)
  if (resilience !== null) {
    const arguments_ = batch.writer.nest(k.NHA_RES_GROUP)
    batch.writer.attributeU16(k.NHA_RES_GROUP_BUCKETS, resilience.buckets)
    batch.writer.attributeU32(k.NHA_RES_GROUP_IDLE_TIMER, resilience.idle * k.USER_HZ)
    batch.writer.attributeU32(k.NHA_RES_GROUP_UNBALANCED_TIMER, resilience.unbalanced * k.USER_HZ)
    batch.writer.close(arguments_)
  }
  batch.end()
}

/** Replaces the members of an existing group. */
export function replaceGroup(
  batch: Batch,
  id: number,
  members: readonly Member[],
  isResilient: boolean,
): void {
  batch.begin(k.RTM_NEWNEXTHOP, k.NLM_F_REPLACE)
  group(batch.writer, id, members, isResilient)
  batch.end()
}

/** Deletes a nexthop or group, and with it all routes that use no other. */
export function deleteNexthop(batch: Batch, id: number): void {
  batch.begin(k.RTM_DELNEXTHOP, 0)
  nhmsg(batch.writer, k.AF_UNSPEC, 0, 0)
  batch.writer.attributeU32(k.NHA_ID, id)
  batch.end()
}

export function getNexthop(batch: Batch, id: number): void {
  batch.begin(k.RTM_GETNEXTHOP, 0)
  nhmsg(batch.writer, k.AF_UNSPEC, 0, 0)
  batch.writer.attributeU32(k.NHA_ID, id)
  batch.end()
}

/** The rest of a dump request for all nexthops and groups. */
export function dumpNexthops(writer: NetlinkWriter): void {
  nhmsg(writer, k.AF_UNSPEC, 0, 0)
}

function group(writer: NetlinkWriter, id: number, members: readonly Member[], isResilient: boolean): void {
  nhmsg(writer, k.AF_UNSPEC, 0)
  writer.attributeU32(k.NHA_ID, id)
  const bytes = Buffer.alloc(k.NEXTHOP_GRP_LENGTH * members.length)
  for (const [i, member] of members.entries()) {
    bytes.writeUInt32LE(member.id, k.NEXTHOP_GRP_LENGTH * i)
    bytes.writeUInt8(member.weight - 1, k.NEXTHOP_GRP_LENGTH * i + 4)
  }
  writer.attributeBytes(k.NHA_GROUP, bytes)
  writer.attributeU16(k.NHA_GROUP_TYPE, isResilient ? k.NEXTHOP_GRP_TYPE_RES : k.NEXTHOP_GRP_TYPE_MPATH)
}

function nhmsg(writer: NetlinkWriter, family: number, flags: number, protocol: number = k.PROTOCOL): void {
  writer.u32(family | (protocol << 16))
  writer.u32(flags)
}
