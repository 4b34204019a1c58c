import type { Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import type { LinkDefinition } from './definition.ts'
import { ip, mac, name } from './field.ts'
import { mtu, underlay, vxlanMtuOver } from './mtu.ts'

/** One end of a veth pair between two owned devices, up. Each end is wanted separately; the one that is set first creates both. */
export interface Veth {
  readonly kind: 'veth'
  readonly device: string
  readonly alias: string
  /** The other end. */
  readonly peer: string
  readonly mac: Mac
  /** Null: that of a VXLAN device with this source address over this underlay. */
  readonly mtu: number | null
  readonly local: Ip
  readonly underlay: string | null
}

export const veth = {
  kind: 'veth',
  role: 'link',
  vpn: 'ipvpn',
  fields: {
    device: name,
    alias: name,
    peer: name,
    mac,
    mtu,
    local: ip,
    underlay,
  },
  identity: ({ device }) => `link ${device}`,
  kernelKind: () => 'veth',
  isSuch: ({ peer }, actual) => actual.pair === peer,
  fits: (entry, actual) => actual.mac === entry.mac,
  traits: ({ peer, mac }) => ({ pair: peer, mac }),
  otherEnd: ({ peer }) => peer,
  mtuOver: ({ local }, underlayMtu = 0) => vxlanMtuOver(underlayMtu, local),
} satisfies LinkDefinition<Veth>
