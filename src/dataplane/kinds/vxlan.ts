import { type Ip, isIpv4 } from '../../values/address.ts'
import type { LinkDefinition } from './definition.ts'
import { ip, name, natural, nullable, since } from './field.ts'

/** A VXLAN device of ours: `nolearning`, up. */
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
  /** The interface that its packets leave by; null where nobody knows. */
  readonly underlay: string | null
}

export const vxlan: LinkDefinition<Vxlan> = {
  kind: 'vxlan',
  role: 'link',
  fields: {
    device: name,
    alias: name,
    vni: natural,
    local: ip,
    port: natural,
    mtu: since(nullable(natural), null),
    underlay: since(nullable(name), null),
  },
  identity: ({ device }) => `link ${device}`,
  kernelKind: () => 'vxlan',
  // Linux takes another underlay interface (`dev`), but not that there is none
  isSuch: ({ vni, local, port }, actual) =>
    actual.vni === vni &&
    actual.local !== null &&
    isIpv4(actual.local) === isIpv4(local) &&
    actual.port === port &&
    actual.lower === null,
  fits: ({ local }, actual) => actual.local === local,
}
