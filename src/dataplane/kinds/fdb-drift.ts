import type { Ip } from '../../values/address.ts'
import type { Mac } from '../../values/mac.ts'
import type { FrameDestination } from './definition.ts'
import { described, type Fields, natural, optional, record } from './field.ts'

/**
 * The drift of an observed FDB entry of a VXLAN device, in the kernel's numbers; absent fields are as chanter sets them. Only observed entries have
 * it, since setting an entry does not always change it.
 */
export interface FdbDrift {
  /** UDP destination port. */
  readonly port?: number
  /** Index of the interface for its packets (`NDA_IFINDEX`). */
  readonly via?: number
  /** Id of a nexthop group instead of a VTEP. */
  readonly nhid?: number
  /** The VNI that packets must arrive with. */
  readonly srcVni?: number
  /** NUD state (`ndm_state`). */
  readonly state?: number
  /** Flags (`ndm_flags`) beside those for the entry's table. */
  readonly flags?: number
}

const number = optional(natural)

export const drift = described(
  optional(
    record('what drifted of an FDB entry', {
      port: number,
      via: number,
      nhid: number,
      srcVni: number,
      state: number,
      flags: number,
    } satisfies Fields<FdbDrift>),
  ),
  'of an observed entry: what another program changed, in numbers of the kernel',
)

/** Where the FDB entry sends frames for that MAC address. */
export function destinationOf(
  mac: Mac,
  { dst, drift: found }: { readonly dst: Ip; readonly drift?: FdbDrift },
): FrameDestination {
  return { mac, to: found?.nhid === undefined ? { vtep: dst } : { nhid: found.nhid } }
}

/** As in iproute2. */
export function driftText(found: FdbDrift = {}): string {
  return Object.entries(found)
    .map(([field, value]) => ` ${field} ${value}`)
    .join('')
}
