import { ANY_IPV4, type Ip } from '../../values/address.ts'
import { formatMac, type Mac } from '../../values/mac.ts'
import type { TableDefinition } from './definition.ts'
import { destinationOf, drift as driftField, type FdbDrift } from './fdb-drift.ts'
import { ip, mac, name, natural } from './field.ts'

/** A MAC behind a remote VTEP. */
export interface RemoteMac {
  readonly kind: 'remote-mac'
  readonly device: string
  readonly mac: Mac
  readonly dst: Ip
  readonly vni: number
  readonly drift?: FdbDrift
}

/** The destination of an FDB entry of a VXLAN device. */
export type FdbDestination = Pick<RemoteMac, 'dst' | 'vni' | 'drift'>

/** Limits the destinations that one table remembers for sharing. */
const SHARED_DESTINATIONS = 4096

export const remoteMac = {
  kind: 'remote-mac',
  role: 'table',
  vpn: 'evpn',
  fields: { device: name, mac, dst: ip, vni: natural, drift: driftField },
  identity: (entry) => `remote-mac ${formatMac(entry.mac)} on ${entry.device}`,
  isMarked: true,
  isBridged: true,
  // a part has no VTEP
  sendsTo: (entry) =>
    entry.dst === ANY_IPV4 && entry.drift?.nhid === undefined ? null : destinationOf(entry.mac, entry),
  /** MACs behind the same VTEP share one value. */
  layout() {
    const shared = new Map<Ip, FdbDestination>()
    return {
      key: (entry) => entry.mac,
      value(entry) {
        const { dst, vni } = entry
        if (entry.drift !== undefined) return { dst, vni, drift: entry.drift }
        const known = shared.get(dst)
        if (known?.vni === vni) return known
        if (shared.size >= SHARED_DESTINATIONS) shared.clear()
        const destination = { dst, vni }
        shared.set(dst, destination)
        return destination
      },
      entry(device, key, { dst, vni, drift }) {
        const entry = { kind: 'remote-mac', device, mac: key, dst, vni } as const
        return drift === undefined ? entry : { ...entry, drift }
      },
      same: (a, b) => a === b || (a.dst === b.dst && a.vni === b.vni && !a.drift && !b.drift),
    }
  },
  /** As wanted: without the drift of an observed entry. */
  packing: {
    pack(entry, to) {
      to.sharedText(entry.device)
      to.number(entry.mac)
      to.sharedText(entry.dst)
      to.number(entry.vni)
    },
    unpack: (from) => ({
      kind: 'remote-mac',
      device: from.text(),
      mac: from.number(),
      dst: from.text() as Ip,
      vni: from.number(),
    }),
  },
} satisfies TableDefinition<RemoteMac, Mac, FdbDestination>
