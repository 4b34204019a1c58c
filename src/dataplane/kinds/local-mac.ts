import { formatMac, type Mac } from '../../values/mac.ts'
import type { TableDefinition } from './definition.ts'
import { mac, name } from './field.ts'

/** A MAC behind a local bridge port: an FDB entry of the bridge. */
export interface LocalMac {
  readonly kind: 'local-mac'
  readonly device: string
  readonly mac: Mac
}

export const localMac = {
  kind: 'local-mac',
  role: 'table',
  vpn: 'evpn',
  fields: { device: name, mac },
  identity: (entry) => `local-mac ${formatMac(entry.mac)} on ${entry.device}`,
  isMarked: true,
  isBridged: true,
  layout: () => ({
    key: (entry) => entry.mac,
    value: () => true,
    entry: (device, key) => ({ kind: 'local-mac', device, mac: key }),
    same: () => true,
  }),
} satisfies TableDefinition<LocalMac, Mac, true>
