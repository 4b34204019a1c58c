import type { TableDefinition } from './definition.ts'
import { name } from './field.ts'

/** An external underlay interface that labelled packets are taken from; turned off again only by the process that turned it on. */
export interface MplsInterface {
  readonly kind: 'mpls-interface'
  readonly device: string
}

export const mplsInterface = {
  kind: 'mpls-interface',
  role: 'table',
  vpn: 'ipvpn',
  fields: { device: name },
  identity: ({ device }) => `mpls-interface ${device}`,
  isMarked: false,
  needsSettings: true,
  layout: () => ({
    key: () => 0,
    value: () => true,
    entry: (device) => ({ kind: 'mpls-interface', device }),
    same: () => true,
  }),
} satisfies TableDefinition<MplsInterface, 0, true>
