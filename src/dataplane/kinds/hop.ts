import type { Ip } from '../../values/address.ts'
import { described, type Fields, ip, list, name, natural, nullable, record } from './field.ts'

/** A next hop. */
export interface Hop {
  /** The outgoing interface: a port of any VRF, an underlay interface, a tunnel, or another VRF, which then decides. */
  readonly device: string
  /**
   * The neighbour on the interface; of a label route the endpoint itself. Null: none is needed (tunnel, VRF), or the neighbour
   * is the packet's own destination (port). Linux refuses an IPv4 neighbour for an IPv6 route, but not the reverse.
   */
  readonly via: Ip | null
  /** Pushed labels, the outermost first; none leaves packets as they are. */
  readonly labels: readonly number[]
  /** ECMP weight, 1 to 255; label routes share evenly. */
  readonly weight: number
}

/** The node's own path to an address, by its main table. */
export type NextHop = Pick<Hop, 'device' | 'via' | 'labels'>

const hops = list(
  record('a next hop', {
    device: name,
    via: described(nullable(ip), 'the neighbour on the interface; null where none is needed'),
    labels: described(list(natural), 'pushed labels, the outermost first'),
    weight: natural,
  } satisfies Fields<Hop>),
)

/** Of a route: the weight of a single hop means nothing. */
export const routeHops = {
  ...hops,
  normal: (all: readonly Hop[]) => (all.length > 1 ? all : unweighted(all)),
}

/** Of a label route: flows are spread evenly. */
export const labelRouteHops = { ...hops, normal: unweighted }

function unweighted(hops: readonly Hop[]): readonly Hop[] {
  return hops.every(({ weight }) => weight === 1) ? hops : hops.map((hop) => ({ ...hop, weight: 1 }))
}

/** Equal for equal hops. */
export function hopsKey(hops: readonly Hop[]): string {
  let key = ''
  for (const { device, via, labels, weight } of hops) {
    key += `${device} ${via ?? '-'} ${labels.join('/')} ${hops.length > 1 ? weight : 1};`
  }
  return key
}
