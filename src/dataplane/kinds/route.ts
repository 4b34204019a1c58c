import { formatIp, type Ip } from '../../values/address.ts'
import type { Key } from '../../values/key-map.ts'
import type { TableDefinition } from './definition.ts'
import { ip, name, natural } from './field.ts'
import { type Hop, hopsKey, routeHops } from './hop.ts'
import { prefixKey, prefixLength, prefixOf } from './prefix.ts'

/** A route of a VRF, also for packets from other VRFs and from the underlay. */
export interface VrfRoute {
  readonly kind: 'route'
  /** The VRF. */
  readonly device: string
  readonly table: number
  /** Without host bits. */
  readonly prefix: Ip
  readonly prefixLength: number
  /** At least one. Flows are spread over them in this order: keep it when one comes or goes. */
  readonly hops: readonly Hop[]
}

type Paths = Pick<VrfRoute, 'table' | 'hops'>

/** Limits the paths that one table remembers for sharing. */
const SHARED_PATHS = 4096

export const route = {
  kind: 'route',
  role: 'table',
  vpn: 'ipvpn',
  fields: { device: name, table: natural, prefix: ip, prefixLength, hops: routeHops },
  identity: ({ device, table, prefix, prefixLength }) =>
    `route ${formatIp(prefix)}/${prefixLength} in table ${table} of ${device}`,
  isMarked: true,
  /** Prefixes with the same hops share one value. */
  layout() {
    const shared = new Map<string, Paths>()
    return {
      key: ({ prefix, prefixLength }) => prefixKey(prefix, prefixLength),
      value({ table, hops }) {
        const key = `${table} ${hopsKey(hops)}`
        const known = shared.get(key)
        if (known !== undefined) return known
        if (shared.size >= SHARED_PATHS) shared.clear()
        const paths = { table, hops: routeHops.normal(hops) }
        shared.set(key, paths)
        return paths
      },
      entry: (device, key, { table, hops }) => ({ kind: 'route', device, table, ...prefixOf(key), hops }),
      same: (a, b) => a === b || (a.table === b.table && hopsKey(a.hops) === hopsKey(b.hops)),
      uses: ({ hops }) => hops,
    }
  },
} satisfies TableDefinition<VrfRoute, Key, Paths>
