import type { LinkDefinition } from './definition.ts'
import { name, natural } from './field.ts'

/** A VRF device of ours with its table: up, and forwarding what comes in by its ports. */
export interface VrfDevice {
  readonly kind: 'vrf'
  readonly device: string
  /** Our mark and whom the device serves: `chanter:<vpn instance id>`. */
  readonly alias: string
  /** Routing table; no other VRF may have it. */
  readonly table: number
}

export const vrf: LinkDefinition<VrfDevice> = {
  kind: 'vrf',
  role: 'link',
  fields: { device: name, alias: name, table: natural },
  identity: ({ device }) => `link ${device}`,
  kernelKind: () => 'vrf',
  isSuch: ({ table }, actual) => actual.table === table,
}
