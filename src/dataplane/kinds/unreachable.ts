import { formatIp, type Ip } from '../../values/address.ts'
import type { Key } from '../../values/key-map.ts'
import type { TableDefinition } from './definition.ts'
import { ip, name, natural } from './field.ts'
import { prefixKey, prefixLength, prefixOf } from './prefix.ts'

/** A prefix of a VRF that is unreachable unless there is a route to it: without one for `/0`, packets leave by the main table. */
export interface Unreachable {
  readonly kind: 'unreachable'
  /** The VRF. */
  readonly device: string
  readonly table: number
  /** Without host bits. */
  readonly prefix: Ip
  readonly prefixLength: number
}

export const unreachable = {
  kind: 'unreachable',
  role: 'table',
  vpn: 'ipvpn',
  fields: { device: name, table: natural, prefix: ip, prefixLength },
  identity: ({ device, table, prefix, prefixLength }) =>
    `unreachable ${formatIp(prefix)}/${prefixLength} in table ${table} of ${device}`,
  isMarked: true,
  // while a port is in a VRF, only this keeps its packets from the main table
  goesWithLink: true,
  layout: () => ({
    key: ({ prefix, prefixLength }) => prefixKey(prefix, prefixLength),
    value: ({ table }) => table,
    entry: (device, key, table) => ({ kind: 'unreachable', device, table, ...prefixOf(key) }),
    same: (a, b) => a === b,
  }),
} satisfies TableDefinition<Unreachable, Key, number>
