import type { TableEntry } from '../../kinds/index.ts'
import { address } from './address.ts'
import type { LinuxDefinition } from './definition.ts'
import { fixedNeighbour } from './fixed-neighbour.ts'
import { flood } from './flood.ts'
import { labelRoute } from './label-route.ts'
import { localMac } from './local-mac.ts'
import { mplsInterface } from './mpls-interface.ts'
import { neighbour } from './neighbour.ts'
import { proxyNeighbour } from './proxy-neighbour.ts'
import { remoteMac } from './remote-mac.ts'
import { route } from './route.ts'
import { udpPort } from './udp-port.ts'
import { unreachable } from './unreachable.ts'

const all = [
  localMac,
  flood,
  remoteMac,
  neighbour,
  unreachable,
  mplsInterface,
  udpPort,
  address,
  fixedNeighbour,
  route,
  labelRoute,
  proxyNeighbour,
] as const satisfies readonly { readonly kind: TableEntry['kind'] }[]

/** The definition of any kind; pass its methods only entries of its own kind. */
type AnyDefinition = LinuxDefinition<TableEntry>

/** All kinds of which a device has many. */
export const linuxDefinitions: readonly AnyDefinition[] = all as unknown as readonly AnyDefinition[]

const byKind = new Map<string, AnyDefinition>(linuxDefinitions.map((one) => [one.kind, one]))

export function linuxDefinition(kind: TableEntry['kind']): AnyDefinition {
  return byKind.get(kind)!
}
