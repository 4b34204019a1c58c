import { formatIp, type Ip, isIpv4 } from '../../values/address.ts'
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

/** What setting an address again can change. */
type Form = Pick<PortAddress, 'prefixLength'> & { readonly hasRoute: boolean | null }

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
  /** IPv6 has an address once on an interface, whatever its prefix length. */
  identity: ({ device, ip, prefixLength }) =>
    `address ${formatIp(ip)}${isIpv4(ip) ? `/${prefixLength}` : ''} on ${device}`,
  isMarked: false,
  layout: () => ({
    key: ({ ip, prefixLength }) => prefixKey(ip, isIpv4(ip) ? prefixLength : ip.length * 8),
    value: ({ prefixLength, hasRoute = null }) => ({ prefixLength, hasRoute }),
    entry: (device, key, { prefixLength, hasRoute }) => ({
      kind: 'address',
      device,
      ip: prefixOf(key).prefix,
      prefixLength,
      ...(hasRoute !== null && { hasRoute }),
    }),
    same: (a, b) => a.prefixLength === b.prefixLength && a.hasRoute === b.hasRoute,
  }),
} satisfies TableDefinition<PortAddress, Key, Form>
