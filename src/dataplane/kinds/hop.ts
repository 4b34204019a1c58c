import type { Ip } from '../../values/address.ts'
import { type Field, ip, list, name, natural, nullable, record } from './field.ts'

/** A next hop of packets. */
export interface Hop {
  /** The interface they leave by: a port of any VRF, an interface of the core, a tunnel, or another VRF, which then decides. */
  readonly device: string
  /**
   * The neighbour on the interface that gets them; of a label route the endpoint itself. Null: none is needed (tunnel, VRF), or it is
   * their own destination (port). Linux refuses an IPv4 neighbour for an IPv6 route, but not the reverse.
   */
  readonly via: Ip | null
  /** Labels that they get, the outermost first; none leaves them as they are. */
  readonly labels: readonly number[]
  /** Share of the flows among the hops, 1 to 255; label routes share evenly. */
  readonly weight: number
}

/** How this machine sends to an address by its main table. */
export type NextHop = Pick<Hop, 'device' | 'via' | 'labels'>

export const hops: Field<readonly Hop[]> = list(
  record<Hop>('a next hop', { device: name, via: nullable(ip), labels: list(natural), weight: natural }),
)

/** Where nothing is shared, shares mean nothing. */
export function unweighted(hops: readonly Hop[]): readonly Hop[] {
  return hops.every(({ weight }) => weight === 1) ? hops : hops.map((hop) => ({ ...hop, weight: 1 }))
}

/** Equal for hops that say the same. */
export function hopsKey(hops: readonly Hop[]): string {
  let key = ''
  for (const { device, via, labels, weight } of hops) {
    key += `${device} ${via ?? '-'} ${labels.join('/')} ${hops.length > 1 ? weight : 1};`
  }
  return key
}
