import {
  type Kind,
  LINK_KINDS,
  type LinkEntry,
  type PortEntry,
  TABLE_KINDS,
  type TableEntry,
} from '../../kinds/index.ts'
import { address } from './address.ts'
import { bridge } from './bridge.ts'
import type { LinuxDefinition } from './definition.ts'
import { fixedNeighbour } from './fixed-neighbour.ts'
import { flood } from './flood.ts'
import { labelRoute } from './label-route.ts'
import type { LinuxLinkDefinition, LinuxPortDefinition } from './link-definition.ts'
import { localMac } from './local-mac.ts'
import { mplsInterface } from './mpls-interface.ts'
import { neighbour } from './neighbour.ts'
import { port } from './port.ts'
import { proxyNeighbour } from './proxy-neighbour.ts'
import { remoteMac } from './remote-mac.ts'
import { route } from './route.ts'
import { tunnel } from './tunnel.ts'
import { udpPort } from './udp-port.ts'
import { unreachable } from './unreachable.ts'
import { veth } from './veth.ts'
import { vrf } from './vrf.ts'
import { vrfPort } from './vrf-port.ts'
import { vxlan } from './vxlan.ts'

/** All kinds, in the order of `kinds/index.ts` of the dataplane. */
const all = [
  bridge,
  vrf,
  vxlan,
  tunnel,
  veth,
  port,
  vrfPort,
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
] as const satisfies readonly { readonly kind: Kind }[]

/** The definition of any kind; pass its methods only entries of its own kind. */
type AnyLinuxTable = LinuxDefinition<TableEntry>
type AnyLinuxLink = LinuxLinkDefinition<LinkEntry>
type AnyLinuxPort = LinuxPortDefinition<PortEntry>

const byKind = new Map<Kind, unknown>(all.map((one) => [one.kind, one]))

/** All kinds of which a device has many. */
export const linuxDefinitions: readonly AnyLinuxTable[] = TABLE_KINDS.map(linuxDefinition)

const byKernelKind = new Map(
  LINK_KINDS.map(linuxLink).flatMap((link) =>
    [...link.kernelKinds.keys()].map((kind) => [kind, link] as const),
  ),
)

export function linuxDefinition(kind: TableEntry['kind']): AnyLinuxTable {
  return byKind.get(kind) as AnyLinuxTable
}

export function linuxLink(kind: LinkEntry['kind']): AnyLinuxLink {
  return byKind.get(kind) as AnyLinuxLink
}

/** The definition of an owned link of one of the kernel's link kinds; undefined where there is none. */
export function linuxLinkOf(kernelKind: string | null): AnyLinuxLink | undefined {
  return kernelKind === null ? undefined : byKernelKind.get(kernelKind)
}

export function linuxPort(kind: PortEntry['kind']): AnyLinuxPort {
  return byKind.get(kind) as AnyLinuxPort
}
