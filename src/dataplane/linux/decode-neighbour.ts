import { ANY_IPV4, type Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import { type ObservedEntry, ZERO_MAC } from '../driver.ts'
import type { FdbDrift } from '../model.ts'
import * as k from './constants.ts'
import { linuxDefinitions } from './kinds/index.ts'
import { NetlinkAttributes, type NetlinkMessage } from './message.ts'

/** Interface facts that messages leave out. */
export interface Directory {
  nameOf(index: number): string | undefined
  /** Whether a bridge is external, and so may learn. */
  isExternal(bridge: string): boolean
  /** Of a VXLAN device; null for others. */
  vniOf(name: string): number | null
  isBridge(name: string): boolean
}

/** RTM_NEWNEIGH or RTM_DELNEIGH, as it came. */
export interface RawNeighbour {
  readonly family: number
  readonly device: string
  readonly state: number
  readonly flags: number
  readonly extendedFlags: number
  readonly protocol: number
  /** Zero where there is none. */
  readonly mac: Mac
  readonly dst: Ip
  /** Of an entry that is a bridge's; else null. */
  readonly bridge: string | null
  /** Of an FDB entry of a VXLAN device, the device's own where the message has none; null of other entries. */
  readonly vni: number | null
  readonly drift: FdbDrift
}

/** A message about a neighbour or FDB entry, as far as chanter uses such entries. */
export interface NeighbourMessage {
  /** The bridge whose entry it is; null for other entries. */
  readonly bridge: string | null
  readonly observed: ObservedEntry
  /** Whether the bridge's entry is marked and about to become sticky, which takes the kernel a message of its own. */
  readonly isHalfSet?: boolean
}

const readers = linuxDefinitions.flatMap(({ readNeighbour }) => readNeighbour ?? [])

/** Reads RTM_NEWNEIGH and RTM_DELNEIGH; undefined for entries that chanter does not use. */
export function readNeighbour(message: NetlinkMessage, directory: Directory): NeighbourMessage | undefined {
  const raw = readRaw(message, directory)
  if (raw === undefined) return undefined
  for (const read of readers) {
    const seen = read(raw, directory)
    if (seen !== undefined) return seen
  }
  return undefined
}

function readRaw({ bytes, start, end }: NetlinkMessage, directory: Directory): RawNeighbour | undefined {
  const family = bytes.readUInt8(start)
  const device = directory.nameOf(bytes.readInt32LE(start + 4))
  if (device === undefined) return undefined
  let mac = ZERO_MAC
  let dst = ANY_IPV4
  let vni: number | null = null
  let master = 0
  let isWhole = false
  let protocol = 0
  let extendedFlags = 0
  const drift: { -readonly [P in keyof FdbDrift]: FdbDrift[P] } = {}
  const attributes = new NetlinkAttributes(bytes, start + k.NDMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.NDA_LLADDR && attributes.length === 6) mac = attributes.network()
    else if (attributes.type === k.NDA_DST) dst = attributes.octets() as Ip
    else if (attributes.type === k.NDA_CACHEINFO) isWhole = true
    else if (attributes.type === k.NDA_VNI) vni = attributes.u32()
    else if (attributes.type === k.NDA_MASTER) master = attributes.u32()
    else if (attributes.type === k.NDA_PROTOCOL) protocol = attributes.u8()
    else if (attributes.type === k.NDA_VLAN) return undefined
    else if (attributes.type === k.NDA_PORT) drift.port = attributes.network()
    else if (attributes.type === k.NDA_IFINDEX) drift.via = attributes.u32()
    else if (attributes.type === k.NDA_FLAGS_EXT) extendedFlags = attributes.u32()
    else if (attributes.type === k.NDA_NH_ID) drift.nhid = attributes.u32()
    else if (attributes.type === k.NDA_SRC_VNI) drift.srcVni = attributes.u32()
  }
  const isFdb = family === k.AF_BRIDGE
  const bridge = !isFdb || master === 0 ? null : directory.nameOf(master)
  if (bridge === undefined) return undefined
  const flags = bytes.readUInt8(start + 10)
  // before 6.13, a message without destination or mark follows that of a VXLAN device about its entry (rtnl_fdb_notify)
  if (isFdb && flags === k.NTF_SELF && dst === ANY_IPV4 && !isWhole) return undefined
  const own = isFdb ? directory.vniOf(device) : null
  return {
    family,
    device,
    state: bytes.readUInt16LE(start + 8),
    flags,
    extendedFlags,
    protocol,
    mac,
    dst,
    bridge,
    vni: own === null ? null : (vni ?? own),
    drift,
  }
}
