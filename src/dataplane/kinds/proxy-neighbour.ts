import { formatIp, type Ip } from '../../values/address.ts'
import type { TableDefinition } from './definition.ts'
import { ip, name } from './field.ts'

/** An IPv6 address elsewhere that the port answers ND for; for IPv4, proxy ARP does that by itself. */
export interface ProxyNeighbour {
  readonly kind: 'proxy-neighbour'
  readonly device: string
  readonly ip: Ip
}

export const proxyNeighbour = {
  kind: 'proxy-neighbour',
  role: 'table',
  vpn: 'ipvpn',
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
} satisfies TableDefinition<ProxyNeighbour, Ip, true>
