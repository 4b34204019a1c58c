import { type Ip, isIpv4 } from '../../values/address.ts'
import type { LinkDefinition } from './definition.ts'
import { ip, name, natural, since } from './field.ts'
import { mtu, underlay, vxlanMtuOver, vxlanRoomOver } from './mtu.ts'

/** An owned VXLAN device: `nolearning`, up. */
export interface Vxlan {
  readonly kind: 'vxlan'
  readonly device: string
  readonly alias: string
  readonly vni: number
  readonly local: Ip
  /** UDP destination port. */
  readonly port: number
  /** Null: what the underlay has room for. */
  readonly mtu: number | null
  /** The underlay interface; null where it is unknown. */
  readonly underlay: string | null
}

export const vxlan = {
  kind: 'vxlan',
  role: 'link',
  vpn: 'evpn',
  fields: {
    device: name,
    alias: name,
    vni: natural,
    local: ip,
    port: natural,
    mtu: since(mtu, null),
    underlay: since(underlay, null),
  },
  identity: ({ device }) => `link ${device}`,
  kernelKind: () => 'vxlan',
  // Linux accepts another underlay interface (`dev`), but not its removal
  isSuch: ({ vni, local, port }, actual) =>
    actual.vni === vni &&
    actual.local !== null &&
    isIpv4(actual.local) === isIpv4(local) &&
    actual.port === port &&
    actual.lower === null,
  fits: ({ local }, actual) => actual.local === local,
  traits: ({ vni, local, port }) => ({ vni, local, port }),
  localOf: ({ local }) => local,
  excludes: ({ vni, port }, other) => other.vni === vni && other.port === port,
  mtuOver: ({ local }, underlayMtu = 0) => vxlanMtuOver(underlayMtu, local),
  roomOver: ({ local }, underlayMtu) => vxlanRoomOver(underlayMtu, local),
} satisfies LinkDefinition<Vxlan>
