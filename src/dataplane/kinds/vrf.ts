import type { LinkDefinition } from './definition.ts'
import { name, natural } from './field.ts'

/** An owned VRF device with its table: up, and forwarding packets that come in by its ports. */
export interface VrfDevice {
  readonly kind: 'vrf'
  readonly device: string
  /** Our mark and the instance that the device serves: `chanter:<vpn instance id>`. */
  readonly alias: string
  /** Routing table; no other VRF may have it. */
  readonly table: number
}

export const vrf = {
  kind: 'vrf',
  role: 'link',
  vpn: 'ipvpn',
  fields: { device: name, alias: name, table: natural },
  identity: ({ device }) => `link ${device}`,
  kernelKind: () => 'vrf',
  traits: ({ table }) => ({ table }),
  isSuch: ({ table }, actual) => actual.table === table,
} satisfies LinkDefinition<VrfDevice>
