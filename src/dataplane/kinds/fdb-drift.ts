import { type Field, natural, optional, record } from './field.ts'

/**
 * What of an entry of a VXLAN device's FDB is not as we set it, in the kernel's numbers; what is absent is. Only of entries that are found: to set
 * them does not always change it.
 */
export interface FdbDrift {
  /** UDP destination port. */
  readonly port?: number
  /** Index of the interface that its packets leave by. */
  readonly via?: number
  /** Id of a nexthop group instead of a VTEP. */
  readonly nhid?: number
  /** The VNI that packets have to come in with. */
  readonly srcVni?: number
  /** NUD state (`ndm_state`). */
  readonly state?: number
  /** Flags (`ndm_flags`) beside those of where the entry is. */
  readonly flags?: number
}

const number = optional(natural)

export const drift: Field<FdbDrift> = optional(
  record<FdbDrift>('what drifted of an FDB entry', {
    port: number,
    via: number,
    nhid: number,
    srcVni: number,
    state: number,
    flags: number,
  }),
)

/** As iproute2 has it. */
export function driftText(found: FdbDrift = {}): string {
  return Object.entries(found)
    .map(([field, value]) => ` ${field} ${value}`)
    .join('')
}
