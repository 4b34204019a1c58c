import type { TableDefinition } from './definition.ts'
import { natural, oneOf } from './field.ts'
import { type Hop, hopsKey, labelRouteHops } from './hop.ts'

/** The route of an incoming label: the label is popped, and packets leave by `hops`, with other labels or none. */
export interface LabelRoute {
  readonly kind: 'mpls'
  /** Label routes belong to the node, not to an interface. */
  readonly device: 'lo'
  /** 16 to 1048574: Linux cannot receive the last one. */
  readonly label: number
  /** At least one. */
  readonly hops: readonly Hop[]
}

export const labelRoute = {
  kind: 'mpls',
  role: 'table',
  vpn: 'ipvpn',
  fields: { device: oneOf('lo'), label: natural, hops: labelRouteHops },
  identity: ({ label }) => `label ${label}`,
  isMarked: true,
  needsSettings: true,
  layout: () => ({
    key: ({ label }) => label,
    value: (entry) => labelRouteHops.normal(entry.hops),
    entry: (_device, label, value) => ({ kind: 'mpls', device: 'lo', label, hops: value }),
    same: (a, b) => hopsKey(a) === hopsKey(b),
    uses: (value) => value,
  }),
} satisfies TableDefinition<LabelRoute, number, readonly Hop[]>
