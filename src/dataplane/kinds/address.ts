import { formatIp, type Ip } from '../../values/address.ts'
import type { Key } from '../../values/key-map.ts'
import type { TableDefinition } from './definition.ts'
import { described, flag, ip, name, optional } from './field.ts'
import { prefixKey, prefixLength, prefixOf } from './prefix.ts'

/** An address of this machine on a port, as its VMs' gateway: usable at once, and without a route to its subnet. */
export interface PortAddress {
  readonly kind: 'address'
  readonly device: string
  readonly ip: Ip
  readonly prefixLength: number
  /** Only of an observed one, of IPv4: the kernel made a route to its subnet, which setting the address does not remove. */
  readonly hasRoute?: boolean
}

export const address = {
  kind: 'address',
  role: 'table',
  vpn: 'ipvpn',
  fields: {
    device: name,
    ip,
    prefixLength,
    hasRoute: described(
      optional(flag),
      'of an observed entry: whether the kernel made a route to its subnet, which it should not have',
    ),
  },
  identity: (entry) => `address ${formatIp(entry.ip)}/${entry.prefixLength} on ${entry.device}`,
  isMarked: false,
  layout: () => ({
    key: (entry) => prefixKey(entry.ip, entry.prefixLength),
    value: ({ hasRoute = null }) => hasRoute,
    entry(device, key, hasRoute) {
      const { prefix, prefixLength } = prefixOf(key)
      return {
        kind: 'address',
        device,
        ip: prefix,
        prefixLength,
        ...(hasRoute !== null && { hasRoute }),
      }
    },
    same: (a, b) => a === b,
  }),
} satisfies TableDefinition<PortAddress, Key, boolean | null>
