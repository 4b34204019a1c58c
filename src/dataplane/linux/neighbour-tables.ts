import type { NeighbourTable } from '../driver.ts'
import type { NeighbourFamily } from '../model.ts'
import * as k from './constants.ts'
import { ndmsg } from './encode.ts'
import type { Links } from './links.ts'
import { NetlinkAttributes, type NetlinkMessage } from './message.ts'
import { dump, exhaust } from './requests.ts'

const FAMILIES = { ipv4: k.AF_INET, ipv6: k.AF_INET6 } as const satisfies Record<NeighbourFamily, number>

/** Offset of the field read from struct ndt_stats. */
const TABLE_FULLS = 80

/** The tables that this kernel has; asking for them takes no privileges, in any network namespace. */
export function neighbourTables(): NeighbourTable[] {
  const tables: NeighbourTable[] = []
  for (const family of ['ipv4', 'ipv6'] as const) {
    const steps = dump({
      type: k.RTM_GETNEIGHTBL,
      write: (writer) => writer.u32(FAMILIES[family]),
      visit: (message) => tables.push(...readTable(family, message)),
      nothing: [k.EAFNOSUPPORT, k.EOPNOTSUPP],
    })
    // the table comes first, and after it the parameters of each interface, which may be many
    steps.next()
    steps.return()
  }
  return tables
}

/** By interface, how many entries of the table count towards its limit. A dump of 100,000 entries takes 50 ms. */
export function neighbourCounts(family: NeighbourFamily, links: Links): Map<string, number> {
  const counts = new Map<number, number>()
  const visit = ({ bytes, start }: NetlinkMessage) => {
    const index = bytes.readInt32LE(start + 4)
    const isExempt =
      (bytes.readUInt16LE(start + 8) & k.NUD_PERMANENT) !== 0 ||
      (bytes.readUInt8(start + 10) & k.NTF_EXT_LEARNED) !== 0
    if (!isExempt) counts.set(index, (counts.get(index) ?? 0) + 1)
  }
  exhaust(
    dump({
      type: k.RTM_GETNEIGH,
      write: (writer) => ndmsg(writer, FAMILIES[family], 0, 0, 0),
      visit,
      nothing: [k.EAFNOSUPPORT, k.EOPNOTSUPP],
    }),
  )
  return new Map([...counts].map(([index, count]) => [links.nameOf(index) ?? `interface ${index}`, count]))
}

/** Messages about the parameters of an interface have no statistics. */
function readTable(family: NeighbourFamily, { bytes, start, end }: NetlinkMessage): NeighbourTable[] {
  let limit = 0
  let refused: number | null = null
  const attributes = new NetlinkAttributes(bytes, start + k.NDTMSG_LENGTH, end)
  while (attributes.next()) {
    if (attributes.type === k.NDTA_THRESH3) limit = attributes.u32()
    else if (attributes.type === k.NDTA_STATS) refused = attributes.u64(TABLE_FULLS)
  }
  return refused === null ? [] : [{ family, refused, limit }]
}
