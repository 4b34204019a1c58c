import { formatIp, type Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import type { TableDefinition } from './definition.ts'
import { ip, mac, name } from './field.ts'

/** The MAC address of an endpoint on a port, for which no ARP or ND is needed. */
export interface FixedNeighbour {
  readonly kind: 'fixed-neighbour'
  readonly device: string
  readonly ip: Ip
  readonly mac: Mac
}

export const fixedNeighbour = {
  kind: 'fixed-neighbour',
  role: 'table',
  vpn: 'ipvpn',
  fields: { device: name, ip, mac },
  identity: (entry) => `fixed-neighbour ${formatIp(entry.ip)} on ${entry.device}`,
  isMarked: true,
  layout: () => ({
    key: (entry) => entry.ip,
    value: (entry) => entry.mac,
    entry: (device, key, value) => ({ kind: 'fixed-neighbour', device, ip: key, mac: value }),
    same: (a, b) => a === b,
  }),
} satisfies TableDefinition<FixedNeighbour, Ip, Mac>
