import { formatIp, type Ip } from '../../values/address.ts'
import type { Key } from '../../values/key-map.ts'
import type { TableDefinition } from './definition.ts'
import { ip, name, natural } from './field.ts'
import { prefixKey, prefixOf } from './prefix.ts'

/** An address of this machine on a port, as its VMs' gateway: usable at once, and without a route to its subnet. */
export interface PortAddress {
  readonly kind: 'address'
  readonly device: string
  readonly ip: Ip
  readonly prefixLength: number
}

export const address: TableDefinition<PortAddress, Key, true> = {
  kind: 'address',
  role: 'table',
  vpn: 'ipvpn',
  fields: { device: name, ip, prefixLength: natural },
  identity: (entry) => `address ${formatIp(entry.ip)}/${entry.prefixLength} on ${entry.device}`,
  isMarked: false,
  layout: () => ({
    key: (entry) => prefixKey(entry.ip, entry.prefixLength),
    value: () => true,
    entry(device, key) {
      const { prefix, prefixLength } = prefixOf(key)
      return { kind: 'address', device, ip: prefix, prefixLength }
    },
    same: () => true,
  }),
}
