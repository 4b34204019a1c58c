import { formatIp, type Ip } from '../../values/address.ts'
import type { TableDefinition } from './definition.ts'
import { ip, name } from './field.ts'

/** An IPv6 address that the port answers ND for, though it is elsewhere: what proxy ARP does by itself for IPv4. */
export interface ProxyNeighbour {
  readonly kind: 'proxy-neighbour'
  readonly device: string
  readonly ip: Ip
}

export const proxyNeighbour: TableDefinition<ProxyNeighbour, Ip, true> = {
  kind: 'proxy-neighbour',
  role: 'table',
  fields: { device: name, ip },
  identity: (entry) => `proxy-neighbour ${formatIp(entry.ip)} on ${entry.device}`,
  isMarked: true,
  isLostSilently: true,
  layout: () => ({
    key: (entry) => entry.ip,
    value: () => true,
    entry: (device, key) => ({ kind: 'proxy-neighbour', device, ip: key }),
    same: () => true,
  }),
}
