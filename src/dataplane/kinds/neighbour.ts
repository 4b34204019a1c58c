import { formatIp, type Ip } from '../../values/address.ts'
import { addressKey, addressOf, type Key } from '../../values/key-map.ts'
import type { Mac } from '../../values/mac.ts'
import type { TableDefinition } from './definition.ts'
import { flag, ip, mac, name } from './field.ts'

/** An address the bridge answers ARP or ND for: a neighbour of the bridge device. */
export interface Neighbour {
  readonly kind: 'neighbour'
  readonly device: string
  readonly ip: Ip
  readonly mac: Mac
  /** Whether the ND answers say that it is a router (RFC 9047). */
  readonly router: boolean
}

/** Added to a router's MAC address as a flag: more than any MAC address. */
const ROUTER = 2 ** 48

export const neighbour = {
  kind: 'neighbour',
  role: 'table',
  vpn: 'evpn',
  fields: { device: name, ip, mac, router: flag },
  identity: (entry) => `neighbour ${formatIp(entry.ip)} on ${entry.device}`,
  isMarked: true,
  // the kernel has no MAC address of one that is not resolved
  answers: ({ ip, mac }) => (mac === 0 ? null : { ip, mac }),
  layout: () => ({
    key: (entry) => addressKey(entry.ip),
    value: (entry) => (entry.router ? ROUTER + entry.mac : entry.mac),
    entry: (device, key, value) => ({
      kind: 'neighbour',
      device,
      ip: addressOf(key),
      mac: value % ROUTER,
      router: value >= ROUTER,
    }),
    same: (a, b) => a === b,
  }),
  packing: {
    pack(entry, to) {
      to.sharedText(entry.device)
      to.address(entry.ip)
      to.number(entry.mac)
      to.number(Number(entry.router))
    },
    unpack: (from) => ({
      kind: 'neighbour',
      device: from.text(),
      ip: from.address(),
      mac: from.number(),
      router: from.number() === 1,
    }),
  },
} satisfies TableDefinition<Neighbour, Key, number>
