import type { Ip } from '../../values/address.ts'
import * as k from './constants.ts'
import { RawHop } from './decode-ip.ts'
import type { Member, UnweightedHop } from './encode-nexthop.ts'
import { NetlinkAttributes, type NetlinkMessage } from './message.ts'

/** A nexthop or a group from a message. */
export interface RawNexthop {
  readonly id: number
  readonly protocol: number
  readonly family: number
  readonly index: number
  /** Of a nexthop; `index` names its interface. */
  readonly hop: Omit<UnweightedHop, 'device'>
  /** Of a group, else null. */
  readonly members: readonly Member[] | null
  readonly isResilient: boolean
  /** Of a resilient group. */
  readonly buckets: number
}

/** Reads RTM_NEWNEXTHOP and RTM_DELNEXTHOP. */
export function readNexthop({ bytes, start, end }: NetlinkMessage): RawNexthop {
  const hop = new RawHop()
  let id = 0
  let members: Member[] | null = null
  let type: number = k.NEXTHOP_GRP_TYPE_MPATH
  let buckets = 0
  const attributes = new NetlinkAttributes(bytes, start + k.NHMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.NHA_ID) id = attributes.u32()
    else if (attributes.type === k.NHA_GROUP) members = readMembers(attributes)
    else if (attributes.type === k.NHA_GROUP_TYPE) type = attributes.u16()
    else if (attributes.type === k.NHA_RES_GROUP) buckets = readBuckets(attributes.nested())
    else if (attributes.type === k.NHA_OIF) hop.index = attributes.u32()
    else if (attributes.type === k.NHA_GATEWAY) hop.via = attributes.octets() as Ip
    else if (attributes.type === k.NHA_ENCAP) hop.readEncap(attributes.nested())
  }
  return {
    id,
    protocol: bytes.readUInt8(start + 2),
    family: bytes.readUInt8(start),
    index: hop.index,
    hop: { via: hop.via, labels: hop.labels },
    members,
    isResilient: type === k.NEXTHOP_GRP_TYPE_RES,
    buckets,
  }
}

function readMembers({ bytes, at, length }: NetlinkAttributes): Member[] {
  const members: Member[] = []
  for (let next = at; next + k.NEXTHOP_GRP_LENGTH <= at + length; next += k.NEXTHOP_GRP_LENGTH) {
    members.push({ id: bytes.readUInt32LE(next), weight: bytes.readUInt8(next + 4) + 1 })
  }
  return members
}

function readBuckets(attributes: NetlinkAttributes): number {
  while (attributes.next()) if (attributes.type === k.NHA_RES_GROUP_BUCKETS) return attributes.u16()
  return 0
}
